import { describe, expect, test } from 'vitest'
import { hostFrom } from '../../src/core/host.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor, type SessionOptions } from '../../src/node.js'
import { expectRejects } from '../support/expect-error.js'

type Value = ReturnType<GraphBuilder['input']>

const floats = (dims: readonly number[], data: ArrayLike<number>) =>
  new Tensor('float32', Float32Array.from(data), dims)
const trips = (n: number) => new Tensor('int64', [BigInt(n)], [])
const numbers = (tensor: Tensor) => Array.from(tensor.data as Float32Array)

/** A session of one Loop; `turn` says what each value becomes, and what is handed out. */
function looping(
  inputs: readonly (readonly (number | string)[])[],
  turn: (b: GraphBuilder, values: readonly Value[], i: Value) => { next: readonly Value[]; made?: readonly Value[] },
  options?: SessionOptions,
  around: (g: GraphBuilder) => void = () => undefined,
): Promise<InferenceSession> {
  const g = new GraphBuilder('loop')
  around(g)
  const body = new GraphBuilder('body')
  const i = body.input('i', 'int64', [])
  body.output(body.op('Identity', [body.input('going', 'bool', [])]), 'goes on')
  const { next, made = [] } = turn(
    body,
    inputs.map((shape, k) => body.input(`v${k}`, 'float32', shape)),
    i,
  )
  next.forEach((value, k) => body.output(value, `next${k}`))
  made.forEach((value, k) => body.output(value, `made${k}`))
  const given = inputs.map((shape, k) => g.input(`x${k}`, 'float32', shape))
  const outputs = [...next, ...made].map((_, k) => `y${k}`)
  const results = g.node(
    'Loop',
    [g.input('n', 'int64', []), undefined, ...given],
    { body: body.graph() },
    { outputs: outputs.length },
  )
  results.forEach((value, k) => g.output(value, outputs[k]))
  return InferenceSession.create(exportModel(g), options)
}

describe('what a Loop carries', () => {
  test('keeps its place while its size stays, and each iteration makes its own outputs', async () => {
    const s = await looping([[2]], (b, [x]) => ({
      next: [b.op('Add', [x, x])],
      made: [b.op('Identity', [x]), b.op('Neg', [x])],
    }))
    for (const start of [1, 3]) {
      const { y0, y1, y2 } = await s.run({ n: trips(4), x0: floats([2], [start, -1]) })
      expect(numbers(y0)).toEqual([16 * start, -16])
      expect(numbers(y1)).toEqual([start, -1, 2 * start, -2, 4 * start, -4, 8 * start, -8])
      expect(numbers(y2)).toEqual(numbers(y1).map((x) => -x))
    }
  })

  test('may change places', async () => {
    const s = await looping([[2], [2]], (b, [x, y]) => ({ next: [b.op('Identity', [y]), b.op('Add', [x, y])] }))
    const { y0, y1 } = await s.run({ n: trips(10), x0: floats([2], [0, 1]), x1: floats([2], [1, 1]) })
    expect(numbers(y0)).toEqual([55, 89])
    expect(numbers(y1)).toEqual([89, 144])
    const swapped = await looping([[2], [2]], (_, [x, y]) => ({ next: [y, x] }))
    const after = await swapped.run({ n: trips(3), x0: floats([2], [1, 2]), x1: floats([2], [3, 4]) })
    expect([numbers(after.y0), numbers(after.y1)]).toEqual([
      [3, 4],
      [1, 2],
    ])
  })

  test('is what it was before, without an iteration', async () => {
    const s = await looping([[2]], (b, [x]) => ({ next: [b.op('Add', [x, x])], made: [x] }))
    const x0 = floats([2], [5, 6])
    const { y0, y1 } = await s.run({ n: trips(0), x0 })
    expect(numbers(y0)).toEqual([5, 6])
    expect(y1.dims).toEqual([0, 2])
    ;(y0.data as Float32Array).fill(7)
    expect(numbers(x0)).toEqual([5, 6])
  })

  test.each([['R'], [1]])('grows and shrinks, declared with %s rows', async (rows) => {
    const s = await looping([[rows, 3]], (b, [x]) => {
      const mean = b.op('ReduceMean', [x, b.constant('rows', hostFrom('int64', [1], [0]))])
      return { next: [b.op('Concat', [x, b.op('Add', [mean, mean])], { axis: 0 })], made: [mean] }
    })
    for (const n of [50, 7, 50]) {
      const x = [1, -2, 0.5]
      let sums = [...x]
      const expected = [...x]
      const means: number[] = []
      for (let i = 1; i <= n; i++) {
        const mean = sums.map((sum) => sum / i)
        means.push(...mean)
        expected.push(...mean.map((value) => 2 * value))
        sums = sums.map((sum, k) => sum + 2 * mean[k])
      }
      const { y0, y1 } = await s.run({ n: trips(n), x0: floats([1, 3], x) })
      expect(y0.dims).toEqual([n + 1, 3])
      numbers(y0).forEach((value, i) =>
        expect(Math.abs(value - expected[i])).toBeLessThan(1e-5 * Math.abs(expected[i])),
      )
      numbers(y1).forEach((value, i) => expect(Math.abs(value - means[i])).toBeLessThan(1e-5 * Math.abs(means[i])))
    }
    const shrinking = await looping([['R']], (b, [x]) => {
      const [one, end] = [hostFrom('int64', [1], [1]), hostFrom('int64', [1], [1000])]
      return { next: [b.op('Slice', [x, b.constant('one', one), b.constant('end', end)])] }
    })
    const { y0 } = await shrinking.run({ n: trips(6), x0: floats([8], [0, 1, 2, 3, 4, 5, 6, 7]) })
    expect(numbers(y0)).toEqual([6, 7])
  })

  test('may be no tensor beside one that is', async () => {
    const g = new GraphBuilder('mixed')
    const body = new GraphBuilder('body')
    body.input('i', 'int64', [])
    body.output(body.op('Identity', [body.input('going', 'bool', [])]), 'goes on')
    const x = body.input('x', 'float32', [2])
    const text = body.input('text', 'string', [1])
    body.output(body.op('Mul', [x, x]), 'square')
    body.output(
      body.op('StringConcat', [text, body.constant('dot', { dtype: 'string', shape: [1], data: ['.'] })]),
      'more',
    )
    const given = [g.input('n', 'int64', []), undefined, g.input('x', 'float32', [2]), g.input('text', 'string', [1])]
    const [y, written] = g.node('Loop', given, { body: body.graph() }, { outputs: 2 })
    g.output(y, 'y')
    g.output(written, 'written')
    const s = await InferenceSession.create(exportModel(g))
    const results = await s.run({ n: trips(3), x: floats([2], [2, -1]), text: new Tensor(['a']) })
    expect(numbers(results.y)).toEqual([256, 1])
    expect(results.written.data).toEqual(['a...'])
  })
})

describe('what is around a Loop', () => {
  test.each([4, 600])('stays as it is, with %s numbers', async (size) => {
    let around: Value
    const s = await looping(
      [[1]],
      (b, [x]) => {
        // The last reader of what is around writes something of its shape.
        const twice = b.op('Add', [around, around])
        const sum = b.op('ReduceSum', [twice], { keepdims: 0 })
        return { next: [b.op('Add', [x, sum])], made: [b.op('Identity', [twice])] }
      },
      undefined,
      (g) => (around = g.op('Relu', [g.input('c', 'float32', ['C'])])),
    )
    for (const length of [size, size / 2, size]) {
      const c = Array.from({ length }, (_, i) => (i % 7) - 3)
      const kept = c.map((value) => 2 * Math.max(value, 0))
      const sum = kept.reduce((a, b) => a + b, 0)
      const { y0, y1 } = await s.run({ n: trips(3), x0: floats([1], [1]), c: floats([length], c) })
      expect(numbers(y0)).toEqual([1 + 3 * sum])
      expect(numbers(y1)).toEqual([...kept, ...kept, ...kept])
    }
  })

  test('is another loop', async () => {
    const s = await looping([[2]], (b, [x], i) => {
      const inner = new GraphBuilder('inner')
      inner.input('j', 'int64', [])
      inner.output(inner.op('Identity', [inner.input('on', 'bool', [])]), 'still')
      inner.output(inner.op('Add', [inner.input('z', 'float32', [2]), x]), 'sum')
      return { next: [b.op('Loop', [i, undefined, x], { body: inner.graph() })] }
    })
    // x, then x + i·x: 1, 2, 6, 24.
    const { y0 } = await s.run({ n: trips(4), x0: floats([2], [1, -3]) })
    expect(numbers(y0)).toEqual([24, -72])
  })
})

test('a loop that broke off begins anew', async () => {
  const s = await looping([['R']], (b, [x]) => ({ next: [b.op('Concat', [x, x], { axis: 0 })] }), {
    memoryLimit: 2 ** 22,
  })
  await expectRejects('E_BUDGET', () => s.run({ n: trips(40), x0: floats([1], [3]) }))
  const { y0 } = await s.run({ n: trips(3), x0: floats([2], [1, 2]) })
  expect(numbers(y0)).toEqual(Array.from({ length: 16 }, (_, i) => 1 + (i % 2)))
})

test('a Scan keeps its states and reads its inputs in turn', async () => {
  const g = new GraphBuilder('scan')
  const body = new GraphBuilder('body')
  const state = body.input('state', 'float32', [2])
  const part = body.input('part', 'float32', [2])
  const sum = body.op('Add', [state, part])
  body.output(sum, 'sum')
  body.output(body.op('Mul', [sum, part]), 'made')
  const given = [g.input('first', 'float32', [2]), g.input('x', 'float32', ['T', 2])]
  const [last, made] = g.node('Scan', given, { body: body.graph(), num_scan_inputs: 1 }, { outputs: 2 })
  g.output(last, 'last')
  g.output(made, 'made')
  const s = await InferenceSession.create(exportModel(g))
  for (const length of [3, 1, 5]) {
    const x = Array.from({ length: 2 * length }, (_, i) => i + 1)
    const results = await s.run({ first: floats([2], [10, 20]), x: floats([length, 2], x) })
    const sums = [10, 20]
    const products = x.map((value, i) => (sums[i % 2] += value) * value)
    expect(numbers(results.last)).toEqual(sums)
    expect(numbers(results.made)).toEqual(products)
  }
})
