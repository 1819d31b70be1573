import { describe, expect, test } from 'vitest'
import { hostFrom } from '../../src/core/host.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor, type Value } from '../../src/node.js'
import '../../src/all-ops.js'
import { registerOp, type TypeOfTensor } from '../../src/own-ops.js'
import { expectError } from '../support/expect-error.js'

const floats = (shape: number[], values: number[]) => new Tensor('float32', Float32Array.from(values), shape)

describe('free sizes', () => {
  test('what keeps a name keeps it, what follows from one is open, what is fixed is fixed', () => {
    const g = new GraphBuilder()
    const a = g.input('a', 'float32', ['N', 3])
    const b = g.input('b', 'float32', ['M', 3])
    g.output(g.op('Concat', [a, b], { axis: 0 }), 'both')
    g.output(g.op('Transpose', [b]), 'turned')
    g.graph().outputs.forEach(({ name, declared }) =>
      expect(declared, name).toEqual({
        kind: 'tensor',
        dtype: 'float32',
        shape: name === 'both' ? [null, 3] : [3, 'M'],
      }),
    )
  })

  test('a constant more than one size is not taken for another', () => {
    for (let more = 1; more <= 150; more++) {
      const g = new GraphBuilder()
      const a = g.input('a', 'float32', ['N'])
      const b = g.input('b', 'float32', ['M'])
      const c = g.constant('c', new Tensor('float32', new Float32Array(more), [more]))
      g.output(g.op('Concat', [a, c], { axis: 0 }), 'longer')
      g.output(g.op('Relu', [b]), 'same')
      expect(g.graph().outputs.map(({ declared }) => declared?.shape)).toEqual([[null], ['M']])
    }
  })

  test.each([1, 2, 3, 11, 64])('channels that are %i times those of a group, all of them free', (group) => {
    const g = new GraphBuilder()
    const x = g.input('x', 'float32', ['N', 'C', 'H', 'W'])
    const kernel = g.input('kernel', 'float32', ['O', 'I', 'KH', 'KW'])
    g.output(g.op('Conv', [x, kernel, g.input('bias', 'float32', ['O'])], { group }), 'y')
    expect(g.graph().outputs[0].declared?.shape).toEqual(['N', 'O', null, null])
  })

  test('more free sizes than can be tried are left open', () => {
    const g = new GraphBuilder()
    const [x, w, r] = [['T', 'N', 'I'], ['D', 'G', 'I'], ['D', 'G', 'H']].map((sizes, i) => g.input(`x${i}`, 'float32', sizes)) // prettier-ignore
    g.output(g.op('LSTM', [x, w, r], { hidden_size: 4 }), 'y')
    expect(() => exportModel(g)).not.toThrow()
  })

  test('sizes that must be multiples, and names that must agree, are no error', async () => {
    const g = new GraphBuilder()
    const x = g.input('x', 'float32', ['N', 4])
    const mask = g.input('mask', 'float32', ['T'])
    const past = g.input('past', 'float32', ['P', 4])
    const shape = g.constant('shape', hostFrom('int64', [2], [8, -1]))
    g.output(g.op('Reshape', [x, shape]), 'eights')
    const joined = g.op(
      'ReduceSum',
      [g.op('Concat', [past, x], { axis: 0 }), g.constant('axis', hostFrom('int64', [1], [1]))],
      {
        keepdims: 0,
      },
    )
    g.output(g.op('Add', [joined, mask]), 'masked')
    const graph = g.graph()
    expect(graph.outputs.map(({ declared }) => declared)).toEqual([
      { kind: 'tensor', dtype: 'float32', shape: [8, null] },
      { kind: 'tensor', dtype: 'float32', shape: [null] },
    ])
    const session = await InferenceSession.create(exportModel(graph))
    const results = await session.run({
      x: floats([2, 4], [1, 2, 3, 4, 5, 6, 7, 8]),
      past: floats([1, 4], [1, 1, 1, 1]),
      mask: floats([3], [100, 200, 300]),
    })
    expect(results.eights.dims).toEqual([8, 1])
    expect(Array.from(results.masked.data as Float32Array)).toEqual([104, 210, 326])
  })

  type Build = (g: GraphBuilder) => Value[]
  const sizes = (g: GraphBuilder, ...values: number[]) =>
    g.constant(`sizes${values.join('_')}`, new Tensor('int64', values, [values.length]))
  const zeros = (g: GraphBuilder, name: string, ...dims: number[]) =>
    g.constant(name, new Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b, 1)), dims))
  const x = (g: GraphBuilder, ...dims: (string | number)[]) => g.input('x', 'float32', dims)

  // Each takes some sizes only; what is declared holds for all of those.
  test.each<[string, Build, (string | number | null)[][]]>([
    ['Split into given lengths', (g) => g.node('Split', [x(g, 'N'), sizes(g, 1, 3)], {}, { outputs: 2 }), [[1], [3]]],
    ['Split of another axis', (g) => g.node('Split', [x(g, 'N', 'M'), sizes(g, 2, 5)], { axis: 1 }, { outputs: 2 }), [['N', 2], ['N', 5]]],
    ['Reshape of a vector', (g) => [g.op('Reshape', [x(g, 'N'), sizes(g, 2, 3)])], [[2, 3]]],
    ['Reshape of two free axes', (g) => [g.op('Reshape', [x(g, 'N', 'M'), sizes(g, 3, 5)])], [[3, 5]]],
    ['Reshape of a square', (g) => [g.op('Reshape', [x(g, 'N', 'N'), sizes(g, 49)])], [[49]]],
    ['Reshape with an axis that follows', (g) => [g.op('Reshape', [x(g, 'N', 4), sizes(g, 7, -1)])], [[7, null]]],
    ['DepthToSpace', (g) => [g.op('DepthToSpace', [x(g, 'N', 'C', 'H', 'W')], { blocksize: 11 })], [['N', null, null, null]]],
    ['SpaceToDepth', (g) => [g.op('SpaceToDepth', [x(g, 'N', 3, 'H', 'W')], { blocksize: 13 })], [['N', 507, null, null]]],
    ['a grouped convolution', (g) => [g.op('Conv', [x(g, 'N', 'C', 'H', 'W'), zeros(g, 'w', 26, 3, 3, 3)], { group: 13 })], [['N', 26, null, null]]],
    ['a product of fixed columns', (g) => [g.op('MatMul', [x(g, 'N', 'K'), zeros(g, 'w', 31, 3)])], [['N', 3]]],
    ['Expand', (g) => [g.op('Expand', [x(g, 'N'), sizes(g, 3, 5)])], [[3, 5]]],
    ['Squeeze of a free axis', (g) => [g.op('Squeeze', [x(g, 'N', 'K'), sizes(g, 0)])], [['K']]],
    ['what comes after such a node', (g) => [g.op('MatMul', [g.op('Squeeze', [x(g, 'N', 'K', 3), sizes(g, 0)]), zeros(g, 'w', 3, 2)])], [['K', 2]]],
    ['free sizes that must agree', (g) => [g.op('Add', [x(g, 'A', 3), g.input('y', 'float32', ['B', 3])])], [[null, 3]]],
    ['Einsum', (g) => [g.op('Einsum', [x(g, 'A', 'B'), g.input('y', 'float32', ['C', 'D'])], { equation: 'ij,jk->ik' })], [['A', 'D']]],
    ['LSTM', (g) => g.node('LSTM', [x(g, 'T', 'N', 'I'), zeros(g, 'w', 1, 28, 5), zeros(g, 'r', 1, 28, 7)], { hidden_size: 7 }, { outputs: 2 }), [['T', 1, 'N', 7], [1, 'N', 7]]],
    ['TopK of many', (g) => g.node('TopK', [x(g, 'N', 'K'), sizes(g, 200)], {}, { outputs: 2 }), [['N', 200], ['N', 200]]],
    ['Pad that takes away', (g) => [g.op('Pad', [x(g, 'N'), sizes(g, -100, -100)])], [[null]]],
    ['Col2Im, whose columns follow from the image', (g) => [g.op('Col2Im', [x(g, 'N', 'C', 'L'), sizes(g, 5, 5), sizes(g, 2, 2)])], [['N', null, 5, 5]]],
    ['offsets of a size that follows from the picture', (g) => [g.op('DeformConv', [x(g, 1, 2, 'H', 'W'), zeros(g, 'w', 2, 2, 3, 3), g.input('o', 'float32', [1, 18, 'OH', 'OW'])])], [[1, 2, null, null]]],
    ['offsets of half the size of the picture', (g) => [g.op('DeformConv', [x(g, 3, 2, 'H', 'W'), zeros(g, 'w', 2, 2, 3, 3), g.input('o', 'float32', [3, 18, 'OH', 'OW'])], { strides: [2, 2], pads: [1, 1, 1, 1] })], [[3, 2, null, null]]],
    ['scales of as many channels', (g) => [g.op('InstanceNormalization', [x(g, 2, 'C', 5), g.input('s', 'float32', ['D']), g.input('b', 'float32', ['D'])])], [[2, 'C', 5]]],
    ['products of many free axes', (g) => [g.op('MatMul', [x(g, 'A', 'B', 'C', 'D'), g.input('y', 'float32', ['E', 'F', 'G', 'H'])])], [[null, null, 'C', 'H']]],
  ])('%s fits some sizes', (_, build, expected) => {
    const g = new GraphBuilder()
    for (const value of build(g)) g.output(value)
    expect(g.graph().outputs.map(({ declared }) => declared?.shape)).toEqual(expected)
  }) // prettier-ignore

  test('what fits one size only runs with that size', async () => {
    const g = new GraphBuilder()
    for (const part of g.node('Split', [x(g, 'N'), sizes(g, 1, 3)], {}, { outputs: 2 })) g.output(part)
    const session = await InferenceSession.create(exportModel(g))
    const { Split_0: first, Split_1: rest } = await session.run({ x: floats([4], [5, 6, 7, 8]) })
    expect([Array.from(first.data as Float32Array), Array.from(rest.data as Float32Array)]).toEqual([[5], [6, 7, 8]])
  })

  test.each<[string, RegExp, Build]>([
    ['Reshape', /float32\[N,4\]/, (g) => [g.op('Reshape', [x(g, 'N', 4), sizes(g, 5, 3)])]],
    ['Split of a fixed axis', /7/, (g) => g.node('Split', [x(g, 'N', 7), sizes(g, 1, 3)], { axis: 1 }, { outputs: 2 })],
    ['Conv', /4 channels/, (g) => [g.op('Conv', [x(g, 'N', 4, 'H', 'W'), zeros(g, 'w', 8, 3, 3, 3)])]],
    ['Concat', /./, (g) => [g.op('Concat', [x(g, 'N', 2), g.input('y', 'float32', ['M', 3])], { axis: 0 })]],
  ])('%s that no size can mend is refused without a number that nobody gave', (_, message, build) => {
    const g = new GraphBuilder()
    for (const value of build(g)) g.output(value)
    const error = expectError('E_SHAPE', () => g.graph(), message)
    for (const said of [error.message, String((error.cause as Error | undefined)?.message ?? '')])
      for (const [number] of said.matchAll(/(?<![a-z])\d+/g)) expect(Number(number)).toBeLessThan(16)
  })

  test('what a user’s infer throws is shown, unless it speaks of sizes that nobody gave', () => {
    const build = (text: (size: number) => string) => {
      const infer = ([t]: readonly TypeOfTensor[]) => {
        throw new Error(text(t.dims[0]))
      }
      registerOp({ name: 'Throws', domain: 'free', inputs: 1, infer, compute: ([t]) => [t] })
      const g = new GraphBuilder()
      g.output(g.node('Throws', [x(g, 'N')], {}, { domain: 'free', name: 'mine' })[0])
      return g
    }
    expectError('E_VALUE', () => build(() => 'not today').graph(), /Throws "mine".*not today/)
    const error = expectError('E_VALUE', () => build((size) => `not ${size}`).graph(), /Throws "mine".*float32\[N\]/)
    expect(error.message).not.toMatch(/not \d/)
  })

  test('an axis without a name is free, not 1', () => {
    const g = new GraphBuilder()
    g.output(g.op('Relu', [g.input('x', 'float32', [null, 2, null])]), 'y')
    expect(g.graph().outputs[0].declared?.shape).toEqual([null, 2, null])
  })

  test('what no size can mend is refused, in the names that were given', () => {
    const g = new GraphBuilder()
    const x = g.input('x', 'float32', ['N', 4])
    const w = g.constant('w', floats([5, 3], new Array<number>(15).fill(1)))
    g.output(g.op('MatMul', [x, w], {}, 'product'), 'y')
    const error = expectError('E_SHAPE', () => g.graph(), /MatMul "product".*float32\[N,4\], float32\[5,3\]/)
    expect(error).toMatchObject({ op: 'MatMul', node: 'product' })
    expect(error.message).not.toMatch(/97|199/)
  })

  test('a fixed contradiction keeps its own words', () => {
    const g = new GraphBuilder()
    g.input('free', 'float32', ['N'])
    const x = g.input('x', 'float32', [2, 4])
    g.output(g.op('MatMul', [x, x], {}, 'product'), 'y')
    expectError('E_SHAPE', () => g.graph(), /\[2,4\]/)
  })
})

describe('attributes', () => {
  test('take type names, tensors, typed arrays and bigints', async () => {
    const g = new GraphBuilder()
    const x = g.input('x', 'float32', [1, 1, 2, 2])
    g.output(g.op('Cast', [x], { to: 'int32' }), 'whole')
    g.output(g.op('Constant', [], { value: new Tensor('float16', [1.5, -2], [2]) }), 'half')
    g.output(g.op('AveragePool', [x], { kernel_shape: Int32Array.of(2, 2), strides: [1n, 1n] }), 'mean')
    const session = await InferenceSession.create(exportModel(g.graph()))
    const { whole, half, mean } = await session.run({ x: floats([1, 1, 2, 2], [1, 2, 3, 6.5]) })
    expect(Array.from(whole.data as Int32Array)).toEqual([1, 2, 3, 6])
    expect(half).toMatchObject({ type: 'float16', dims: [2] })
    expect(Array.from(mean.data as Float32Array)).toEqual([3.125])
  })

  test.each([
    ['Cast', { to: 'int33' }, 'to', expect.stringMatching(/^int or float32, .*int32.*string$/), '"int33"'],
    ['RandomUniform', { dtype: 'float' }, 'dtype', expect.stringMatching(/float64/), '"float"'],
    ['Cast', { to: 1.5 }, 'to', 'int', 'number'],
    ['Concat', { axis: [0] }, 'axis', 'int', 'a list with 1 elements'],
    ['LeakyRelu', { alpha: '0.1' }, 'alpha', 'float', 'string'],
    ['Transpose', { perm: 1 }, 'perm', 'ints', 'number'],
    ['Transpose', { perm: [0.5] }, 'perm', 'ints', 'a list with 1 elements'],
    ['Constant', { value: [1, 2] }, 'value', 'tensor', 'a list with 2 elements'],
    ['Constant', { value_floats: ['a'] }, 'value_floats', 'floats', 'a list with 1 elements'],
    ['If', { then_branch: {} }, 'then_branch', 'graph', 'object'],
    ['Einsum', { equation: 3 }, 'equation', 'string', 'number'],
  ])('%s refuses %o', (type, attributes, name, expected, actual) => {
    const g = new GraphBuilder()
    const inputs = type === 'Constant' || type === 'RandomUniform' ? [] : [g.input('x', 'float32', [2])]
    const error = expectError('E_GRAPH', () => g.op(type, inputs, attributes, 'n'), new RegExp(`attribute "${name}"`))
    expect(error).toMatchObject({ op: type, node: 'n', expected, actual })
  })
})

test('sequences and optionals are inputs', async () => {
  const g = new GraphBuilder()
  const list = g.input('list', 'float32', [null], 'sequence')
  const maybe = g.input('maybe', 'float32', [2], 'optional')
  g.output(g.op('ConcatFromSequence', [list], { axis: 0 }), 'all')
  g.output(g.op('OptionalHasElement', [maybe]), 'there')
  const session = await InferenceSession.create(exportModel(g.graph()))
  expect(session.inputMetadata.map(({ isTensor }) => isTensor)).toEqual([false, false])
  const { all } = await session.run({ list: [floats([1], [1]), floats([2], [2, 3])], maybe: null })
  expect(Array.from(all.data as Float32Array)).toEqual([1, 2, 3])
  const { there } = await session.run({ list: [floats([1], [1])], maybe: floats([2], [1, 2]) })
  expect(Array.from(there.data as Uint8Array)).toEqual([1])
})
