import { describe, expect, test } from 'vitest'
import {
  exportModel,
  GraphBuilder,
  InferenceSession,
  LanewiseError,
  loadGraph,
  Tensor,
  type Value,
} from '../../src/node.js'
import '../../src/all-ops.js'
import { expectError } from '../support/expect-error.js'

const zeros = (dims: readonly number[]) =>
  new Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b, 1)), dims)

/** A graph of one input, `x`, and one output, `y`. */
class Small extends GraphBuilder {
  private constants = 0

  x(...shape: (string | number)[]): Value {
    return this.input('x', 'float32', shape)
  }
  ints(...values: number[]): Value {
    return this.constant(`ints${this.constants++}`, new Tensor('int64', values, [values.length]))
  }
  floats(...dims: number[]): Value {
    return this.constant(`floats${this.constants++}`, zeros(dims))
  }
  slice(x: Value, start: number, end: number, axis = 0): Value {
    return this.op('Slice', [x, this.ints(start), this.ints(end), this.ints(axis)])
  }
  size(x: Value, axis = 0): Value {
    return this.op('Shape', [x], { start: axis, end: axis + 1 })
  }
  /** Ones in as many places as an element says. */
  places(count: Value): Value {
    return this.op('ConstantOfShape', [count])
  }
}

type Sizes = readonly (number | string | null)[] | undefined
type Build = (g: Small) => Value

const sizes = [0, 1, 2, 3, 4, 5, 6, 11, 40, 150, 201, 450, 600, 1500, 2500]

describe('a size that depends on a free one', () => {
  test.each<[string, Build, Sizes]>([
    ...[2, 50, 90, 100, 128, 512].map((end): [string, Build, Sizes] => [`Slice 0:${end}`, (g) => g.slice(g.x('N', 3), 0, end), [null, 3]]),
    ['Slice -5:', (g) => g.slice(g.x('N', 3), -5, 2 ** 31), [null, 3]],
    ['what follows a slice', (g) => g.op('Relu', [g.slice(g.x('N', 3), 0, 10)]), [null, 3]],
    ['Concat with what has 4', (g) => g.op('Concat', [g.slice(g.x('N', 3), 0, 10), g.floats(4, 2)], { axis: 1 }), [null, 5]],
    ['Add to what has 4', (g) => g.op('Add', [g.slice(g.x('N', 3), 0, 10), g.floats(4, 3)]), [4, 3]],
    ['MatMul of 4', (g) => g.op('MatMul', [g.op('Transpose', [g.slice(g.x('N', 3), 0, 10)]), g.floats(4, 2)]), [3, 2]],
    ['Conv of 4 channels', (g) => g.op('Conv', [g.op('Unsqueeze', [g.slice(g.x('N', 7), 0, 10), g.ints(0)]), g.floats(2, 4, 1)]), [1, 2, 7]],
    ['Reshape to 4', (g) => g.op('Reshape', [g.slice(g.x('N', 3), 0, 10), g.ints(2, 6)]), [2, 6]],
    ['Squeeze of 1', (g) => g.op('Squeeze', [g.slice(g.x('N', 3), 0, 10), g.ints(0)]), [3]],
    ['a shape divided', (g) => g.op('Add', [g.places(g.op('Div', [g.size(g.x('N')), g.ints(500)])), g.floats(4)]), [4]],
    ['Concat after a long stride', (g) => g.op('Concat', [g.op('MaxPool', [g.x(1, 3, 'N')], { kernel_shape: [1], strides: [200] }), g.floats(1, 1, 3)], { axis: 1 }), [1, 4, null]],
    ['MaxPool with a long stride', (g) => g.op('MaxPool', [g.x('B', 3, 'N')], { kernel_shape: [1], strides: [200] }), ['B', 3, null]],
    ['Conv with a long stride', (g) => g.op('Conv', [g.x('B', 1, 'N'), g.floats(2, 1, 3)], { strides: [500] }), ['B', 2, null]],
    ['Slice of what is longer than a window', (g) => g.slice(g.op('Conv', [g.x(1, 1, 'N'), g.floats(1, 1, 100)]), 0, 128, 2), [1, 1, null]],
    ['two of those', (g) => {
      const y = g.op('Conv', [g.x(1, 1, 'N'), g.floats(1, 1, 100)])
      return g.op('Add', [g.slice(y, 0, 128, 2), g.slice(y, 0, 128, 2)])
    }, [1, 1, null]],
    ['Min', (g) => g.places(g.op('Min', [g.size(g.x('N')), g.ints(20)])), [null]],
    ['Max', (g) => g.places(g.op('Max', [g.size(g.x('N')), g.ints(2000)])), [null]],
    ['Clip', (g) => g.places(g.op('Clip', [g.size(g.x('N')), undefined, g.constant('most', new Tensor('int64', [20], []))])), [null]],
    ['Mod', (g) => g.places(g.op('Mod', [g.size(g.x('N')), g.ints(2)])), [null]],
    ['Where', (g) => g.places(g.op('Where', [g.op('Greater', [g.size(g.x('N')), g.ints(5)]), g.ints(7), g.ints(8)])), [null]],
    ['Resize to a hundredth', (g) => g.op('Resize', [g.x(1, 3, 'N', 2), undefined, g.constant('scales', new Tensor('float32', [1, 1, 0.01, 1], [4]))]), [1, 3, null, 2]],
    ['TopK', (g) => {
      const x = g.x('N')
      return g.node('TopK', [x, g.op('Min', [g.size(x), g.ints(20)])], {}, { outputs: 2 })[0]
    }, [null]],
    ['Squeeze without axes', (g) => g.op('Squeeze', [g.x('N', 4)]), undefined],
    ['what needs the axis that such a Squeeze leaves', (g) => g.op('MatMul', [g.op('Squeeze', [g.x('N', 4)]), g.floats(4, 2)]), undefined],
    ['Reshape that allows zeros', (g) => g.op('Reshape', [g.x('N', 4), g.ints(4, 0)], { allowzero: 1 }), [4, null]],
    ['positions up to 512', (g) => {
      const x = g.x('N', 2)
      return g.op('Add', [x, g.op('Slice', [g.floats(512, 2), g.ints(0), g.size(x), g.ints(0)])])
    }, ['N', 2]],
  ])('%s', async (_, build, expected) => {
    const g = new Small()
    g.output(build(g), 'y')
    const bytes = exportModel(g)
    const shape = g.graph().outputs[0].declared?.shape
    expect(shape).toEqual(expected)
    const session = await InferenceSession.create(bytes)
    let ran = 0
    for (const n of sizes) {
      const dims = g.graph().inputs[0].declared?.shape?.map((size) => (size === 'N' ? n : size === 'B' ? 2 : Number(size)))
      const run = await session.run({ x: zeros(dims ?? []) }).catch((error: unknown) => error)
      // A model takes some sizes only; which, its operators say, never what is declared of its output.
      if (run instanceof Error) expect(run).toSatisfy((error) => error instanceof LanewiseError && error.op !== undefined)
      else {
        ran++
        const actual = (run as Record<string, Tensor>).y.dims
        if (shape) expect(actual).toEqual(shape.map((size, i) => (typeof size === 'number' ? size : size === 'N' ? n : actual[i])))
      }
    }
    expect(ran).toBeGreaterThan(0)
  }) // prettier-ignore

  test('is open where a part of a graph begins', async () => {
    const g = new Small()
    const cut = g.slice(g.x('N', 3), 0, 10)
    g.output(g.op('Relu', [cut]), 'y')
    const part = (await loadGraph(exportModel(g))).extract(['y'], [cut.name])
    expect(part.inputs[0].declared).toEqual({ kind: 'tensor', dtype: 'float32', shape: [null, 3] })
    const session = await InferenceSession.create(exportModel(part))
    expect((await session.run({ [cut.name]: zeros([4, 3]) })).y.dims).toEqual([4, 3])
  })

  test('does not contradict a state', async () => {
    const g = new Small()
    const state = g.input('state', 'float32', [2])
    g.output(g.op('Add', [g.slice(g.x('N'), -5, 2 ** 31), state]), 'y')
    const session = await InferenceSession.create(exportModel(g), { states: { state: 'y' } })
    const x = new Tensor('float32', [1, 2], [2])
    await session.run({ x, state: x })
    expect(Array.from((await session.run({ x }, ['y'])).y.data as Float32Array)).toEqual([3, 6])
  })

  test('is open where it depends on which of two is larger', () => {
    const g = new Small()
    const most = g.constant('sizes', new Tensor('int64', [9, 7], [2]))
    const attributes = { axes: [2, 3], keep_aspect_ratio_policy: 'not_smaller' }
    g.output(g.op('Resize', [g.x('N', 3, 'H', 'W'), undefined, undefined, most], attributes), 'y')
    expect(g.graph().outputs[0].declared?.shape).toEqual(['N', 3, null, null])
  })

  test('is not refused where several have to be what fits a table', async () => {
    const g = new Small()
    const x = g.x('B', 'H', 'L', 'D')
    const [cos, sin] = [g.floats(9, 5), g.floats(9, 5)]
    const positions = g.constant('positions', new Tensor('int64', [0, 1, 2, 3, 4, 5, 6, 7], [2, 4]))
    g.output(g.op('RotaryEmbedding', [x, cos, sin, positions]), 'y')
    const session = await InferenceSession.create(exportModel(g))
    expect((await session.run({ x: zeros([2, 3, 4, 10]) })).y.dims).toEqual([2, 3, 4, 10])
    // One free size that no number beside it tells.
    const one = new Small()
    const regions = one.constant('regions', zeros([2, 5]))
    one.output(one.op('MaxRoiPool', [one.x(2, 1, 6, 'N'), regions], { pooled_shape: [1, 1] }), 'y')
    expect(one.graph().outputs[0].declared?.shape).toEqual([2, 1, 1, 1])
  })

  test('is refused where no size fits', () => {
    const g = new Small()
    g.output(g.op('Concat', [g.slice(g.x('N', 3), 0, 10), g.floats(12, 2)], { axis: 0 }), 'y')
    expectError('E_SHAPE', () => g.graph(), /Concat/)
  })
})
