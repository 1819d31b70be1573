import { describe, expect, test } from 'vitest'
import { hostFrom } from '../../src/core/host.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../src/node.js'
import '../../src/all-ops.js'
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
    ['Cast', { to: 'int33' }, 'to', 'int', 'string'],
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
    const inputs = type === 'Constant' ? [] : [g.input('x', 'float32', [2])]
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
