import { build } from 'esbuild'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { installedIn } from '../support/set-up/installed.js'

let folder: string
let app: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-training-bundle-'))
  app = join(folder, 'app')
  installedIn(app)
}, 120_000)

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** A device by kernels that are handed in: as a page has it, in any place. */
const begin = `
const { readFileSync } = await import('node:fs')
const wasmModule = new WebAssembly.Module(readFileSync('node_modules/lanewise/dist/wasm/train-simd.wasm'))
const device = await Device.create({ wasmModule, seed: 3 })
/** The gradients of all parameters of a module. */
const slopes = (model, lossOf) => device.step(() => {
  lossOf().backward()
  return model.parameters().map((parameter) => Array.from(parameter.grad.data()))
})
`

const small = `
import { Conv2d, crossEntropy, Device, exportModel, Flatten, Linear, MaxPool2d, ReLU, Sequential, toGraph } from 'lanewise/train'
${begin}
const model = new Sequential(new Conv2d(1, 2, 3), new ReLU(), new MaxPool2d(2), new Flatten(), new Linear(18, 4))
const x = Float32Array.from({ length: 128 }, (_, i) => Math.sin(i))
const found = slopes(model, () => crossEntropy(model.call(device.tensor(x, [2, 1, 8, 8])), device.tensor(BigInt64Array.of(1n, 3n), [2])))
const file = exportModel(toGraph(model, [{ name: 'x', shape: [{ name: 'N', size: 2 }, 1, 8, 8] }]))
console.log(JSON.stringify([found, Array.from(file)]))
`

const wide = `
import {
  AttentionLSTM, BatchNorm1d, bceWithLogits, ConvTranspose1d, crossEntropy, Device, Embedding, exportModel, F, GroupNorm, GRU, huber, klDiv, LayerNorm, Linear, LSTM,
  Module, MultiheadAttention, nll, PReLU, RMSNorm, RNN, toGraph, tripletMargin, Upsample,
} from 'lanewise/train'
${begin}
const layers = {
  batch: [new BatchNorm1d(6), (m, x) => m.call(F.transpose(x, [0, 2, 1]))],
  up: [new ConvTranspose1d(5, 2, 3), (m, x) => m.call(x)],
  group: [new GroupNorm(1, 5), (m, x) => m.call(x)],
  gru: [new GRU(6, 4), (m, x) => m.call(x)[0]],
  lstm: [new LSTM(6, 4), (m, x) => m.call(x)[0]],
  rnn: [new RNN(6, 4), (m, x) => m.call(x)[0]],
  layer: [new LayerNorm(6), (m, x) => F.gelu(m.call(x))],
  attention: [new MultiheadAttention(6, 2), (m, x) => m.call(x)],
  prelu: [new PReLU(), (m, x) => m.call(x)],
  rms: [new RMSNorm(6), (m, x) => F.logSoftmax(F.cumsum(m.call(x), 1), -1)],
  upsampled: [new Linear(6, 3), (m, x) => new Upsample({ scaleFactor: 2 }).call(m.call(x))],
  indexed: [new Linear(6, 3), (m, x) => F.indexSelect(F.topk(m.call(x), 2)[0], 1, device.tensor(BigInt64Array.of(4n, 0n), [2]))],
  huber: [new Linear(6, 3), (m, x) => huber(m.call(x), F.mul(F.sin(m.call(x)), 2))],
  divergence: [new Linear(6, 3), (m, x) => klDiv(F.logSoftmax(m.call(x), -1), F.softmax(m.call(x), -1))],
  probability: [new Linear(6, 1), (m, x) => bceWithLogits(m.call(x), F.sigmoid(m.call(x)))],
  scores: [new Linear(6, 3), (m, x) => nll(F.logSoftmax(F.reshape(m.call(x), [10, 3]), 1), device.tensor(new BigInt64Array(10), [10]))],
  weighted: [new Linear(6, 3), (m, x) => crossEntropy(F.reshape(m.call(x), [10, 3]), device.tensor(new BigInt64Array(10), [10]), { labelSmoothing: 0.1 })],
  embedded: [new Embedding(4, 6), (m, x) => F.mul(m.call(device.tensor(BigInt64Array.of(1n, 3n), [2, 1])), x)],
  triplet: [new Linear(6, 3), (m, x) => tripletMargin(m.call(x), F.flip(m.call(x), [1]), F.relu(m.call(x)))],
  linear: [new Linear(6, 3), (m, x) => F.cat([F.softplus(m.call(x)), F.tanh(F.clip(m.call(x), -0.5, 0.5))], 1)],
}
const x = Float32Array.from({ length: 60 }, (_, i) => Math.sin(i * 3))
const found = {}
for (const [name, [model, call]] of Object.entries(layers))
  found[name] = slopes(model, () => {
    const y = call(model, device.tensor(x, [2, 5, 6]))
    return F.sum(F.mul(y, y))
  })
class Reader extends Module {
  decoder = new AttentionLSTM(6, 4)
  forward(x, places) {
    return F.softmax(this.decoder.call(x, places)[0], -1)
  }
}
const graph = toGraph(new Reader(), [{ name: 'x', shape: [5, 2, 6] }, { name: 'places', shape: [2, 3, 4] }])
console.log(JSON.stringify({ ...found, file: [Array.from(exportModel(graph))] }))
`

const functional = `
import { Device, Linear } from 'lanewise/train'
import * as F from 'lanewise/train/functional'
${begin}
const layer = new Linear(3, 2)
console.log(JSON.stringify(slopes(layer, () => F.sum(F.tanh(layer.call(device.tensor(Float32Array.of(1, -2, 3), [1, 3])))))))
`

const byName = `
import { Device, exportModel, F, GraphModule, Linear, Module, toGraph } from 'lanewise/train'
${begin}
class Wavy extends Module {
  layer = new Linear(3, 4)
  forward(x) {
    return F.op('ReduceSumSquare', F.op('Cos', F.op('Swish', [this.layer.call(x)])))[0]
  }
}
class Plain extends Module {
  layer = new Linear(3, 4)
  forward(x) {
    return F.sin(F.indexSelect(this.layer.call(x), 1, device.tensor(BigInt64Array.of(2n, 0n), [2])))
  }
}
const values = Float32Array.of(1, -2, 3, 0.5, 4, -1)
const plain = new Plain()
const file = exportModel(toGraph(plain, [{ name: 'x', shape: [{ name: 'N', size: 2 }, 3] }]))
const imported = await GraphModule.from(file)
const wavy = new Wavy()
console.log(JSON.stringify([
  slopes(wavy, () => wavy.call(device.tensor(values, [2, 3]))),
  slopes(imported, () => F.sum(imported.call(device.tensor(values, [2, 3])))),
  slopes(plain, () => F.sum(plain.call(device.tensor(values, [2, 3])))),
]))
`

/** What is written of layers and functions of every kind, by names: base64, or what is said instead. */
const files = `
import {
  AttentionLSTM, BatchNorm1d, compressWeights, Conv2d, ConvTranspose1d, Device, Dropout, ELU, Embedding, exportModel, F, GELU, GroupNorm, GRU, InstanceNorm1d, LayerNorm,
  LeakyReLU, Linear, LocallyConnected2d, LSTM, MaxPool2d, Module, MultiheadAttention, PReLU, RMSNorm, RNN, Sequential, SiLU, Softplus, toGraph, TransformerEncoderLayer, Upsample,
} from 'lanewise/train'
${begin}
const x = { name: 'x', shape: [2, 5, 6] }
const ids = { name: 'ids', dtype: 'int64', shape: [{ name: 'N', size: 2 }, 3] }
const mask = { name: 'mask', dtype: 'bool', shape: [2, 5, 6] }
const bytes = { name: 'bytes', dtype: 'uint8', shape: [2, 5, 6] }
class Own extends Module {
  constructor(call, layer) {
    super()
    this.call_ = call
    this.layer = layer
  }
  forward(...inputs) {
    return this.call_(this.layer, ...inputs)
  }
}
const row = (inputs, call, layer) => toGraph(new Own(call, layer), inputs)
const large = () => row([{ name: 'x', shape: [{ name: 'N', size: 2 }, 64] }], (m, x) => m.call(x), new Linear(64, 64))
const graphs = {
  elu: () => row([x], (m, x) => m.call(x), new Sequential(new Linear(6, 6), new ELU(), new Softplus(), new LeakyReLU(), new PReLU(), new Dropout(0.5))),
  silu: () => row([x], (m, x) => m.call(x), new SiLU()),
  sigmoidScaled: () => row([x], (_, x) => F.mul(x, F.sigmoid(x))),
  gelu: () => row([x], (m, x) => m.call(x), new GELU()),
  batch: () => row([x], (m, x) => m.call(x), new BatchNorm1d(5)),
  instance: () => row([x], (m, x) => m.call(x), new InstanceNorm1d(5)),
  up: () => row([x], (m, x) => m.call(x), new ConvTranspose1d(5, 2, 3)),
  resized: () => row([x], (m, x) => m.call(x), new Upsample({ scaleFactor: 2 })),
  group: () => row([x], (m, x) => m.call(x), new GroupNorm(1, 5)),
  layer: () => row([x], (m, x) => m.call(x), new LayerNorm(6)),
  rms: () => row([x], (m, x) => F.gelu(m.call(x)), new RMSNorm(6)),
  gru: () => row([x], (m, x) => m.call(x)[0], new GRU(6, 4)),
  lstm: () => row([x], (m, x) => m.call(x)[0], new LSTM(6, 4)),
  rnn: () => row([x], (m, x) => m.call(x)[0], new RNN(6, 4)),
  attention: () => row([x], (m, x) => m.call(x), new MultiheadAttention(6, 2)),
  transformer: () => row([x], (m, x) => m.call(x), new TransformerEncoderLayer(6, 2, { dimFeedforward: 8 })),
  reader: () => row([{ name: 'x', shape: [5, 2, 6] }, { name: 'places', shape: [2, 3, 4] }], (m, x, places) => m.call(x, places)[0], new AttentionLSTM(6, 4)),
  embedded: () => row([ids], (m, ids) => m.call(ids), new Embedding(9, 4)),
  picture: () => row([{ name: 'x', shape: [2, 3, 8, 8] }], (m, x) => m.call(x), new Sequential(new Conv2d(3, 4, 3, { padding: 1 }), new MaxPool2d(2))),
  local: () => row([{ name: 'x', shape: [2, 3, 8, 8] }], (m, x) => m.call(x), new LocallyConnected2d(3, 2, 3, [8, 8])),
  top: () => row([x], (_, x) => F.topk(x, 2)[0]),
  parts: () => row([x], (_, x) => F.split(x, 2, 2)),
  places: () => row([x], (_, x) => [F.argmax(x, 1), F.oneHot(F.argmax(x, 2), 6), F.cumsum(x, 1)]),
  chosen: () => row([x, mask], (_, x, mask) => F.where(F.logicalNot(mask), x, F.maximum(x, 0.5))),
  compared: () => row([x], (_, x) => F.logicalAnd(F.gt(x, 0), F.le(x, F.mean(x, [2], true)))),
  pixels: () => row([bytes], (m, bytes) => m.call(F.div(F.cast(bytes, 'float32'), 255)), new Linear(6, 2)),
  halves: () => row([x], (_, x) => F.cast(F.add(F.cast(x, 'float16'), F.cast(x, 'float16')), 'float32')),
  wide: () => row([{ ...x, dtype: 'float64' }], (_, x) => F.sqrt(F.exp(x))),
  summed: () => row([x], (_, x) => F.logsumexp(F.einsum('bij,bkj->bik', x, x), [2])),
  padded: () => row([x], (_, x) => F.flip(F.tril(F.pad(x, [1, 2])), [1])),
  float16: () => compressWeights(large(), 'float16'),
  int8: () => compressWeights(large(), 'int8'),
}
const written = {}
for (const [name, make] of Object.entries(graphs))
  try {
    written[name] = Buffer.from(exportModel(make())).toString('base64')
  } catch (error) {
    written[name] = String(error)
  }
console.log(JSON.stringify(written))
`

/**
 * What an app in a page writes in another operator set than the one of its own layers, and of operators by their names.
 */
const older = (first: string) => `
${first}
import { Device, exportModel, Linear, Module, SiLU, Sequential, toGraph } from 'lanewise/train'
${begin}
const graph = toGraph(new Sequential(new Linear(3, 2), new SiLU()), [{ name: 'x', shape: [1, 3] }])
const tried = (run) => {
  try {
    return Buffer.from(run()).toString('base64')
  } catch (error) {
    return { code: error.code, message: error.message }
  }
}
console.log(JSON.stringify([13, 21, 24, undefined].map((opset) => tried(() => exportModel(graph, { opset })))))
`

/** What a program prints in Node, with the package as it is installed, and bundled as for a page. */
async function both(name: string, program: string): Promise<{ node: unknown; page: unknown; text: string }> {
  writeFileSync(join(app, `${name}.mjs`), program)
  const outfile = join(app, `${name}-page.mjs`)
  const { outputFiles } = await build({
    entryPoints: [join(app, `${name}.mjs`)],
    outfile,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    // The test reads a file with it; the library must not.
    external: ['node:fs'],
    logLevel: 'error',
    write: false,
  })
  writeFileSync(outfile, outputFiles[0].contents)
  const run = (file: string): unknown =>
    JSON.parse(execFileSync(process.execPath, [file], { cwd: app, encoding: 'utf8' }))
  return { node: run(`${name}.mjs`), page: run(outfile), text: outputFiles[0].text }
}

describe('an app that trains, bundled for a page, has the gradients that Node has', () => {
  test('of the layers in it, and carries no others', async () => {
    const { node, page, text } = await both('small', small)
    expect(page).toEqual(node)
    for (const kernel of ['lstm_step', 'layer_norm_gradient', 'einsum', 'onnx.proto'])
      expect(text).not.toContain(kernel)
    expect(text).not.toMatch(/name:"(LSTM|Einsum|Resize|Attention|LayerNormalization|QLinearConv)"/)
  }, 60_000)

  test('of every kind of layer and function', async () => {
    const { node, page } = await both('wide', wide)
    expect(page).toEqual(node)
    expect(Object.values(node as Record<string, number[][]>).every((lists) => lists.flat().some((x) => x !== 0))).toBe(
      true,
    )
  }, 60_000)

  test('of functions from their own entry, and carries no others', async () => {
    const { node, page, text } = await both('functional', functional)
    expect(page).toEqual(node)
    expect(text).not.toMatch(/name:"(LSTM|Einsum|Resize|Attention|LayerNormalization|QLinearConv|TopK)"/)
  }, 60_000)

  test('of operators by their names, and of a graph from a file', async () => {
    const { node, page } = await both('by-name', byName)
    expect(page).toEqual(node)
    const [, imported, own] = node as number[][][]
    expect(imported.flat().toSorted()).toEqual(own.flat().toSorted())
  }, 60_000)

  test('and writes the same files', async () => {
    const { node, page } = await both('files', files)
    for (const [name, file] of Object.entries(node as Record<string, string>))
      expect(file, name).toMatch(/^[A-Za-z0-9+/]+=*$/)
    expect(page).toEqual(node)
  }, 60_000)

  test('other operator sets come with an import that the error names', async () => {
    const without = await both('older', older(''))
    const [, today, , byDefault] = without.node as unknown[]
    const refused = { code: 'E_UNSUPPORTED', message: expect.stringContaining("import 'lanewise/ops/all'") as unknown }
    expect(without.page).toEqual([refused, today, refused, byDefault])
    expect(without.text).not.toContain('ai.onnx.ml.Binarizer')
    const { node, page } = await both('older-all', older("import 'lanewise/ops/all'"))
    expect(page).toEqual(node)
    expect((node as unknown[])[0]).toBeTypeOf('string')
  }, 60_000)
})
