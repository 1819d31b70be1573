import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { differenceOf } from '../../src/cli/difference.js'
import { findDivergence } from '../../src/cli/divergence.js'
import { readNpy, writeNpy } from '../../src/data/formats/npy.js'
import { readNpz } from '../../src/data/formats/npz.js'
import { hostFrom, hostZeros, type HostTensor } from '../../src/core/host.js'
import type { RunProfile } from '../../src/inspect/profile-file.js'
import { encodeTensor } from '../../src/onnx/tensor-proto.js'
import { readModel, writeModel, writeTensorProto } from '../../src/onnx/wire.js'
import '../../src/all-ops.js'
import { exportModel, GraphBuilder, Tensor } from '../../src/node.js'
import { smallImage, smallModel } from '../support/small-model.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
let folder: string
let model: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lanewise-cli-'))
  model = join(folder, 'small.onnx')
  await writeFile(model, smallModel())
  await writeFile(join(folder, 'image.npy'), writeNpy({ dtype: 'float32', shape: [1, 1, 12, 12], data: smallImage() }))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

interface Result {
  readonly code: number
  readonly out: string
  readonly error: string
}

function lanewise(...args: string[]): Promise<Result> {
  return new Promise((done) => {
    execFile(process.execPath, [main, ...args], { cwd: folder, maxBuffer: 2 ** 26 }, (error, out, stderr) => {
      done({ code: error ? (error.code as number) : 0, out, error: stderr })
    })
  })
}

/** What the commands answer with --json, as far as the tests look. */
interface Answer {
  readonly outputs: readonly {
    dims: number[]
    data: number[]
    top: { index: number; label: string; score: number; probability: number }[]
  }[]
  readonly nodes: readonly {
    op: string
    name: string
    ms: number
    outputs: object[]
    hyperparameters: { pads: number[] }
  }[]
  readonly totals: { parameters: number; peakBytes: number; weightBytes: number; arenaBytes: number }
  readonly opsets: Readonly<Record<string, number>>
  readonly unsupported: readonly object[]
  readonly engines: readonly { name: string; agrees?: boolean; ratio: number; medianMs: number }[]
  readonly rounds: number
  readonly valuesCompared: number
  readonly firstDivergence?: { op: string; node: string; onlyOptimized: boolean }
  readonly ratio: number
  readonly totalMs: number
}

/** Runs with --json and reads the answer; a failure shows what the command said. */
async function json(...args: string[]): Promise<Answer> {
  const { code, out, error } = await lanewise(...args, '--json')
  expect(`${code} ${error}`).toBe('0 ')
  return JSON.parse(out) as Answer
}

describe('command line', () => {
  test.each([
    [[], 'a command is missing'],
    [['paint'], '"paint" is not a command'],
    [['run'], 'the model is missing'],
    [['run', 'a.onnx', 'b.onnx'], 'one model at a time'],
    [['run', 'a.onnx', '--colour'], "Unknown option '--colour'"],
    [['run', 'a.onnx', '--top', 'many'], '--top must be a whole number of at least 1, got "many"'],
    [['run', 'a.onnx', '--top', '0'], '--top must be'],
    [['bench', 'a.onnx', '--vs', 'tensorrt'], '"tensorrt" is not a peer'],
    [['compare', 'a.onnx', '--with', 'abacus'], '--with must be onnxruntime-web or onnxruntime-node'],
  ])('%j is a usage error of one line', async (args, message) => {
    const { code, out, error } = await lanewise(...args)
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(error).toMatch(/^usage error: .*\n$/)
    expect(error).toContain(message)
  })

  test.each([
    [['--input', 'pixels=random'], 'the model has no input "pixels" (inputs: image)'],
    [['--input', 'random', '--dim', 'M=2'], 'no input has an axis "M" (open axes: N)'],
    [['--input', 'random', '--dim', 'N'], '--dim must look like batch=4'],
    [['--input', 'image.txt'], 'is neither a picture nor'],
    [[], 'the input "image" (float32[N,1,12,12]) is missing'],
  ])('run with %j is a usage error', async (args, message) => {
    const { code, error } = await lanewise('run', model, ...args)
    expect(code).toBe(2)
    expect(error).toContain(message)
  })

  test('failures have a code and no stack trace', async () => {
    await writeFile(join(folder, 'page.onnx'), '<!doctype html><title>404</title>')
    const html = await lanewise('run', 'page.onnx', '--input', 'random')
    expect(html).toMatchObject({ code: 1, out: '' })
    expect(html.error).toMatch(/^error E_PARSE: .*\n$/)
    const missing = await lanewise('inspect', 'nowhere.onnx')
    expect(missing.code).toBe(1)
    expect(missing.error).toMatch(/^error E_PARSE: .*nowhere\.onnx.*\n$/)
    const noFile = await lanewise('run', model, '--input', 'image=nowhere.npy')
    expect(noFile.code).toBe(1)
    expect(noFile.error).toMatch(/^error E_EXTERNAL: cannot read "nowhere.npy": .*\n$/)
    const noPicture = await lanewise('run', model, '--input', 'image=nowhere.jpg')
    expect(noPicture).toMatchObject({
      code: 1,
      error: 'error E_EXTERNAL: cannot read "nowhere.jpg": no such file or directory\n',
    })
    const noLabels = await lanewise('run', model, '--input', 'random', '--labels', 'nowhere.txt')
    expect(noLabels).toMatchObject({ code: 1, error: 'error ENOENT: "nowhere.txt": no such file or directory\n' })
    const wrongShape = await lanewise('run', model, '--input', '1,2,3')
    expect(wrongShape.code).toBe(1)
    expect(wrongShape.error).toMatch(/^error E_TENSOR: .*\n$/)
  })

  test('failures are JSON with --json', async () => {
    const { code, out } = await lanewise('inspect', 'nowhere.onnx', '--json')
    expect(code).toBe(1)
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'E_PARSE' } })
  })

  test.each(['run', 'inspect', 'compare', 'bench', 'profile'])('%s --help lists its options', async (name) => {
    const { code, out } = await lanewise(name, '--help')
    expect(code).toBe(0)
    expect(out).toContain(`lanewise ${name} MODEL`)
    expect(out).toContain('--json')
  })

  test('--version and --help', async () => {
    expect((await lanewise('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect((await lanewise('--help')).out).toContain('inspect')
  })
})

describe('run', () => {
  test('every kind of source gives the same scores', async () => {
    const fromNpy = await json('run', model, '--input', 'image=image.npy')
    const scores = fromNpy.outputs[0].data
    expect(fromNpy.outputs[0]).toMatchObject({ name: 'scores', type: 'float32', dims: [1, 5] })

    const tensor: HostTensor = { dtype: 'float32', shape: [1, 1, 12, 12], data: smallImage() }
    await writeFile(join(folder, 'input_0.pb'), writeTensorProto(encodeTensor('image', tensor)))
    await writeFile(join(folder, 'inputs.npz'), storedZip('image.npy', writeNpy(tensor)))
    await writeFile(
      join(folder, 'wide.npy'),
      writeNpy({ dtype: 'float64', shape: [1, 1, 12, 12], data: Float64Array.from(smallImage()) }),
    )
    for (const source of ['input_0.pb', 'inputs.npz', 'image=inputs.npz:image', 'wide.npy', smallImage().join(',')]) {
      expect((await json('run', model, '--input', source)).outputs[0].data, source).toEqual(scores)
    }
  })

  test('writes outputs, names the largest scores, takes sizes of open axes', async () => {
    await writeFile(join(folder, 'labels.txt'), 'zero\none\ntwo\nthree\nfour\n')
    const result = await json(
      'run',
      model,
      '--input',
      'random',
      '--dim',
      'N=3',
      '--top',
      '2',
      '--labels',
      'labels.txt',
      '--output',
      'out',
      '--repeat',
      '3',
    )
    expect(result.outputs[0].dims).toEqual([3, 5])
    const { top, data } = result.outputs[0]
    expect(top).toHaveLength(2)
    expect(top[0].score).toBe(Math.max(...data.slice(0, 5)))
    expect(top[0].label).toBe(['zero', 'one', 'two', 'three', 'four'][top[0].index])
    const written = readNpy(await readFile(join(folder, 'out', 'scores.npy')), 'scores')
    expect(written.shape).toEqual([3, 5])
    expect(Array.from(written.data as Float32Array)).toEqual(data)
  })

  test('a picture is resized, scaled and normalised', async () => {
    // A picture of one grey value stays that value, whatever its size.
    await sharp({ create: { width: 30, height: 20, channels: 3, background: { r: 51, g: 51, b: 51 } } })
      .png()
      .toFile(join(folder, 'grey.png'))
    const expected = await json(
      'run',
      model,
      '--input',
      Array(144)
        .fill(Math.fround((Math.fround(51 / 255) - 0.1) / 0.5))
        .join(','),
    )
    const actual = await json('run', model, '--input', 'grey.png', '--mean', '0.1', '--std', '0.5')
    const [a, b] = [actual, expected].map((run) => run.outputs[0].data)
    a.forEach((x, i) => expect(x).toBeCloseTo(b[i], 5))
  })

  test('a file that is no picture is an error of one line', async () => {
    await writeFile(join(folder, 'fake.png'), 'not a picture')
    const { code, error } = await lanewise('run', model, '--input', 'fake.png')
    expect(code).toBe(1)
    expect(error).toMatch(/^error E_TENSOR: the picture fake\.png cannot be read.*\n$/)
  })
})

test('scores that are probabilities stand in their column as they are', async () => {
  const g = new GraphBuilder('classes')
  const x = g.input('x', 'float32', [1, 3])
  g.output(x, 'scores')
  g.output(g.op('Softmax', [x]), 'probabilities')
  await writeFile(join(folder, 'classes.onnx'), exportModel(g.graph()))
  const { outputs } = await json('run', 'classes.onnx', '--input', '0,1,2', '--top', '3')
  const [scores, probabilities] = outputs.map(({ top }) => top.map(({ probability }) => probability))
  expect(probabilities).toEqual(outputs[1].top.map(({ score }) => score))
  probabilities.forEach((probability, i) => expect(scores[i]).toBeCloseTo(probability, 6))
})

test('sound is resampled, mixed and cut to what a model takes', async () => {
  const g = new GraphBuilder('sound')
  g.output(g.op('Neg', [g.input('free', 'float32', ['batch', 'time'])]), 'a')
  g.output(g.op('Neg', [g.input('fixed', 'float32', [1, 6, 1])]), 'b')
  g.output(g.op('Identity', [g.input('both', 'int16', [2, 'time'])]), 'c')
  await writeFile(join(folder, 'sound.onnx'), exportModel(g.graph()))
  // Two channels of 16 bits at 8 kHz, 4 samples each.
  const header = Buffer.from('524946460000000057415645666d74201000000001000200401f0000007d00000400100064617461', 'hex')
  const samples = Int16Array.of(8192, 0, 16384, 8192, 0, 0, -8192, -16384)
  const size = Buffer.from(Uint32Array.of(samples.byteLength).buffer)
  await writeFile(join(folder, 'sound.wav'), Buffer.concat([header, size, Buffer.from(samples.buffer)]))
  const inputs = ['free', 'fixed', 'both'].flatMap((name) => ['--input', `${name}=sound.wav`])
  const [a, b, c] = (await json('run', 'sound.onnx', ...inputs)).outputs
  expect([a.dims, a.data]).toEqual([
    [1, 4],
    [-0.125, -0.375, 0, 0.375],
  ])
  expect([b.dims, b.data]).toEqual([
    [1, 6, 1],
    [-0.125, -0.375, 0, 0.375, 0, 0],
  ])
  expect([c.dims, c.data]).toEqual([
    [2, 4],
    [8192, 16384, 0, -8192, 0, 8192, 0, -16384],
  ])
  const twice = await json('run', 'sound.onnx', ...inputs, '--rate', '16000')
  expect(twice.outputs.map(({ dims }) => dims)).toEqual([
    [1, 8],
    [1, 6, 1],
    [2, 8],
  ])
})

describe('inspect', () => {
  test('counts parameters and multiply-adds, gives shapes for sizes of open axes', async () => {
    const { nodes, totals, opsets, unsupported } = await json('inspect', model, '--dim', 'N=2')
    expect(opsets['ai.onnx']).toBeGreaterThan(7)
    const conv = nodes.find((node) => node.op === 'Conv')!
    expect(conv.outputs[0]).toMatchObject({ type: 'float32', shape: [2, 4, 12, 12] })
    expect(conv).toMatchObject({ parameters: 4 * 9 + 4, macs: 2 * 4 * 144 * 9, supported: true })
    expect(conv.hyperparameters.pads).toEqual([1, 1, 1, 1])
    const gemm = nodes.find((node) => node.op === 'Gemm')
    expect(gemm).toMatchObject({ parameters: 5 * 144 + 5, macs: 2 * 5 * 144 })
    expect(totals).toMatchObject({ parameters: 40 + 725, macs: 2 * (4 * 144 * 9 + 5 * 144), complete: true })
    expect(totals.peakBytes).toBe(totals.weightBytes + totals.arenaBytes)
    expect(totals.arenaBytes).toBeGreaterThanOrEqual(4 * 2 * 4 * 144)
    expect(unsupported).toEqual([])
  })

  test('lists operators that are not supported, and the rest of the model', async () => {
    const { graph, ...rest } = readModel(smallModel())
    const strange = writeModel({
      ...rest,
      opsetImport: [...rest.opsetImport, { domain: 'com.example', version: 1 }],
      graph: {
        ...graph!,
        node: [
          ...graph!.node,
          {
            opType: 'Polish',
            domain: 'com.example',
            name: 'shine',
            input: ['scores'],
            output: ['shiny'],
            attribute: [{ name: 'strength', type: 1, f: 0.5 }],
          },
          { opType: 'Paint', name: 'red', input: ['shiny'], output: ['painted'] },
        ],
        output: [{ name: 'painted' }],
      },
    })
    await writeFile(join(folder, 'strange.onnx'), strange)
    const { nodes, unsupported, totals } = await json('inspect', 'strange.onnx')
    expect(unsupported).toEqual([
      { op: 'com.example.Polish', nodes: ['shine'] },
      { op: 'Paint', nodes: ['red'] },
    ])
    expect(totals.parameters).toBe(765)
    expect(nodes.find((node) => node.name === 'shine')).toMatchObject({ supported: false })
    const { out } = await lanewise('inspect', 'strange.onnx')
    expect(out).toContain('com.example.Polish: 1 node (shine)')
    // Running it is refused with the same list.
    const { code, error } = await lanewise('run', 'strange.onnx', '--input', 'random')
    expect(code).toBe(1)
    expect(error).toContain('com.example.Polish ("shine"); Paint ("red")')
  })
})

describe('beside onnxruntime-web', () => {
  test('compare agrees on every value', async () => {
    const result = await json('compare', model, '--input', 'image.npy')
    expect(result).toMatchObject({ agrees: true, peer: 'onnxruntime-web' })
    expect(result.valuesCompared).toBeGreaterThanOrEqual(4)
    expect(result.firstDivergence).toBeUndefined()
    expect(result.ratio).toBeGreaterThan(0)
  })

  test('compare says what it cannot do', async () => {
    const { code, error } = await lanewise('compare', model, '--with', 'onnxruntime-node')
    expect(code).toBe(1)
    expect(error).toBe(
      'error E_UNSUPPORTED: comparing needs the package onnxruntime-node, which is not installed: npm i onnxruntime-node\n',
    )
  })

  test('bench takes turns and reports ratios', async () => {
    const { engines, rounds } = await json('bench', model, '--vs', 'onnxruntime-web', '--repeat', '6')
    expect(rounds).toBe(6)
    expect(engines.map((engine) => engine.name)).toEqual(['lanewise', 'onnxruntime-web'])
    expect(engines[1].agrees).toBe(true)
    expect(engines[1].ratio).toBeCloseTo(engines[1].medianMs / engines[0].medianMs, 6)
  })
})

test('outputs that are no tensors are not compared', async () => {
  const g = new GraphBuilder('parts')
  const parts = g.op('SplitToSequence', [g.op('Neg', [g.input('x', 'float32', [4])])])
  g.output(parts, 'parts')
  g.output(g.op('ConcatFromSequence', [parts], { axis: 0 }), 'y')
  await writeFile(join(folder, 'parts.onnx'), exportModel(g.graph()))
  const { code, out } = await lanewise('compare', 'parts.onnx', '--input', '1,2,3,4', '--repeat', '1')
  expect(code).toBe(0)
  expect(out).toMatch(/^y .* agrees$/m)
  expect(out).toContain('not compared, no tensors: parts')
  const { engines } = await json('bench', 'parts.onnx', '--vs', 'onnxruntime-web', '--repeat', '2')
  expect(engines.map(({ agrees }) => agrees)).toEqual([undefined, true])
})

describe('where two runs diverge', () => {
  const values = ['a', 'b', 'c', 'd']
  const places = values.map((value) => ({ value, op: 'Relu', node: `make ${value}` }))
  const reference = Object.fromEntries(values.map((value) => [value, hostFrom('float32', [2], [1, 2])]))

  /** A session whose values are wrong where the test says so; an output is fetched alone. */
  const session = (wrong: (value: string, alone: boolean) => boolean) =>
    ({
      outputNames: ['d'],
      run: (_: unknown, fetches: readonly string[] = ['d']) =>
        Promise.resolve(
          Object.fromEntries(
            fetches.map((value) => [
              value,
              new Tensor('float32', wrong(value, fetches.length === 1) ? [1, 3] : [1, 2], [2]),
            ]),
          ),
        ),
    }) as Parameters<typeof findDivergence>[0]

  test('nowhere', async () => {
    expect(
      await findDivergence(
        session(() => false),
        {},
        places,
        reference,
      ),
    ).toEqual({ compared: 4 })
  })

  test('at the first node that differs', async () => {
    const { divergence } = await findDivergence(
      session((value) => value >= 'c'),
      {},
      places,
      reference,
    )
    expect(divergence).toMatchObject({ value: 'c', node: 'make c', onlyOptimized: false })
    expect(divergence!.difference.largest).toBe(1)
  })

  test('at a node that is wrong only once the graph is optimised', async () => {
    const { divergence } = await findDivergence(
      session((value, alone) => alone && value >= 'b'),
      {},
      places,
      reference,
    )
    expect(divergence).toMatchObject({ value: 'b', onlyOptimized: true })
  })

  test('values that only one side has are left out', async () => {
    const { compared, divergence } = await findDivergence(
      session((value) => value === 'a'),
      {},
      places,
      { ...reference, a: undefined },
    )
    expect({ compared, divergence }).toEqual({ compared: 3, divergence: undefined })
  })
})

test.each([
  ['equal floats', [1, 2], [1, 2], true],
  ['within the tolerance', [1, 100.05], [1, 100], true],
  ['beyond it', [1.2, 100], [1, 100], false],
  ['NaN in both', [NaN, 1], [NaN, 1], true],
  ['NaN in one', [NaN, 1], [0, 1], false],
  ['infinities', [Infinity, -Infinity], [Infinity, -Infinity], true],
  ['one infinity', [Infinity, 1], [3, 1], false],
])('agreement: %s', (_, a, b, agrees) => {
  expect(differenceOf(hostFrom('float32', [2], a), hostFrom('float32', [2], b)).agrees).toBe(agrees)
})

test('agreement of integers, types and shapes', () => {
  const agrees = (a: HostTensor, b: HostTensor) => differenceOf(a, b).agrees
  expect(agrees(hostFrom('uint8', [1], [7]), hostFrom('uint8', [1], [8]))).toBe(true)
  expect(agrees(hostFrom('uint8', [1], [7]), hostFrom('uint8', [1], [9]))).toBe(false)
  expect(agrees(hostFrom('int64', [1], [7]), hostFrom('int64', [1], [8]))).toBe(false)
  expect(agrees(hostFrom('int64', [1], [7]), hostFrom('int32', [1], [7]))).toBe(false)
  expect(agrees(hostFrom('int64', [1], [7]), hostFrom('int64', [1, 1], [7]))).toBe(false)
})

test('profile lists every step and writes a page', async () => {
  const { nodes, totalMs } = await json('profile', model, '--html', 'flame.html', '--repeat', '3')
  expect(nodes.map((node) => node.op)).toEqual(expect.arrayContaining(['Conv', 'MaxPool', 'Gemm']))
  expect(totalMs).toBeCloseTo(
    nodes.reduce((sum, node) => sum + node.ms, 0),
    9,
  )
  const page = await readFile(join(folder, 'flame.html'), 'utf8')
  // What shows it is in the page, and so is the run: tests/site looks at it in a browser.
  const [, data] = /<script type="application\/json" id="profiles">(.*?)<\/script>/.exec(page) ?? []
  const [{ nodes: shown, device, memory }] = JSON.parse(data) as RunProfile[]
  expect(shown.map(({ node }) => node)).toContain('/conv/Conv')
  expect(device?.gflops).toBeGreaterThan(0)
  expect(device?.gbytes).toBeGreaterThan(0)
  // Blocks that are held at the same time lie apart, and none beyond the arena.
  const { blocks = [], arenaBytes = 0, entries } = memory ?? {}
  expect(entries).toBe(shown.length)
  expect(blocks.map(({ name }) => name)).toEqual(expect.arrayContaining([expect.stringMatching(/^input /)]))
  for (const [i, a] of blocks.entries()) {
    expect(a.offset + a.bytes).toBeLessThanOrEqual(arenaBytes)
    for (const b of blocks.slice(i + 1))
      if (a.from < b.to && b.from < a.to)
        expect(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset).toBe(true)
  }
  expect(page).not.toMatch(/<(script|link|img)[^>]* (src|href)=|https?:(?!\/\/www\.w3\.org\/2000\/svg)/)
  expect((await lanewise('profile', model, '--by', 'op')).out).toContain('GFLOP/s')
})

describe('.npy', () => {
  test.each([
    'float32',
    'float64',
    'float16',
    'int8',
    'uint8',
    'int16',
    'uint16',
    'int32',
    'uint32',
    'int64',
    'uint64',
    'bool',
    'complex64',
  ] as const)('%s there and back', (dtype) => {
    const tensor = hostZeros(dtype, [2, 3])
    new Uint8Array((tensor.data as Float32Array).buffer).forEach(
      (_, i, bytes) => (bytes[i] = dtype === 'bool' ? i & 1 : i * 7),
    )
    expect(readNpy(writeNpy(tensor), 'test')).toEqual(tensor)
  })

  test('scalars, empty arrays and strings', () => {
    const strings: HostTensor = { dtype: 'string', shape: [2], data: ['größe', 'x'] }
    for (const tensor of [hostFrom('float32', [], [3]), hostZeros('int64', [0, 4]), strings]) {
      expect(readNpy(writeNpy(tensor), 'test')).toEqual(tensor)
    }
  })

  test('big-endian and Fortran order', () => {
    const header = "{'descr': '>i4', 'fortran_order': True, 'shape': (2, 3), }".padEnd(117) + '\n'
    const file = Buffer.alloc(128 + 24)
    file.write('\x93NUMPY\x01\x00', 'latin1')
    file.writeUInt16LE(118, 8)
    file.write(header, 10, 'latin1')
    for (let i = 0; i < 6; i++) file.writeInt32BE(i, 128 + 4 * i)
    // Columns are stored one after another.
    expect(readNpy(file, 'test')).toEqual(hostFrom('int32', [2, 3], [0, 2, 4, 1, 3, 5]))
  })

  test('a file that is none, or is cut off, is refused', () => {
    const whole = writeNpy(hostZeros('float32', [100]))
    for (const bytes of [new Uint8Array(0), Buffer.from('PK'), whole.slice(0, 40), whole.slice(0, 300)]) {
      expect(() => readNpy(bytes, 'test')).toThrow(expect.objectContaining({ code: 'E_TENSOR' }))
      expect(() => readNpz(bytes, 'test')).toThrow(expect.objectContaining({ code: 'E_TENSOR' }))
    }
  })
})

/** A zip archive of one file that is not compressed. */
function storedZip(name: string, data: Uint8Array): Uint8Array {
  const local = Buffer.alloc(30)
  local.writeUInt32LE(0x04034b50, 0)
  local.writeUInt32LE(data.length, 18)
  local.writeUInt32LE(data.length, 22)
  local.writeUInt16LE(name.length, 26)
  const entry = Buffer.alloc(46)
  entry.writeUInt32LE(0x02014b50, 0)
  entry.writeUInt32LE(data.length, 20)
  entry.writeUInt32LE(data.length, 24)
  entry.writeUInt16LE(name.length, 28)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(entry.length + name.length, 12)
  end.writeUInt32LE(30 + name.length + data.length, 16)
  return Buffer.concat([local, Buffer.from(name), data, entry, Buffer.from(name), end])
}
