import { beforeAll, describe, expect, test } from 'vitest'
import '../../src/all-ops.js'
import { Device } from '../../src/autograd/device.js'
import { LanewiseError } from '../../src/core/errors.js'
import { exportModel, GraphBuilder, InferenceSession, loadGraph, Tensor, type ModelGraph } from '../../src/node.js'
import { int, registerOp } from '../../src/own-ops.js'
import { GraphModule } from '../../src/nn/graph-module.js'
import { expectError, expectRejects, thrownBy } from '../support/expect-error.js'

// What a caller of JavaScript, or of TypeScript with a cast, gets wrong: an error of the library that names the
// argument, never a TypeError and never a file that no runtime reads.

/** Anything at all as an argument. */
const any = (value: unknown) => value as never
const floats = (...values: number[]) => new Tensor('float32', values, [values.length])

function small(): GraphBuilder {
  const g = new GraphBuilder('small')
  g.output(g.op('Relu', [g.input('x', 'float32', ['N'])], {}, 'rectify'), 'y')
  return g
}

/** Must throw a LanewiseError whose message says so. */
function expectTyped(work: () => unknown, message: RegExp): void {
  const error = thrownBy(work)
  expect(error.message).toMatch(message)
  expect(error.message).not.toMatch(/\[object|undefined \(reading/)
}

describe('GraphBuilder', () => {
  type Row = [what: string, message: RegExp, work: (g: GraphBuilder) => unknown]
  const x = (g: GraphBuilder) => g.input('x', 'float32', [2])
  test.each<Row>([
    ['a name that is a number', /name of a graph.*a number/, () => new GraphBuilder(any(3))],
    ['an input without a name', /name of an input/, (g) => g.input(any(undefined), 'float32', [1])],
    ['an input with an empty name', /name of an input/, (g) => g.input('', 'float32', [1])],
    ['an unknown type', /type of input "a".*"float"/, (g) => g.input('a', any('float'), [1])],
    ['a type that every object has', /type of input "a"/, (g) => g.input('a', any('toString'), [1])],
    ['no type', /type of input "a".*undefined/, (g) => g.input('a', any(undefined), [1])],
    ['an unknown kind', /kind of input "a".*"list"/, (g) => g.input('a', 'float32', [1], any('list'))],
    ['a map, which has no element type', /kind of input "a".*"map"/, (g) => g.input('a', 'float32', [1], 'map')],
    ['a shape that is a number', /shape of input "a".*got 3/, (g) => g.input('a', 'float32', any(3))],
    ['a shape that is a word', /shape of input "a".*"N"/, (g) => g.input('a', 'float32', any('N'))],
    ['a negative size', /shape of input "a".*got -1/, (g) => g.input('a', 'float32', [2, -1])],
    ['half a size', /shape of input "a".*got 1.5/, (g) => g.input('a', 'float32', [1.5])],
    ['NaN for a size', /shape of input "a".*got NaN/, (g) => g.input('a', 'float32', [NaN])],
    ['a bigint for a size', /shape of input "a"/, (g) => g.input('a', 'float32', any([2n]))],
    ['undefined for a size', /shape of input "a"/, (g) => g.input('a', 'float32', any([undefined]))],
    ['a size without a name', /shape of input "a"/, (g) => g.input('a', 'float32', [''])],
    ['a constant of nothing', /constant "w".*undefined/, (g) => g.constant('w', any(undefined))],
    ['a constant of a number', /constant "w".*a number/, (g) => g.constant('w', any(1))],
    ['a constant of a list', /constant "w".*a list/, (g) => g.constant('w', any([1, 2]))],
    ['a constant of an array', /constant "w".*Float32Array/, (g) => g.constant('w', any(Float32Array.of(1)))],
    ['a constant of an unknown type', /constant "w"/, (g) => g.constant('w', any({ dtype: 'f4', shape: [1], data: [1] }))],
    ['a constant with too few elements', /2 elements, got 1|needs 2/, (g) => g.constant('w', { dtype: 'float32', shape: [2], data: new Float32Array(1) })],
    ['a constant without a name', /name of a constant/, (g) => g.constant(any(undefined), floats(1))],
    ['no operator', /name of an operator.*undefined/, (g) => g.op(any(undefined), [])],
    ['an unknown operator', /Rellu is not known/, (g) => g.op('Rellu', [x(g)])],
    ['no inputs', /inputs of Relu.*undefined/, (g) => g.op('Relu', any(undefined))],
    ['one input without a list', /inputs of Relu.*an object/, (g) => g.op('Relu', any(x(g)))],
    ['the name of an input', /input 0.*a string/, (g) => { x(g); return g.op('Relu', any(['x'])) }],
    ['a tensor', /input 0.*Tensor|input 0.*an object/, (g) => g.op('Relu', any([floats(1)]))],
    ['a number', /input 1.*a number/, (g) => g.op('Add', any([x(g), 1]))],
    ['null', /input 0.*null/, (g) => g.op('Relu', any([null]))],
    ['a graph', /input 0/, (g) => g.op('Relu', any([small().graph()]))],
    ['a builder', /input 0/, (g) => g.op('Relu', any([g]))],
    ['a function', /input 0/, (g) => g.op('Relu', any([function named() { return 1 }]))],
    ['a list of values', /input 0.*a list/, (g) => g.op('Relu', any([[x(g)]]))],
    ['attributes that are null', /attributes.*null/, (g) => g.op('Relu', [x(g)], any(null))],
    ['attributes in a map', /attributes.*Map/, (g) => g.op('LeakyRelu', [x(g)], any(new Map([['alpha', 1]])))],
    ['attributes in a list', /attributes.*list/, (g) => g.op('Relu', [x(g)], any([]))],
    ['a name of a node that is a number', /name of a node.*a number/, (g) => g.op('Relu', [x(g)], {}, any(1))],
    ['a second output of Relu', /1 outputs, not 2/, (g) => g.node('Relu', [x(g)], {}, { outputs: 2 })],
    ['a fourth output of LSTM', /1 to 3 outputs, not 4/, (g) => { const value = x(g); return g.node('LSTM', [value, value, value], {}, { outputs: 4 }) }],
    ['no outputs', /outputs, not 0/, (g) => g.node('Relu', [x(g)], {}, { outputs: 0 })],
    ['half an output', /outputs, not 1.5/, (g) => g.node('Split', [x(g)], {}, { outputs: 1.5 })],
    ['outputs as a word', /outputs, not a string/, (g) => g.node('Split', [x(g)], {}, { outputs: any('2') })],
    ['an option that is not known', /no option "output"/, (g) => g.node('Split', [x(g)], {}, any({ output: 2 }))],
    ['options that are null', /options of a node.*null/, (g) => g.node('Split', [x(g)], {}, any(null))],
    ['a domain that is a number', /domain of Relu.*a number/, (g) => g.node('Relu', [x(g)], {}, { domain: any(1) })],
    ['an output of nothing', /an output must be a value.*undefined/, (g) => g.output(any(undefined))],
    ['an output by its name', /an output must be a value.*a string/, (g) => { x(g); return g.output(any('x')) }],
    ['an output of all outputs of a node', /an output must be a value.*a list/, (g) => g.output(any(g.node('Relu', [x(g)])))],
    ['an output with a number for a name', /name of an output/, (g) => g.output(x(g), any(1))],
    ['an output twice', /output already/, (g) => { const y = g.op('Relu', [x(g)]); g.output(y); return g.output(y) }],
    ['an output of another builder', /another graph/, (g) => g.output(new GraphBuilder().input('z', 'float32', [1]))],
    ['no output at all', /no output/, (g) => { x(g); return g.graph() }],
  ])('%s is refused', (_, message, work) => expectTyped(() => work(new GraphBuilder()), message)) // prettier-ignore

  test('what was refused leaves no trace', () => {
    const g = new GraphBuilder()
    expectTyped(() => g.input('x', any('float'), [2]), /type/)
    const x = g.input('x', 'float32', [2])
    expectTyped(() => g.constant('w', any(1)), /constant/)
    const w = g.constant('w', floats(1, 2))
    expectTyped(() => g.op('Add', [x], {}, 'sum'), /inputs/)
    g.output(g.op('Add', [x, w], {}, 'sum'))
    expect(g.graph().nodes.map(({ name }) => name)).toEqual(['sum'])
  })

  test('more outputs than a user infers are refused when the graph is made', () => {
    registerOp({ name: 'One', domain: 'wrong', inputs: 1, infer: ([t]) => [t], compute: ([t]) => [t] })
    const g = new GraphBuilder()
    const [y, z] = g.node('One', [g.input('x', 'float32', ['N'])], {}, { domain: 'wrong', outputs: 2 })
    g.output(y)
    g.output(z)
    expectError('E_GRAPH', () => g.graph(), /makes 1 outputs here, not 2/)
  })

  test('a value of another builder is refused when the model is written', () => {
    const other = new GraphBuilder().input('z', 'float32', [1])
    const read = new GraphBuilder()
    read.output(read.op('Relu', [other]), 'y')
    const error = expectError('E_GRAPH', () => exportModel(read), /reads "z".*another graph/)
    expect(error.node).toBe('Relu')
    const handed = new GraphBuilder()
    handed.output(other, 'y')
    expectError('E_GRAPH', () => exportModel(handed), /another graph/)
  })

  test('a body may hand on a value of the graph around it', async () => {
    const g = new GraphBuilder()
    const x = g.input('x', 'float32', [1])
    const [same, turned] = [new GraphBuilder('same'), new GraphBuilder('turned')]
    same.output(x, 'out')
    turned.output(turned.op('Neg', [x]), 'out')
    // Builders will do for graphs.
    const condition = g.op('Greater', [x, g.constant('zero', floats(0))])
    g.output(g.op('If', [condition], { then_branch: same, else_branch: turned }), 'y')
    const session = await InferenceSession.create(exportModel(g))
    expect(Array.from((await session.run({ x: floats(-3) })).y.data as Float32Array)).toEqual([3])
    expect(Array.from((await session.run({ x: floats(2) })).y.data as Float32Array)).toEqual([2])
  })
})

describe('numbers that ONNX has no room for', () => {
  const build = (type: string, attributes: Record<string, unknown>) => {
    const g = new GraphBuilder()
    const inputs = type === 'Constant' ? [] : [g.input('x', 'float32', [2, 2])]
    g.output(g.op(type, inputs, attributes), 'y')
    return g
  }
  test.each<[string, Record<string, unknown>, RegExp]>([
    ['Flatten', { axis: 2n ** 64n }, /"axis".*int64/],
    ['Flatten', { axis: -(2n ** 63n) - 1n }, /"axis".*int64/],
    ['Flatten', { axis: 2n ** 60n }, /"axis" is 1152921504606846976.*2\^53/],
    ['Flatten', { axis: 2 ** 60 }, /"axis" is 1152921504606846976.*2\^53/],
    ['Transpose', { perm: [0, 2n ** 53n] }, /"perm".*2\^53/],
    ['Transpose', { perm: BigInt64Array.of(0n, -(2n ** 62n)) }, /"perm".*2\^53/],
    ['Transpose', { perm: BigUint64Array.of(0n, 2n ** 63n) }, /"perm".*int64/],
    ['Constant', { value_int: 2n ** 63n }, /"value_int".*int64/],
    ['Constant', { value_ints: [1, 2n ** 70n] }, /"value_ints".*int64/],
    ['LeakyRelu', { alpha: 1e39 }, /"alpha".*float32/],
    ['Constant', { value_floats: [1, -1e300] }, /"value_floats".*float32/],
  ])('%s %o is refused', (type, attributes, message) => {
    expectError('E_VALUE', () => build(type, attributes), message)
  })

  test('Constant keeps every int64', async () => {
    const values = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n, 3n]
    const many = await InferenceSession.create(exportModel(build('Constant', { value_ints: values })))
    expect(Array.from((await many.run({})).y.data as BigInt64Array)).toEqual(values)
    const one = await InferenceSession.create(exportModel(build('Constant', { value_int: 2n ** 53n + 1n })))
    expect((await one.run({})).y.data[0]).toBe(2n ** 53n + 1n)
  })

  test('in a file they are refused, too, except for the ends of int64', async () => {
    // The attribute as no builder would write it.
    const write = (end: bigint) => {
      const graph = build('Shape', { end: 2 }).graph()
      const attributes = { ...graph.nodes[0].attributes, end }
      return exportModel({ ...graph, nodes: [{ ...graph.nodes[0], attributes }, ...graph.nodes.slice(1)] })
    }
    const all = await InferenceSession.create(write(2n ** 63n - 1n))
    expect((await all.run({ x: new Tensor('float32', [1, 2, 3, 4], [2, 2]) })).y.dims).toEqual([2])
    await expectRejects('E_VALUE', () => InferenceSession.create(write(2n ** 60n)), /"end" is 1152921504606846976/)
  })
})

describe('exportModel', () => {
  const g = small().graph()
  const file = { location: 'm.data', write: () => undefined }
  test.each<[string, RegExp, () => unknown]>([
    ['nothing', /needs a graph.*undefined/, () => exportModel(any(undefined))],
    ['null', /needs a graph.*null/, () => exportModel(any(null))],
    ['a path', /needs a graph.*a string/, () => exportModel(any('model.onnx'))],
    ['bytes', /needs a graph.*Uint8Array/, () => exportModel(any(new Uint8Array(3)))],
    ['an empty object', /needs a graph.*an object/, () => exportModel(any({}))],
    ['a graph without outputs', /no output/, () => exportModel({ ...g, outputs: [] })],
    ['options that are null', /options of exportModel.*null/, () => exportModel(g, any(null))],
    ['an operator set for options', /options of exportModel.*a number/, () => exportModel(g, any(13))],
    ['an option that is not known', /no option "opsets"/, () => exportModel(g, any({ opsets: 13 }))],
    ['a set in a list', /7 to 28, got a list/, () => exportModel(g, any({ opset: [21] }))],
    ['a set as a word', /opset must be a whole number, 7 to 28, got "13"/, () => exportModel(g, any({ opset: '13' }))],
    ['a set of null', /opset must be.*null/, () => exportModel(g, any({ opset: null }))],
    ['half a set', /opset must be.*13.5/, () => exportModel(g, { opset: 13.5 })],
    ['a set too old', /opset must be.*got 6/, () => exportModel(g, { opset: 6 })],
    ['metadata that is a word', /metadata.*a string/, () => exportModel(g, any({ metadata: 'a' }))],
    ['metadata that is a list', /metadata.*a list/, () => exportModel(g, any({ metadata: [['a', 'b']] }))],
    ['metadata of numbers', /metadata.*"a" is a number/, () => exportModel(g, any({ metadata: { a: 1 } }))],
    ['a map of numbers', /metadata.*"a" is a number/, () => exportModel(g, any({ metadata: new Map([['a', 1]]) }))],
    ['a producer that is a word', /producer.*a string/, () => exportModel(g, any({ producer: 'me' }))],
    ['a producer without a name', /producer's name.*undefined/, () => exportModel(g, any({ producer: {} }))],
    ['a version that is a number', /producer's version.*a number/, () => exportModel(g, any({ producer: { name: 'me', version: 1 } }))],
    ['docStrings of lists', /docStrings.*"y" is a list/, () => exportModel(g, any({ docStrings: { y: [] } }))],
    ['functions as a word', /functions.*a string/, () => exportModel(g, any({ functions: 'yes' }))],
    ['sizeLimit as a word', /sizeLimit/, () => exportModel(g, any({ sizeLimit: '1' }))],
    ['externalData as a word', /externalData must be an object, got a string/, () => exportModel(g, any({ externalData: 'a' }))],
    ['externalData without write', /write of externalData.*undefined/, () => exportModel(g, any({ externalData: { location: 'a' } }))],
    ['a location that is a number', /location of externalData.*a number/, () => exportModel(g, any({ externalData: { ...file, location: 3 } }))],
    ['a location outside', /"\.\."/, () => exportModel(g, { externalData: { ...file, location: '../m.data' } })],
    ['a threshold of NaN', /threshold/, () => exportModel(g, { externalData: { ...file, threshold: NaN } })],
  ])('%s is refused', (_, message, work) => expectTyped(work, message)) // prettier-ignore

  const large = () => {
    const b = new GraphBuilder()
    const w = b.constant('w', new Tensor('float32', new Float32Array(512), [512]))
    b.output(b.op('Add', [b.input('x', 'float32', ['N', 512]), w]), 'y')
    return b
  }
  const writing = (write: () => unknown) => () => exportModel(large(), { externalData: { location: 'm.data', write } })

  test('what write throws is the cause, and a promise is refused', () => {
    const cause = new RangeError('disk full')
    const thrower = () => {
      throw cause
    }
    expect(expectError('E_EXTERNAL', writing(thrower), /disk full/).cause).toBe(cause)
    expectError('E_EXTERNAL', writing(() => Promise.resolve()), /at once, not return a promise/) // prettier-ignore
    expectError('E_EXTERNAL', writing(() => Promise.reject(new Error('late'))), /promise/) // prettier-ignore
  })

  test('takes a builder, and metadata as a map', async () => {
    const bytes = exportModel(small(), { metadata: new Map([['labels', 'a,b']]) })
    const graph = await loadGraph(bytes)
    expect(graph.metadata.get('labels')).toBe('a,b')
    const again = await loadGraph(exportModel(graph, { metadata: graph.metadata }))
    expect(again.metadata.get('labels')).toBe('a,b')
  })
})

describe('loadGraph and GraphModule.from', () => {
  const sources: [string, unknown, RegExp][] = [
    ['nothing', undefined, /a path, a URL, a Uint8Array or an ArrayBuffer, got undefined/],
    ['null', null, /got null/],
    ['a number', 3, /got a number/],
    ['a list', [1, 2], /got a list/],
    ['a graph', small().graph(), /got a graph, which is read already/],
  ]
  test.each(sources)('%s is refused', async (_, source, message) => {
    await expectRejects('E_VALUE', () => loadGraph(any(source)), message)
    await expectRejects('E_VALUE', () => GraphModule.from(any(source)), message)
  })

  test.each<[string, unknown, RegExp]>([
    ['options that are null', null, /options of loadGraph.*null/],
    ['external data as a word', { externalData: 'a' }, /externalData.*a string/],
    ['external data of words', { externalData: ['a'] }, /externalData is a list of/],
    ['external data without bytes', { externalData: [{ path: 'a' }] }, /"a" must be bytes/],
    ['a memory limit as a word', { memoryLimit: 'much' }, /memoryLimit/],
  ])('%s is refused', async (_, options, message) => {
    let thrown: unknown
    await loadGraph(exportModel(small()), any(options)).catch((error: unknown) => (thrown = error))
    expectTyped(() => {
      throw thrown as Error
    }, message)
  })

  test('an ArrayBuffer is taken', async () => {
    const bytes = exportModel(small())
    const graph = await loadGraph(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer)
    expect(graph.nodes.length).toBe(2)
  })

  test('a module of what is no graph is refused', async () => {
    await Device.create()
    for (const nothing of [undefined, null, 'model.onnx', {}, new Uint8Array(1)])
      expectError('E_VALUE', () => new GraphModule(any(nothing)), /GraphModule takes a graph/)
  })
})

describe('ModelGraph', () => {
  let graph: ModelGraph
  beforeAll(async () => void (graph = await loadGraph(exportModel(small()))))
  const foreign = new GraphBuilder().input('z', 'float32', [1])

  test.each<[string, RegExp, () => unknown]>([
    ['a value of nothing', /a value is needed.*undefined/, () => graph.value(any(undefined))],
    ['a value by a number', /a value is needed.*a number/, () => graph.value(any(1))],
    ['a value of another graph', /no value "z"/, () => graph.value(foreign)],
    ['a node of nothing', /a node is needed.*undefined/, () => graph.node(any(undefined))],
    ['producerOf a node', /a value is needed/, () => graph.producerOf(any(graph.nodes[0]))],
    ['renaming nothing', /a value is needed/, () => graph.rename(any(undefined), 'a')],
    ['renaming to nothing', /name of a value.*undefined/, () => graph.rename('x', any(undefined))],
    ['renaming to an empty name', /name of a value/, () => graph.rename('x', '')],
    ['renaming a foreign value', /no value "z"/, () => graph.rename(foreign, 'a')],
    ['a size that is not there', /no size.*"M"/, () => graph.renameDimension('M', 'K')],
    ['a negative size', /"N" must become.*-1/, () => graph.renameDimension('N', -1)],
    ['half a size', /"N" must become.*1.5/, () => graph.renameDimension('N', 1.5)],
    ['no size', /"N" must become.*null/, () => graph.renameDimension('N', any(null))],
    ['a size without a name', /"N" must become/, () => graph.renameDimension('N', '')],
    ['a size by a number', /name of a size/, () => graph.renameDimension(any(1), 2)],
    ['extracting by a word', /values to extract must be a list, got a string/, () => graph.extract(any('y'))],
    ['extracting nothing', /at least one/, () => graph.extract([])],
    ['extracting what is not there', /no value "q"/, () => graph.extract(['q'])],
    ['extracting from a word', /values to feed must be a list/, () => graph.extract(['y'], any('x'))],
    ['extracting from what it does not need', /nothing that is extracted.*"y"/, () => graph.extract(['x'], ['y'])],
    ['adding what ended', /Resize in place of Upsample/, () => graph.add('Upsample', ['x', 'x'])],
    ['extracting a foreign value', /no value "z"/, () => graph.extract([foreign])],
    ['adding without inputs', /inputs of Neg.*undefined/, () => graph.add('Neg', any(undefined))],
    ['adding with a tensor', /input 0/, () => graph.add('Neg', any([floats(1)]))],
    ['adding with a foreign value', /no value "z"/, () => graph.add('Neg', [foreign])],
    ['adding too many outputs', /1 outputs, not 2/, () => graph.add('Neg', ['x'], {}, { outputs: 2 })],
    ['adding with options that are null', /options of a node/, () => graph.add('Neg', ['x'], {}, any(null))],
    ['replacing by nothing', /name of an operator/, () => graph.replace('rectify', any(undefined))],
    ['replacing with null attributes', /attributes.*null/, () => graph.replace('rectify', 'Neg', any(null))],
    ['a constant of nothing', /constant "w"/, () => graph.constant('w', any(null))],
    ['inserting after a number', /a value is needed/, () => graph.insertAfter(any(1), 'Neg')],
    ['redirecting to nothing', /a value is needed/, () => graph.redirect('x', any(undefined))],
  ])('%s is refused', (_, message, work) => expectTyped(work, message))

  test('an output that is another graph’s is refused when it is written', async () => {
    const changed = await loadGraph(exportModel(small()))
    changed.outputs.push(foreign)
    expectError('E_GRAPH', () => exportModel(changed), /"z".*another graph/)
    changed.outputs.length = 0
    expectError('E_GRAPH', () => exportModel(changed), /no output/)
  })
})

describe('registerOp', () => {
  const good = { name: 'Good', domain: 'wrong', inputs: 1, compute: (inputs: readonly Tensor[]) => [...inputs] }
  test.each<[string, RegExp, unknown]>([
    ['nothing', /an operator must be an object, got undefined/, undefined],
    ['null', /an operator.*null/, null],
    ['a function', /an operator.*a function/, () => 1],
    ['a list', /an operator.*a list/, [good]],
    ['no name', /operator's name.*undefined/, { ...good, name: undefined }],
    ['an empty name', /operator's name/, { ...good, name: '' }],
    ['a name that is a number', /operator's name.*a number/, { ...good, name: 3 }],
    ['no domain', /operator's domain.*undefined/, { ...good, domain: undefined }],
    ['inputs of -1', /inputs of the operator Good.*-1/, { ...good, inputs: -1 }],
    ['half an input', /inputs of the operator Good.*1.5/, { ...good, inputs: 1.5 }],
    ['inputs as a word', /inputs of the operator Good.*a string/, { ...good, inputs: '1' }],
    ['more least than most', /inputs of the operator Good.*2,1/, { ...good, inputs: [2, 1] }],
    ['a list of one', /inputs of the operator Good/, { ...good, inputs: [1] }],
    ['endlessly many', /inputs of the operator Good.*Infinity/, { ...good, inputs: Infinity }],
    ['attributes as a list', /attributes.*a list/, { ...good, attributes: ['alpha'] }],
    ['attributes that are null', /attributes.*null/, { ...good, attributes: null }],
    ['an attribute that is its default', /attribute "alpha".*1/, { ...good, attributes: { alpha: 1 } }],
    ['an attribute of an unknown kind', /attribute "alpha"/, { ...good, attributes: { alpha: { kind: 'number' } } }],
    ['an attribute whose helper was not called', /attribute "alpha".*a function/, { ...good, attributes: { alpha: int } }],
    ['no compute', /compute of the operator Good.*undefined/, { ...good, compute: undefined }],
    ['compute that is a list', /compute of the operator Good.*a list/, { ...good, compute: [] }],
    ['infer that is an object', /infer of the operator Good.*an object/, { ...good, infer: {} }],
    ['a gradient that is a number', /gradient of the operator Good.*a number/, { ...good, gradient: 1 }],
    ['a body that is a graph', /body of the operator Good/, { ...good, body: small().graph() }],
    ['a misspelt field', /no option "gradients"/, { ...good, gradients: () => [] }],
    ['a definition with arity -1', /arity of the operator Good.*-1/, { name: 'Good', domain: 'wrong', arity: -1, attributes: {}, compute: () => [] }],
    ['a definition without attributes', /attributes/, { name: 'Good', domain: 'wrong', arity: 1, compute: () => [] }],
    ['a definition that computes nothing', /none of emit, compute/, { name: 'Good', domain: 'wrong', arity: 1, attributes: {} }],
    ['a definition whose gradient has no backward', /backward/, { name: 'Good', domain: 'wrong', arity: 1, attributes: {}, compute: () => [], gradient: {} }],
    ['a definition whose emit is none', /emit of the operator Good/, { name: 'Good', domain: 'wrong', arity: 1, attributes: {}, emit: 1 }],
  ])('%s is refused', (_, message, operator) => {
    expectError('E_VALUE', () => registerOp(any(operator)), message)
  }) // prettier-ignore

  test('functions: true refuses an operator without a body, by name', () => {
    registerOp({ ...good, name: 'Bodiless' })
    const g = new GraphBuilder()
    g.output(g.node('Bodiless', [g.input('x', 'float32', [1])], {}, { domain: 'wrong', name: 'mine' })[0], 'y')
    expect(exportModel(g).length).toBeGreaterThan(0)
    const error = expectError('E_UNSUPPORTED', () => exportModel(g, { functions: true }), /wrong\.Bodiless has no body/)
    expect(error).toMatchObject({ op: 'Bodiless', node: 'mine' })
  })

  test.each<[string, () => unknown]>([
    ['nothing', () => undefined],
    ['a list', () => []],
    ['a graph without outputs', () => ({ ...small().graph(), outputs: [] })],
  ])('a body that returns %s is refused by name', (what, body) => {
    registerOp(any({ ...good, name: 'BadBody', body }))
    const g = new GraphBuilder()
    g.output(g.node('BadBody', [g.input('x', 'float32', [1])], {}, { domain: 'wrong', name: 'mine' })[0], 'y')
    expectTyped(() => exportModel(g, { functions: true }), /BadBody "mine"/)
    void what
  })

  describe('functions: true holds a body to the operator', () => {
    type Body = (g: GraphBuilder, x: ReturnType<GraphBuilder['input']>) => void
    const body =
      (make: Body, dtype: 'float32' | 'int64' = 'float32', shape?: readonly (string | number)[]) =>
      () => {
        const g = new GraphBuilder('body')
        make(g, g.input('x', dtype, shape))
        return g.graph()
      }
    const throws = (thrown: unknown) => () => {
      throw thrown
    }
    const forms: [string, RegExp, () => unknown][] = [
      ['throws', /threw RangeError: no body/, throws(new RangeError('no body'))],
      ['throws a word', /threw oh/, throws('oh')],
      ['is a promise', /body must return a graph, got a promise/, () => Promise.resolve(small().graph())],
      ['takes no input', /has inputs: 0, the operator 1/, () => { const g = new GraphBuilder(); g.output(g.op('Constant', [], { value_float: 1 }), 'y'); return g }],
      ['takes two inputs', /has inputs: 2, the operator 1/, body((g, x) => void g.output(g.op('Add', [x, g.input('z', 'float32')]), 'y'))],
      ['makes two outputs', /has outputs: 2, the operator 1/, body((g, x) => { g.output(g.op('Neg', [x]), 'y'); g.output(g.op('Abs', [x]), 'z') })],
      ['takes another type', /takes as input 0 int64, the operator float32/, body((g, x) => void g.output(g.op('Neg', [x]), 'y'), 'int64')],
      ['makes another type', /makes as output 0 int32\[\?,3\], the operator float32\[\?,3\]/, body((g, x) => void g.output(g.op('Cast', [x], { to: 'int32' }), 'y'))],
      ['makes another shape', /makes as output 0 float32\[3,\?\], the operator float32\[\?,3\]/, body((g, x) => void g.output(g.op('Transpose', [x]), 'y'))],
      ['makes another rank', /makes as output 0 float32\[1,\?,3\]/, body((g, x) => void g.output(g.op('Unsqueeze', [x, g.constant('a', new Tensor('int64', [0n], [1]))]), 'y'))],
      ['uses the operator', /the body of Held.* uses Held/, body((g, x) => void g.output(g.node(`Held_uses_the_operator`, [x], {}, { domain: 'wrong' })[0], 'y'))],
    ] // prettier-ignore

    const model = (what: string, make: () => unknown) => {
      const name = `Held_${what.replaceAll(' ', '_')}`
      const bodies = make as () => GraphBuilder
      registerOp(any({ ...good, name, infer: ([x]: readonly object[]) => [x], body: bodies }))
      const g = new GraphBuilder()
      g.output(g.node(name, [g.input('x', 'float32', ['N', 3])], {}, { domain: 'wrong', name: 'mine' })[0], 'y')
      return [name, g] as const
    }

    test.each(forms)('that %s', (what, message, make) => {
      const [name, g] = model(what, make)
      expect(exportModel(g).length).toBeGreaterThan(0)
      let thrown: unknown
      try {
        exportModel(g, { functions: true })
      } catch (error) {
        thrown = error
      }
      expect(thrown).toBeInstanceOf(LanewiseError)
      expect((thrown as LanewiseError).message).toMatch(message)
      expect((thrown as LanewiseError).op).toBe(name)
    })

    test('that does not take what it is given', () => {
      const square = body((g, x) => void g.output(g.op('MatMul', [x, x]), 'y'))
      const write = (shape: readonly number[]) => () => {
        const g = new GraphBuilder()
        g.output(g.node('Held_square', [g.input('x', 'float32', shape)], {}, { domain: 'wrong', name: 'mine' })[0], 'y')
        return exportModel(g, { functions: true })
      }
      model('square', square)
      expect(expectError('E_GRAPH', write([2, 3]), /its body does not fit: MatMul/).node).toBe('mine')
      expect(write([3, 3])().length).toBeGreaterThan(0)
    })

    test('and one that fits is written', () => {
      const fits = body((g, x) => void g.output(g.op('Neg', [g.op('Neg', [x])]), 'y'), 'float32', ['M', 3])
      expect(exportModel(model('fits', fits)[1], { functions: true }).length).toBeGreaterThan(0)
    })
  })
})
