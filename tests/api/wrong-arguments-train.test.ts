import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LanewiseError } from '../../src/core/errors.js'
import { exportModel, GraphBuilder, InferenceSession, loadGraph, Tensor } from '../../src/node.js'
import * as ops from '../../src/own-ops.js'
import * as generate from '../../src/generate.js'
import * as text from '../../src/text/index.js'
import * as lanewise from '../../src/node.js'
import * as train from '../../src/train.js'
import { readModel } from '../../src/onnx/wire.js'
import { expectError, expectRejects, thrownBy } from '../support/expect-error.js'

// What a caller of JavaScript gets wrong of every function and class that is public: an error of the library that names
// function and argument.

const any = (value: unknown) => value as never
let device: train.Device
let layer: train.Module
let tensor: train.Parameter
const before = process.cwd()
let folder: string
beforeAll(async () => {
  // Some take a name of a file, and make it.
  process.chdir((folder = mkdtempSync(join(tmpdir(), 'lanewise-nonsense-'))))
  device = await train.Device.create({ build: 'simd' })
  layer = new train.Linear(2, 2)
  tensor = device.parameter(new Tensor('float32', [1, 2, 3, 4], [2, 2]))
})
afterAll(() => {
  device.dispose()
  process.chdir(before)
  rmSync(folder, { recursive: true, force: true })
})

const nonsense: readonly unknown[] = [undefined, null, 5, -1, NaN, 'a', {}, [], [5], () => 5, true, { nope: 1 }]

/** What is handed out by others, and never made by a program itself. */
const handedOut = new Set([
  'LanewiseError',
  'Parameter',
  'Variable',
  'Device',
  'GraphWithHead',
  'ImageFolder',
  'LabelledImages',
  'InferenceSession',
  'ModelGraph',
  'Optimizer',
  'SentencePieceTokenizer',
  'WordPieceTokenizer',
])
/**
 * What an operator is emitted by, inside of which errors become ones of the operator; and what helps to write tasks of
 * one's own.
 */
const inside = new Set([
  'emitBinary',
  'follow',
  'elementwise',
  'classification',
  'codes',
  'default',
  'env',
  'registerBackend',
  'listSupportedBackends',
])

interface Public {
  readonly name: string
  readonly apply: (...args: readonly unknown[]) => unknown
}

function* publicIn(prefix: string, entry: object): Generator<Public> {
  for (const [key, value] of Object.entries(entry) as [string, unknown][]) {
    const name = `${prefix}${key}`
    if (inside.has(key)) continue
    if (typeof value === 'object' && value !== null) yield* publicIn(`${name}.`, value)
    if (typeof value !== 'function') continue
    const isClass = value.toString().startsWith('class')
    if (isClass && handedOut.has(key)) continue
    yield {
      name,
      apply: (...args) =>
        isClass ? (Reflect.construct(value, args) as unknown) : (Reflect.apply(value, undefined, args) as unknown),
    }
  }
}

const everything = new Map(
  [lanewise, ops, generate, text, train].flatMap((entry) =>
    [...publicIn('', entry)].map((one): [string, Public] => [one.name, one]),
  ),
)

function nameOf(value: unknown): string {
  if (value === layer || value === tensor) return value === layer ? 'layer' : 'tensor'
  if (Array.isArray(value)) return `[${value.map(nameOf).join(', ')}]`
  return typeof value === 'function' || value === undefined ? String(value) : JSON.stringify(value)
}

/** Whatever it is given, it returns or throws an error of the library, in words. */
async function expectNoAccident({ name, apply }: Public, args: readonly unknown[]): Promise<void> {
  try {
    const result = apply(...args)
    if (typeof (result as PromiseLike<unknown> | undefined)?.then === 'function') await result
  } catch (error) {
    const said = `${name}(${args.map(nameOf).join(', ')}): ${String(error)}`
    expect(error, said).toBeInstanceOf(LanewiseError)
    expect(said).not.toMatch(/\[object|undefined \(reading|is not a function$|is not iterable|Cannot read|\[undefined/)
  }
}

describe('every public function and class', () => {
  test('is there', () => expect(everything.size).toBeGreaterThan(350))

  test.each([...everything])('%s takes no nonsense by accident', async (_, one) => {
    await expectNoAccident(one, [])
    for (const value of nonsense) {
      await expectNoAccident(one, [value])
      for (const first of ['a', 5, () => 5, layer, [layer], tensor, [tensor], new Map()])
        await expectNoAccident(one, [first, value])
    }
  })
})

describe('options that nobody would look at, and wrong kinds', () => {
  const layer = () => new train.Linear(2, 2)
  const parameters = () => layer().parameters()
  test.each<[string, RegExp, () => unknown]>([
    ['an unknown option of DataLoader', /no option "batchsize"/, () => new train.DataLoader(train.generateDigits(4, 1), any({ batchsize: 2 }))],
    ['options of DataLoader that are a number', /options of DataLoader must be an object/, () => new train.DataLoader(train.generateDigits(4, 1), any(2))],
    ['no dataset', /DataLoader takes as dataset/, () => new train.DataLoader(any(undefined))],
    ['a number for a dataset', /DataLoader takes as dataset a dataset.*got 5/, () => new train.DataLoader(any(5))],
    ['options of Adam that are a number', /options of Adam must be an object/, () => new train.Adam(parameters(), any(5))],
    ['options of AdamW that are null', /options of AdamW must be an object/, () => new train.AdamW(parameters(), any(null))],
    ['a number for a parameter', /parameters, or groups.*a number/, () => new train.Adam(any([5]))],
    ['no outputs of Linear', /Linear takes as outFeatures a whole number of at least 1, got 0/, () => new train.Linear(2, 0)],
    ['half an input of Linear', /inFeatures.*1.5/, () => new train.Linear(1.5, 2)],
    ['NaN inputs of Linear', /inFeatures.*NaN/, () => new train.Linear(NaN, 2)],
    ['a word for a size', /inFeatures.*"2"/, () => new train.Linear(any('2'), 2)],
    ['an unknown option of Linear', /no option "biass"/, () => new train.Linear(2, 2, any({ biass: false }))],
    ['a bias that is a number', /bias of Linear must be true or false, got 1/, () => new train.Linear(2, 2, any({ bias: 1 }))],
    ['options of Conv2d that are null', /options of Conv2d must be an object, got null/, () => new train.Conv2d(1, 1, 3, any(null))],
    ['a stride in words', /stride of Conv2d must be.*"2"/, () => new train.Conv2d(1, 1, 3, any({ stride: '2' }))],
    ['an unknown option of LSTM', /no option "layers"/, () => new train.LSTM(2, 2, any({ layers: 2 }))],
    ['no heads', /numHeads.*got 0/, () => new train.MultiheadAttention(4, 0)],
    ['a device that is none', /device of Linear must be a Device/, () => new train.Linear(2, 2, any({ device: {} }))],
    ['Sequential of functions', /Sequential takes as layer 1 a module.*a function/, () => new train.Sequential(layer(), any(() => 5))],
    ['requiresGrad of a word', /requiresGrad takes as wanted true or false, got "a"/, () => layer().requiresGrad(any('a'))],
    ['requiresGrad of a number for a name', /names and expressions, got a number/, () => layer().requiresGrad(true, any(3))],
    ['train of a word', /train takes as mode/, () => layer().train(any('yes'))],
    ['loadStateDict of an object', /a Map of tensors.*an object/, () => layer().loadStateDict(any({}))],
    ['a hook that is none', /hook a function/, () => layer().registerForwardHook(any(5))],
    ['forward of nothing', /Linear takes as x a tensor.*undefined/, () => layer().forward(any(undefined))],
    ['call of a Tensor', /Linear takes as x a tensor of a device.*Tensor|an object/, () => layer().call(any(new Tensor('float32', [1, 2], [1, 2])))],
    ['a step of a number', /step takes as work a function, got 5/, () => device.step(any(5))],
    ['noGrad of nothing', /noGrad takes as work a function/, () => device.noGrad(any(undefined))],
    ['keep of a number', /keep takes as variable/, () => device.keep(any(5))],
    ['an unknown option of a parameter', /no option "frozen"/, () => device.parameter(new Tensor('float32', [1], [1]), any({ frozen: true }))],
    ['a tensor of nothing', /not of undefined/, () => device.tensor(any(undefined))],
    ['F.op without inputs', /inputs of Relu must be a list/, () => train.F.op('Relu', any(undefined))],
    ['F.op of null', /undefined leaves one out/, () => train.F.op('Clip', any([null]))],
    ['F.op of nothing', /F.op takes as name/, () => train.F.op(any(undefined), [])],
    ['outputs of F.op in an object', /F.op takes as outputs a whole number/, () => device.step(() => train.F.op('Relu', [device.tensor([1])], {}, any({ outputs: 2 })))],
    ['no outputs of F.op', /outputs.*got 0/, () => device.step(() => train.F.op('Relu', [device.tensor([1])], {}, 0))],
    ['an axis in words', /F.softmax takes as axis a number, got "1"/, () => device.step(() => train.F.softmax(device.tensor([1]), any('1')))],
    ['NaN for an axis', /whole numbers, got NaN|no axis NaN/, () => device.step(() => train.F.unsqueeze(device.tensor([1]), [NaN]))],
    ['a list with a number among tensors', /tensors of a device.*a number in it|a list/, () => device.step(() => train.F.cat([device.tensor([1]), any(5)]))],
    ['an unknown option of a loss', /no option "smoothing"/, () => device.step(() => train.crossEntropy(device.tensor([[1, 2]]), device.tensor([1n]), any({ smoothing: 0.1 })))],
    ['toGraph of a number', /toGraph takes as module/, () => train.toGraph(any(5), [])],
    ['toGraph of a name alone for a size', /a size of the input "x" is a number, or \{ name, size \}.*got "N"/, () => train.toGraph(layer(), [{ name: 'x', shape: any(['N', 2]) }])],
    ['toGraph of an unknown type', /"float", of the input "x", is not the name of an element type/, () => train.toGraph(layer(), [{ name: 'x', dtype: any('float'), shape: [1, 2] }])],
    ['a digit that is none', /digit must be a whole number of at least 0 and of at most 9, got 10/, () => train.drawDigit(10, 28, device.random)],
    ['fewer digits than none', /count.*got -1/, () => train.generateDigits(-1, 1)],
    ['metadata that is no text', /metadata an object of strings/, () => train.encodeSafetensors(new Map(), any({ a: 1 }))],
    ['a right text that is none', /corpusBleu, in pair 1, takes as right a list, got undefined/, () => train.corpusBleu([{ said: [], right: [[]] }, any({ said: [] })])],
    ['a part that is no list', /checkParts takes as test a list, got "a.jpg"/, () => train.checkParts({ train: [], test: any('a.jpg') })],
    ['names of a cache that are none', /inputs a list of strings, got a list/, () => generate.pastToPresent(any([[1]]), [])],
    ['toGraph without inputs', /toGraph takes as inputs a list/, () => train.toGraph(layer(), any(undefined))],
    ['a schedule of no optimiser', /an optimiser/, () => new train.Schedule(any({}), train.cosine(10))],
    ['a default of another kind', /attribute "by" has the wrong type/, () => ops.registerOp({ name: 'D', domain: 'wrong', attributes: { by: ops.float(any('a')) }, compute: any(() => []) })],
    ['defineOp of nothing', /defineOp takes as definition an object, got undefined/, () => ops.defineOp(any(undefined))],
    ['a shape that is a number', /sizeOf takes as shape a list, got 5/, () => ops.sizeOf(any(5))],
  ])('%s', (_, message, work) => {
    expect(thrownBy(work).message).toMatch(message)
  }) // prettier-ignore

  test('defineOp without attributes has none', () => {
    expect(ops.defineOp({ name: 'None', domain: 'wrong', arity: 1, compute: () => [] }).attributes).toEqual({})
  })

  test('fit and evaluate', async () => {
    const model = new train.Linear(2, 2)
    await expectRejects(
      'E_VALUE',
      () => train.fit(any(undefined), any(undefined), any(undefined)),
      /fit takes as model/,
    )
    await expectRejects('E_VALUE', () => train.fit(model, [], any(undefined)), /fit takes as options/)
    await expectRejects('E_VALUE', () => train.fit(any(5), [], any({})), /fit takes as model a module, got 5/)
    await expectRejects('E_VALUE', () => train.evaluate(any(undefined), []), /evaluate takes as model/)
    await expectRejects('E_VALUE', () => train.evaluate(model, any(5)), /evaluate takes as batches/)
    await expectRejects('E_VALUE', () => train.evaluate(model, [], any({ metric: {} })), /no option "metric"/)
  })
})

describe('replaceHead', () => {
  const model = () => {
    const g = new GraphBuilder()
    const w = g.constant('w', new Tensor('float32', [1, 2, 3, 4], [2, 2]))
    g.output(g.op('MatMul', [g.op('Relu', [g.input('x', 'float32', ['N', 2])]), w]), 'y')
    return new train.GraphModule(g)
  }
  test.each<[string, RegExp, unknown]>([
    ['nothing', /replaceHead takes as head a module or a function, got undefined/, undefined],
    ['a number', /got 5/, 5],
    ['a function of a number', /must return a module, got a number/, () => 5],
    ['a function of a promise', /must return a module, got a promise/, () => Promise.resolve()],
    ['a function that throws', /threw RangeError: no/, () => { throw new RangeError('no') }],
  ])('of %s', (_, message, head) => void expectError('E_VALUE', () => model().replaceHead(any(head)), message)) // prettier-ignore

  test('of an unknown option', () => {
    expectError('E_VALUE', () => model().replaceHead(new train.Linear(2, 2), any({ from: 'x' })), /no option "from"/)
  })
})

describe('files and graphs', () => {
  const small = () => {
    const g = new GraphBuilder('small')
    g.output(g.op('Relu', [g.input('x', 'float32', ['N'])], {}, 'rectify'), 'y')
    return g
  }

  test('externalData of create', async () => {
    for (const externalData of [
      [5],
      [null],
      [{}],
      [{ data: new Uint8Array(1) }],
      [{ path: 5, data: new Uint8Array(1) }],
    ])
      await expectRejects(
        'E_VALUE',
        () => InferenceSession.create(exportModel(small()), any({ externalData })),
        /externalData/,
      )
  })

  test('external files that are not there', async () => {
    for (const externalData of [
      ['no.bin'],
      [{ path: 'w', data: new URL('file:///no.bin') }],
      [{ path: 'w', data: '.' }],
    ])
      await expectRejects(
        'E_EXTERNAL',
        () => InferenceSession.create(exportModel(small()), { externalData }),
        /^external data ".*" cannot be read/,
      )
    const signal = AbortSignal.abort()
    const externalData = [{ path: 'w', data: 'http://127.0.0.1:1/w' }]
    await expectRejects('E_STATE', () => InferenceSession.create(exportModel(small()), { externalData, signal }))
  })

  test('a value of another graph, and a graph where a file is read', async () => {
    const [graph, other] = await Promise.all([loadGraph(exportModel(small())), loadGraph(exportModel(small()))])
    expectError('E_GRAPH', () => graph.add('Add', ['x', other.value('x')]), /"x" is another graph's/)
    await expectRejects('E_VALUE', () => train.GraphModule.from(any(graph)), /got a graph, which is read already/)
  })

  test.each(['x', 'z'])('an output that becomes %s', async (name) => {
    const b = small()
    b.output(b.op('Neg', [b.op('Relu', [b.input('w', 'float32', ['N'])])]), 'z')
    const graph = await loadGraph(exportModel(b))
    graph.redirect('y', name)
    graph.prune()
    const session = await InferenceSession.create(exportModel(graph))
    expect(session.inputNames).toEqual(['x', 'w'])
    expect(session.outputNames).toEqual(['y', 'z'])
    const [x, w] = [new Tensor('float32', [-1, 2], [2]), new Tensor('float32', [3, 4], [2])]
    const { y, z } = await session.run({ x, w })
    expect([Array.from(y.data as Float32Array), Array.from(z.data as Float32Array)]).toEqual([
      name === 'x' ? [-1, 2] : [-3, -4],
      [-3, -4],
    ])
  })

  test('what is read of a graph cannot be changed in vain', async () => {
    const graph = await loadGraph(exportModel(small()))
    expectError('E_STATE', () => (graph.nodes as unknown[]).push(5), /push\(\) changes nothing here: add/)
    const nodes = graph.nodes as unknown[]
    for (const write of [() => (nodes.length = 0), () => (nodes[0] = 5), () => Reflect.deleteProperty(nodes, 0)])
      expectError('E_STATE', write, /changes nothing: add, insertAfter, replace and prune/)
    for (const change of ['add', 'delete', 'clear'] as const)
      expectError(
        'E_STATE',
        () => (graph.values as Set<unknown>)[change](graph.outputs[0]),
        /changes nothing here: add/,
      )
    expectError('E_STATE', () => (graph.opsets as Map<string, number>).set('', 13), /opset/)
    expect(graph.nodes.map(({ op }) => op.name)).toContain('Relu')
    await expectRejects('E_VALUE', () => loadGraph(exportModel(small()), any({ limit: 1 })), /no option "limit"/)
  })

  test('descriptions of what is not there', () => {
    expectError('E_VALUE', () => exportModel(small(), { docStrings: { z: 'nothing' } }), /docStrings.*"z"/)
    for (const name of ['small', 'rectify', 'x', 'y'])
      expect(exportModel(small(), { docStrings: { [name]: 'text' } }).length).toBeGreaterThan(0)
  })

  test('descriptions of constants', () => {
    const b = small()
    const bias = b.constant('bias', new Tensor('float32', [1], [1]))
    b.output(b.op('Add', [b.input('w', 'float32', [1]), bias]), 'sum')
    const { graph } = readModel(exportModel(b, { docStrings: { bias: 'One.', sum: 'The sum.' } }))
    expect(graph?.initializer.map(({ name, docString }) => [name, docString])).toEqual([['bias', 'One.']])
    expect(graph?.output.map(({ docString }) => docString)).toContain('The sum.')
  })

  test('null for an input says how one is left out', () => {
    const g = new GraphBuilder()
    expectError('E_GRAPH', () => g.op('Clip', [g.input('x', 'float32'), any(null)]), /undefined leaves one out/)
  })
})

describe('what is no element, type or output', () => {
  test('is said in words', () => {
    expectError('E_TENSOR', () => new Tensor('float32', any([1, [2]])), /element 1, a list, is no float32/)
    expectError('E_TENSOR', () => new Tensor('int32', any([{}])), /element 0, an object, is no int32/)
    expectError('E_TENSOR', () => new Tensor('float32', [1], any([[1]])), /got a list in \[a list\]/)
    const x = () => device.tensor([1])
    expectError(
      'E_UNSUPPORTED',
      () => device.step(() => train.F.op('Cast', [x()], { to: 'complex64' })),
      /to complex64/,
    )
  })

  test.each([[[]], [[undefined]]])('compute that returns %j', async (results) => {
    ops.registerOp({ name: 'Less', domain: 'wrong', inputs: 1, infer: ([x]) => [x], compute: () => any(results) })
    const g = new GraphBuilder()
    g.output(g.node('Less', [g.input('x', 'float32', [1])], {}, { domain: 'wrong', name: 'less' })[0], 'y')
    const session = await InferenceSession.create(exportModel(g))
    const feeds = { x: new Tensor('float32', [1], [1]) }
    await expectRejects('E_TENSOR', () => session.run(feeds), /"less": compute returned no output 0/)
  })
})

describe('numbers that would become infinity', () => {
  test.each<[train.Tensor['type'], number, number]>([
    ['float32', 1e39, 3.4028234663852886e38],
    ['float32', -3.5e38, -3.4e38],
    ['float16', 70000, 65504],
    ['float16', 65520, 65519],
    ['float16', -1e300, -65504],
  ])('%s of %d', (type, value, largest) => {
    expectError('E_TENSOR', () => new Tensor(type, [0, value], [2]), /element 1, .* is no float/)
    expect(new Tensor(type, [largest], [1]).size).toBe(1)
  })

  test('are told from infinity itself', () => {
    expect(Array.from(new Tensor('float32', [Infinity, -Infinity, NaN], [3]).data)).toEqual([Infinity, -Infinity, NaN])
    expect(new Tensor('float64', [1e308], [1]).data[0]).toBe(1e308)
    for (const type of ['float16', 'bfloat16', 'float8e5m2'] as never[])
      expect(new Tensor(type, [Infinity, 1], [2]).size).toBe(2)
    expectError('E_TENSOR', () => new Tensor(any('bfloat16'), [3.4e38 * 1.01], [1]), /is no bfloat16/)
    expectError('E_TENSOR', () => new Tensor(any('float8e5m2'), [70000], [1]), /is no float8e5m2/)
  })
})
