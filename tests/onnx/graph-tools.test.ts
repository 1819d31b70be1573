import * as ort from 'onnxruntime-web'
import { describe, expect, test } from 'vitest'
import '../../examples/own-operator/signed-square.js'
import '../../src/all-ops.js'
import { hostFrom } from '../../src/core/host.js'
import { readModel } from '../../src/onnx/wire.js'
import { exportModel, GraphBuilder, InferenceSession, loadGraph, Tensor, type Value } from '../../src/node.js'
import { expectError, expectRejects } from '../support/expect-error.js'

ort.env.wasm.numThreads = 1
const floats = (values: number[], dims = [values.length]) => new Tensor('float32', values, dims)
const numbers = (tensor: Tensor) => Array.from(tensor.data as Float32Array)

function mlp(): GraphBuilder {
  const g = new GraphBuilder('mlp')
  const w = g.constant('w', floats([1, 2, 3, 4], [2, 2]))
  const product = g.op('MatMul', [g.input('x', 'float32', ['N', 2]), w], {}, 'product')
  g.output(g.op('Sum', [g.op('Relu', [product], {}, 'rectify'), product], {}, 'sum'), 'y')
  return g
}

const run = async (bytes: Uint8Array, feeds: Record<string, Tensor>, options = {}) =>
  (await InferenceSession.create(bytes, options)).run(feeds)

describe('loadGraph', () => {
  const file = exportModel(mlp().graph(), { metadata: { labels: 'a,b' }, opset: 13 })
  const x = floats([1, -1], [1, 2])

  test('shows what is in a file', async () => {
    const graph = await loadGraph(file)
    expect(graph.nodes.map(({ op, name }) => `${op.name} ${name}`)).toEqual([
      'MatMul product',
      'Relu rectify',
      'Sum sum',
      'Identity y',
    ])
    expect([graph.opsets.get(''), graph.metadata.get('labels'), graph.producer]).toEqual([13, 'a,b', 'lanewise 0.1.0'])
    expect(graph.producerOf('product')?.name).toBe('product')
    expect(graph.consumersOf('product').map(({ name }) => name)).toEqual(['rectify', 'sum'])
    expect(graph.inputs[0].declared).toEqual({ kind: 'tensor', dtype: 'float32', shape: ['N', 2] })
    expectError('E_GRAPH', () => graph.value('nothing'), /"nothing"/)
    expectError('E_GRAPH', () => graph.node('nothing'), /"nothing"/)
  })

  test('replaces, inserts, renames', async () => {
    const graph = await loadGraph(file)
    graph.replace('rectify', 'LeakyRelu', { alpha: 0.5 })
    const constant = graph.constant('two', floats([2], []))
    graph.insertAfter('product', 'Mul', [constant], {}, { name: 'twice' })
    graph.rename('x', 'features')
    graph.renameDimension('N', 4)
    graph.insertAfter('y', 'Neg')
    const bytes = exportModel(graph)
    expect(readModel(bytes).graph!.input[0].type!.tensorType!.shape!.dim[0].dimValue).toBe(4)
    const { y } = await run(exportModel(graph), { features: floats([1, -1, 0, 0, 0, 0, 0, 0], [4, 2]) })
    // product = [-2, -2], twice that, LeakyRelu adds half of it once more, negated.
    expect(numbers(y).slice(0, 2)).toEqual([6, 6])
    expectError('E_GRAPH', () => graph.rename('features', 'y'), /taken/)
    expectError('E_GRAPH', () => graph.replace('rectify', 'LeakyRelu', { beta: 1 }), /"beta"/)
    expectError('E_UNSUPPORTED', () => graph.replace('rectify', 'NoSuchOp'), /NoSuchOp/)
    expectError('E_GRAPH', () => graph.add('MatMul', ['features']), /1 inputs/)
  })

  test('what is edited in a part changes nothing in the graph that it is from, and the other way round', async () => {
    const before = await run(file, { x })
    const graph = await loadGraph(file)
    const part = graph.extract(['rectify'])
    part.redirect('rectify', 'product')
    part.rename('x', 'fed')
    part.renameDimension('N', 1)
    part.insertAfter('rectify', 'Neg')
    expect(graph.inputs[0]).toMatchObject({ name: 'x', declared: { shape: ['N', 2] } })
    expect(numbers((await run(exportModel(graph), { x })).y)).toEqual(numbers(before.y))
    // The product of x and w is (-2, -2); what was rectified is now its negative.
    expect(numbers((await run(exportModel(part), { fed: x })).rectify)).toEqual([2, 2])
    const second = graph.extract(['product'])
    graph.rename('product', 'other')
    expect(second.outputs.map(({ name }) => name)).toEqual(['product'])
  })

  test('metadata of a graph that was read are written again, as they are then', async () => {
    const graph = await loadGraph(file)
    graph.metadata.set('changed', 'yes')
    expect([...(await loadGraph(exportModel(graph))).metadata]).toEqual([
      ['labels', 'a,b'],
      ['changed', 'yes'],
    ])
    expect([...(await loadGraph(exportModel(graph, { metadata: {} }))).metadata]).toEqual([])
    graph.metadata.set('number', 3 as never)
    expectError('E_VALUE', () => exportModel(graph), /metadata must be strings by name; "number" is a number/)
  })

  test('no value is an output twice', async () => {
    const graph = await loadGraph(file)
    graph.outputs.push(graph.outputs[0])
    expectError('E_GRAPH', () => exportModel(graph), /"y" is an output twice/)
  })

  test('bodies of a part read the values of the part', async () => {
    const g = new GraphBuilder('outer')
    const x = g.input('x', 'float32', [2])
    const twice = g.op('Add', [x, x], {}, 'twice')
    const branch = (type: string) => {
      const body = new GraphBuilder(type)
      body.output(body.op(type, [twice]), `${type}_result`)
      return body.graph()
    }
    const which = g.input('which', 'bool', [])
    g.output(g.op('If', [which], { then_branch: branch('Neg'), else_branch: branch('Abs') }, 'either'), 'y')
    const graph = await loadGraph(exportModel(g.graph()))
    const part = graph.extract(['y'], ['twice'])
    part.rename('twice', 'fed')
    const fed = { fed: floats([-3, 4]), which: new Tensor('bool', [true], []) }
    expect(numbers((await run(exportModel(part), fed)).y)).toEqual([3, -4])
    const whole = { x: floats([1, -2]), which: new Tensor('bool', [false], []) }
    expect(numbers((await run(exportModel(graph), whole)).y)).toEqual([2, 4])
  })

  test('extracts a part, also between values in the middle', async () => {
    const graph = await loadGraph(file)
    const head = graph.extract(['product'])
    expect(head.nodes.map(({ name }) => name)).toEqual(['product'])
    expect(numbers((await run(exportModel(head), { x })).product)).toEqual([-2, -2])
    const tail = graph.extract(['y'], ['product'])
    expect(tail.inputs.map(({ name }) => name)).toEqual(['product'])
    expect(tail.inputs[0].declared).toEqual({ kind: 'tensor', dtype: 'float32', shape: ['N', 2] })
    expect(numbers((await run(exportModel(tail), { product: floats([3, -4], [1, 2]) })).y)).toEqual([6, -4])
    graph.outputs.splice(0, 1, graph.value('product'))
    graph.prune()
    expect(graph.nodes.map(({ name }) => name)).toEqual(['product'])
  })

  test.each<[string, (g: GraphBuilder, x: Value) => Value, (g: GraphBuilder, cut: Value) => Value, object]>([
    [
      'If',
      (g, x) => {
        const branch = (type: string) => {
          const body = new GraphBuilder(type)
          body.output(body.op(type, [x]), `${type}_result`)
          return body
        }
        return g.op('If', [g.input('c', 'bool', [])], { then_branch: branch('Relu'), else_branch: branch('Neg') })
      },
      (g, cut) => g.op('Abs', [cut]),
      { kind: 'tensor', dtype: 'float32' },
    ],
    [
      'Loop',
      (g, x) => {
        const body = new GraphBuilder('body')
        body.input('i', 'int64', [])
        body.output(body.input('going', 'bool', []), 'on')
        body.output(body.op('Neg', [body.input('v', 'float32', ['N'])]), 'negated')
        return g.op('Loop', [g.constant('trips', hostFrom('int64', [], [3])), undefined, x], { body })
      },
      (g, cut) => g.op('Abs', [cut]),
      { kind: 'tensor', dtype: 'float32' },
    ],
    ['NonZero', (g, x) => g.op('NonZero', [x]), (g, cut) => g.op('Neg', [cut]), { kind: 'tensor', dtype: 'int64' }],
    [
      'a sequence',
      (g, x) => g.op('SequenceConstruct', [x, x]),
      (g, cut) => g.op('ConcatFromSequence', [cut], { axis: 0 }),
      { kind: 'sequence', dtype: 'float32' },
    ],
  ])('what is fed behind %s has its type', async (_, before, after, declared) => {
    const g = new GraphBuilder('outer')
    const cut = before(g, g.input('x', 'float32', ['N']))
    g.output(after(g, cut), 'y')
    const part = (await loadGraph(exportModel(g))).extract(['y'], [cut.name])
    expect(part.inputs.map(({ declared }) => declared)).toEqual([declared])
    const session = await ort.InferenceSession.create(exportModel(part), { logSeverityLevel: 4 })
    expect(session.inputNames).toEqual([cut.name])
  })

  test('refuses what would not be the same', async () => {
    const g = new GraphBuilder()
    const x = g.input('x', 'float32', [1])
    const branch = (op: string) => {
      const b = new GraphBuilder(op)
      b.output(b.op(op, [x]), 'out')
      return b.graph()
    }
    g.output(
      g.op('If', [g.op('Greater', [x, g.constant('zero', floats([0]))])], {
        then_branch: branch('Abs'),
        else_branch: branch('Neg'),
      }),
      'y',
    )
    const graph = await loadGraph(exportModel(g.graph()))
    expectError('E_UNSUPPORTED', () => graph.insertAfter('x', 'Relu'), /body of If/)
  })

  test('ends that are no values are named', async () => {
    for (const list of ['inputs', 'outputs'] as const)
      for (const odd of ['y', undefined, null, 5, {}, () => 1]) {
        const graph = await loadGraph(exportModel(mlp().graph()))
        ;(graph[list] as unknown[]).push(odd)
        expectError('E_GRAPH', () => exportModel(graph), new RegExp(`${list} of a graph are values`))
        expectError('E_GRAPH', () => graph.declareOutputs(), new RegExp(`${list} of a graph are values`))
      }
  })
})

describe('names', () => {
  test('in bodies that are the same as outside are told apart', async () => {
    const body = new GraphBuilder('body')
    const i = body.input('i', 'int64', [])
    const keep = body.input('condition', 'bool', [])
    const s = body.input('state', 'float32', [2])
    // "Add", "Relu" and "two" are names of the outer graph as well.
    const two = body.constant('two', floats([2]))
    const g = new GraphBuilder('outer')
    const x = g.input('state', 'float32', [2])
    const outerTwo = g.constant('two', floats([10]))
    const relu = g.op('Relu', [g.op('Add', [x, outerTwo])])
    body.output(body.op('Identity', [keep]), 'again')
    body.output(body.op('Relu', [body.op('Add', [body.op('Mul', [s, two]), relu])]), 'out')
    void i
    const trips = g.constant('trips', hostFrom('int64', [], [2]))
    g.output(g.op('Loop', [trips, undefined, x], { body: body.graph() }), 'out')
    const bytes = exportModel(g.graph())
    const state = [1, -2]
    // Twice: 2·s + relu(state + 10).
    const right = state.map((v) => 2 * (2 * v + v + 10) + v + 10).map((v) => Math.max(v, 0))
    expect(numbers((await run(bytes, { state: floats(state) })).out)).toEqual(right)
    const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 4 })
    const theirs = await session.run({ state: new ort.Tensor('float32', Float32Array.from(state), [2]) })
    expect(Array.from(theirs.out.data as Float32Array)).toEqual(right)
  })
})

describe('exportModel', () => {
  test('streams external data, which the limit of a file makes necessary', async () => {
    const g = new GraphBuilder()
    const a = g.constant('a', new Tensor('float32', new Float32Array(1000).fill(2), [1000]))
    const b = g.constant('b', new Tensor('float32', new Float32Array(600).fill(3), [600]))
    const small = g.constant('small', floats([1]))
    const x = g.input('x', 'float32', [1])
    g.output(g.op('Concat', [g.op('Mul', [a, x]), g.op('Add', [g.op('Mul', [b, x]), small])], { axis: 0 }), 'y')
    expectError('E_BUDGET', () => exportModel(g.graph(), { sizeLimit: 5000 }), /externalData/)
    const pieces: Uint8Array[] = []
    const bytes = exportModel(g.graph(), {
      sizeLimit: 5000,
      externalData: { location: 'weights.bin', write: (piece) => void pieces.push(piece.slice()) },
    })
    expect(bytes.length).toBeLessThan(1000)
    const data = Buffer.concat(pieces)
    expect(data.length).toBe(4032 + 2400)
    const externalData = [{ path: 'weights.bin', data: new Uint8Array(data) }]
    const { y } = await run(bytes, { x: floats([5]) }, { externalData })
    expect([y.dims[0], ...[0, 999, 1000, 1599].map((i) => (y.data as Float32Array)[i])]).toEqual([1600, 10, 10, 16, 16])
    const session = await ort.InferenceSession.create(bytes, { externalData, logSeverityLevel: 4 })
    const theirs = await session.run({ x: new ort.Tensor('float32', [5], [1]) })
    expect(Array.from(theirs.y.data as Float32Array)).toEqual(numbers(y))
    const graph = await loadGraph(bytes, { externalData })
    expect(graph.value('a').constant?.shape).toEqual([1000])
    await expectRejects('E_EXTERNAL', () => loadGraph(bytes))
  })

  test('writes producer and descriptions', () => {
    const bytes = exportModel(mlp().graph(), {
      producer: { name: 'tool', version: '2' },
      docStrings: { mlp: 'a graph', rectify: 'a node', x: 'an input' },
    })
    const model = readModel(bytes)
    expect([model.producerName, model.producerVersion]).toEqual(['tool', '2'])
    expect(model.graph).toMatchObject({ docString: 'a graph', input: [{ docString: 'an input' }] })
    expect(model.graph!.node.find(({ name }) => name === 'rectify')!.docString).toBe('a node')
  })

  test('writes operators of your own as functions, one for each set of attributes', async () => {
    const g = new GraphBuilder()
    const x = g.input('x', 'float32', [3])
    const own = (scale: number, value = x) => g.node('SignedSquare', [value], { scale }, { domain: 'com.example' })[0]
    g.output(g.op('Add', [own(2), g.op('Add', [own(3), own(2, own(1))])]), 'y')
    const values = [1, -2, 0.5]
    const square = (v: number) => v * Math.abs(v)
    const right = values.map((v) => 5 * square(v) + 2 * square(square(v)))
    const plain = exportModel(g.graph())
    expect(readModel(plain).functions).toEqual([])
    const bytes = exportModel(g.graph(), { functions: true })
    expect(readModel(bytes).functions.map(({ name, overload }) => [name, overload])).toEqual([
      ['SignedSquare', ''],
      ['SignedSquare', '1'],
      ['SignedSquare', '2'],
    ])
    for (const file of [plain, bytes]) expect(numbers((await run(file, { x: floats(values) })).y)).toEqual(right)
    const only = new GraphBuilder()
    only.output(
      only.node('SignedSquare', [only.input('x', 'float32', [3])], { scale: 2 }, { domain: 'com.example' })[0],
      'y',
    )
    const session = await ort.InferenceSession.create(exportModel(only.graph(), { functions: true }), {
      logSeverityLevel: 4,
    })
    const theirs = await session.run({ x: new ort.Tensor('float32', values, [3]) })
    expect(Array.from(theirs.y.data as Float32Array)).toEqual(values.map((v) => 2 * square(v)))
  })
})
