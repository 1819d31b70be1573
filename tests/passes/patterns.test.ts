import { describe, expect, test } from 'vitest'
import type { Node, Value } from '../../src/ir/graph.js'
import type { PassName } from '../../src/passes/load/index.js'
import { passes } from '../../src/passes/load/index.js'
import { shapedPasses, type ShapedPassName } from '../../src/passes/shaped/index.js'
import { specialize } from '../../src/plan/specialize.js'
import { hostFrom, type HostTensor } from '../../src/core/host.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../src/node.js'
import { randomTensor, seeded } from '../support/random.js'

const random = seeded(23)
const weights = (...shape: number[]): HostTensor => randomTensor(random, 'float32', shape, -1, 1)

/** The middle of a model, as an exporter writes it. */
class Writer {
  private count = 0
  constructor(readonly g: GraphBuilder) {}
  op = (type: string, inputs: readonly (Value | undefined)[], attributes: Record<string, unknown> = {}): Value =>
    this.g.op(type, inputs, attributes)
  weight = (...shape: number[]): Value => this.g.constant(`w${this.count++}`, weights(...shape))
  number = (value: number, ...shape: number[]): Value =>
    this.g.constant(`n${this.count++}`, hostFrom('float32', shape, [value]))
  ints = (...values: number[]): Value => this.g.constant(`i${this.count++}`, hostFrom('int64', [values.length], values))
  add = (a: Value, b: Value): Value => this.op('Add', [a, b])
  sub = (a: Value, b: Value): Value => this.op('Sub', [a, b])
  mul = (a: Value, b: Value): Value => this.op('Mul', [a, b])
  div = (a: Value, b: Value): Value => this.op('Div', [a, b])
  mean = (x: Value, axes: number[] = [-1], keepdims = 1): Value =>
    this.op('ReduceMean', [x, this.ints(...axes)], { keepdims })
}

type Build = (w: Writer, x: Value) => Value | readonly Value[]

/** The operators that one pass by itself leaves; its numbers must be those without it. */
async function left(
  pass: PassName | ShapedPassName,
  build: Build,
  shape: readonly number[] = [2, 3, 8],
  declared: readonly (number | string)[] = shape,
): Promise<readonly Node[]> {
  const g = new GraphBuilder('pattern')
  const x = g.input('x', 'float32', declared)
  const built = build(new Writer(g), x)
  for (const output of Array.isArray(built) ? (built as Value[]) : [built as Value]) g.output(output)
  const bytes = exportModel(g.graph())
  const off = Object.fromEntries([...passes, ...shapedPasses].map(({ name }) => [name, false]))
  const [plain, fused] = await Promise.all([
    InferenceSession.create(bytes, { passes: false, accuracy: 'exact' }),
    InferenceSession.create(bytes, { passes: { ...off, [pass]: true }, accuracy: 'exact' }),
  ])
  const feeds = { x: new Tensor('float32', randomTensor(seeded(5), 'float32', shape, -4, 4).data, shape) }
  const [expected, actual] = await Promise.all([plain.run(feeds), fused.run(feeds)])
  expect(Object.keys(actual)).toEqual(Object.keys(expected))
  for (const [name, { data, dims, type }] of Object.entries(expected)) {
    expect(actual[name]).toMatchObject({ dims, type })
    const [a, b] = [actual[name].data as Float32Array, data as Float32Array]
    const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 1)
    expect(b.reduce((most, value, i) => Math.max(most, Math.abs(a[i] - value)), 0)).toBeLessThanOrEqual(4e-6 * largest)
  }
  const { model } = fused
  const graph = { ...model, nodes: await fused.optimized() }
  const types = new Map(model.inputs.map((value) => [value, { dtype: 'float32' as const, shape }] as const))
  const {
    graph: { nodes },
  } = specialize(graph, types, new Map(), (name) => name === pass)
  await Promise.all([plain.release(), fused.release()])
  return nodes
}

const ops = (nodes: readonly Node[]): string[] => nodes.map(({ op }) => op.name)

describe('fuse-gelu', () => {
  const erf = (w: Writer, x: Value): Value => w.add(w.op('Erf', [w.div(x, w.number(Math.SQRT2))]), w.number(1))
  const cube = (w: Writer, x: Value): Value => w.op('Pow', [x, w.number(3)])
  const tanh = (w: Writer, inner: Value): Value => w.add(w.number(1), w.op('Tanh', [inner]))
  const root = Math.sqrt(2 / Math.PI)

  test.each<[string, Build, string]>([
    ['x/2 times the rest (PyTorch)', (w, x) => w.mul(w.mul(x, w.number(0.5)), erf(w, x)), 'none'],
    ['x times the rest, halved', (w, x) => w.mul(w.mul(x, erf(w, x)), w.number(0.5)), 'none'],
    ['x times half the rest (TensorFlow)', (w, x) => w.mul(x, w.mul(w.number(0.5), erf(w, x))), 'none'],
    ['halved by a division', (w, x) => w.div(w.mul(x, erf(w, x)), w.number(2)), 'none'],
    [
      'the argument by a product',
      (w, x) => w.mul(w.mul(w.add(w.number(1), w.op('Erf', [w.mul(w.number(Math.SQRT1_2), x)])), x), w.number(0.5)),
      'none',
    ],
    ['numbers that are vectors of one', (w, x) => w.mul(w.mul(x, w.number(0.5, 1)), erf(w, x)), 'none'],
    [
      'tanh of x + cx³',
      (w, x) =>
        w.mul(w.mul(w.number(0.5), x), tanh(w, w.mul(w.number(root), w.add(x, w.mul(w.number(0.044715), cube(w, x)))))),
      'tanh',
    ],
    [
      'tanh, the cube by products',
      (w, x) =>
        w.mul(
          w.mul(w.number(0.5), x),
          tanh(w, w.mul(w.add(x, w.mul(w.mul(w.mul(x, x), x), w.number(0.044715))), w.number(root))),
        ),
      'tanh',
    ],
    [
      'tanh of x(1 + cx²)',
      (w, x) =>
        w.mul(
          x,
          w.mul(
            w.number(0.5),
            tanh(w, w.mul(w.mul(x, w.number(root)), w.add(w.number(1), w.mul(w.number(0.044715), w.mul(x, x))))),
          ),
        ),
      'tanh',
    ],
  ])('%s', async (_, build, approximate) => {
    const nodes = await left('fuse-gelu', build)
    expect(ops(nodes)).toEqual(['Gelu'])
    expect(nodes[0].attributes.approximate).toBe(approximate)
  })

  test.each<[string, Build]>([
    ['another factor', (w, x) => w.mul(w.mul(x, w.number(0.51)), erf(w, x))],
    [
      'another root',
      (w, x) => w.mul(w.mul(x, w.number(0.5)), w.add(w.op('Erf', [w.div(x, w.number(1.41))]), w.number(1))),
    ],
    [
      'another summand',
      (w, x) => w.mul(w.mul(x, w.number(0.5)), w.add(w.op('Erf', [w.div(x, w.number(Math.SQRT2))]), w.number(-1))),
    ],
    [
      'another coefficient',
      (w, x) =>
        w.mul(w.mul(w.number(0.5), x), tanh(w, w.mul(w.number(root), w.add(x, w.mul(w.number(0.0447), cube(w, x)))))),
    ],
    [
      'another power',
      (w, x) =>
        w.mul(
          w.mul(w.number(0.5), x),
          tanh(w, w.mul(w.number(root), w.add(x, w.mul(w.number(0.044715), w.op('Pow', [x, w.number(2)]))))),
        ),
    ],
    ['erf of another value', (w, x) => w.mul(w.mul(x, w.number(0.5)), erf(w, w.op('Neg', [x])))],
    [
      'an erf that is fetched',
      (w, x) => {
        const e = w.op('Erf', [w.div(x, w.number(Math.SQRT2))])
        return [w.mul(w.mul(x, w.number(0.5)), w.add(e, w.number(1))), e]
      },
    ],
    [
      'a sum that is read elsewhere',
      (w, x) => {
        const e = erf(w, x)
        return [w.mul(w.mul(x, w.number(0.5)), e), w.op('Neg', [e])]
      },
    ],
    ['a number that adds axes', (w, x) => w.mul(w.mul(x, w.number(0.5, 1, 1, 1, 1)), erf(w, x))],
    [
      'a vector of halves',
      (w, x) =>
        w.mul(w.mul(x, w.g.constant('halves', hostFrom('float32', [8], new Array<number>(8).fill(0.5)))), erf(w, x)),
    ],
  ])('not %s', async (_, build) => {
    expect(ops(await left('fuse-gelu', build))).not.toContain('Gelu')
  })
})

describe('fuse-swish', () => {
  const clip = (w: Writer, x: Value, low = 0, high = 6): Value => w.op('Clip', [x, w.number(low), w.number(high)])
  const hard = { alpha: 1 / 6, beta: 0.5 }

  test.each<[string, Build, string]>([
    ['x · sigmoid(x)', (w, x) => w.mul(x, w.op('Sigmoid', [x])), 'Swish'],
    ['sigmoid(x) · x', (w, x) => w.mul(w.op('Sigmoid', [x]), x), 'Swish'],
    ['x · sigmoid(1.702 x)', (w, x) => w.mul(x, w.op('Sigmoid', [w.mul(x, w.number(1.702))])), 'Swish'],
    ['x · clip(x + 3)/6', (w, x) => w.div(w.mul(x, clip(w, w.add(x, w.number(3)))), w.number(6)), 'HardSwish'],
    [
      'x · (clip(3 + x) · 1/6)',
      (w, x) => w.mul(x, w.mul(clip(w, w.add(w.number(3), x)), w.number(1 / 6))),
      'HardSwish',
    ],
    ['x/6 · clip(x + 3)', (w, x) => w.mul(w.div(x, w.number(6)), clip(w, w.add(x, w.number(3)))), 'HardSwish'],
    ['x · HardSigmoid(x)', (w, x) => w.mul(w.op('HardSigmoid', [x], hard), x), 'HardSwish'],
    ['x · tanh(softplus(x))', (w, x) => w.mul(x, w.op('Tanh', [w.op('Softplus', [x])])), 'Mish'],
  ])('%s', async (_, build, op) => {
    expect(ops(await left('fuse-swish', build))).toEqual([op])
  })

  test('keeps the scale of the argument', async () => {
    const [node] = await left('fuse-swish', (w, x) => w.mul(x, w.op('Sigmoid', [w.mul(x, w.number(1.702))])))
    expect(node.attributes.alpha).toBeCloseTo(1.702, 6)
  })

  test.each<[string, Build]>([
    ['sigmoid of another value', (w, x) => w.mul(x, w.op('Sigmoid', [w.op('Neg', [x])]))],
    [
      'a sigmoid that is fetched',
      (w, x) => {
        const s = w.op('Sigmoid', [x])
        return [w.mul(x, s), s]
      },
    ],
    [
      'a sigmoid that is read twice',
      (w, x) => {
        const s = w.op('Sigmoid', [x])
        return w.add(w.mul(x, s), s)
      },
    ],
    ['a division by a sigmoid', (w, x) => w.div(x, w.op('Sigmoid', [x]))],
    ['another slope', (w, x) => w.mul(w.op('HardSigmoid', [x], { alpha: 0.2, beta: 0.5 }), x)],
    ['another upper bound', (w, x) => w.div(w.mul(x, clip(w, w.add(x, w.number(3)), 0, 5)), w.number(6))],
    ['another lower bound', (w, x) => w.div(w.mul(x, clip(w, w.add(x, w.number(3)), 1, 6)), w.number(6))],
    ['another summand', (w, x) => w.div(w.mul(x, clip(w, w.add(x, w.number(2)))), w.number(6))],
    ['without the sixth', (w, x) => w.mul(x, clip(w, w.add(x, w.number(3))))],
    ['a summand that adds axes', (w, x) => w.div(w.mul(x, clip(w, w.add(x, w.number(3, 1, 1, 1, 1)))), w.number(6))],
  ])('not %s', async (_, build) => {
    const nodes = ops(await left('fuse-swish', build))
    for (const op of ['Swish', 'HardSwish', 'Mish']) expect(nodes).not.toContain(op)
  })

  test('is then applied by the convolution before it', async () => {
    const g = new GraphBuilder('conv')
    const x = g.input('x', 'float32', [1, 3, 6, 6])
    const y = g.op('Conv', [x, g.constant('w', weights(4, 3, 3, 3)), g.constant('b', weights(4))])
    g.output(g.op('Mul', [y, g.op('Sigmoid', [y])], {}, 'y'))
    const bytes = exportModel(g.graph())
    const [on, off] = await Promise.all([
      InferenceSession.create(bytes),
      InferenceSession.create(bytes, { passes: false }),
    ])
    expect((await on.optimized()).map(({ op, fused }) => [op.name, fused.activation !== undefined])).toEqual([
      ['Conv', true],
    ])
    const feeds = { x: new Tensor('float32', weights(1, 3, 6, 6).data, [1, 3, 6, 6]) }
    const [a, b] = await Promise.all([on.run(feeds), off.run(feeds)])
    b.y.data.forEach((value, i) => expect(a.y.data[i]).toBeCloseTo(value as number, 5))
    await Promise.all([on.release(), off.release()])
  })
})

describe('fuse-norm', () => {
  const eps = (w: Writer, v: Value): Value => w.add(v, w.number(1e-5))
  const square = (w: Writer, d: Value): Value => w.op('Pow', [d, w.number(2)])
  const centred = (w: Writer, x: Value, axes?: number[]): Value => w.sub(x, w.mean(x, axes))
  /** (x − mean)/√(variance + ε) as PyTorch exports it. */
  const normal = (w: Writer, x: Value, axes?: number[]): Value => {
    const d = centred(w, x, axes)
    return w.div(d, w.op('Sqrt', [eps(w, w.mean(square(w, d), axes))]))
  }
  const rms = (w: Writer, x: Value): Value => w.op('Sqrt', [eps(w, w.mean(square(w, x)))])

  test.each<[string, Build, string, number]>([
    ['PyTorch', (w, x) => w.add(w.mul(normal(w, x), w.weight(8)), w.weight(8)), 'LayerNormalization', 3],
    [
      'the difference made twice',
      (w, x) => {
        const mean = w.mean(x)
        const d = w.sub(x, mean)
        return w.add(
          w.mul(w.weight(8), w.div(w.sub(x, mean), w.op('Sqrt', [eps(w, w.mean(w.mul(d, d)))]))),
          w.weight(8),
        )
      },
      'LayerNormalization',
      3,
    ],
    [
      'conversions to the same type between',
      (w, x) => {
        const d = centred(w, x)
        return w.mul(w.div(d, w.op('Sqrt', [eps(w, w.mean(square(w, w.op('Cast', [d], { to: 1 }))))])), w.weight(8))
      },
      'LayerNormalization',
      2,
    ],
    [
      'axes from the front',
      (w, x) => w.add(w.mul(normal(w, x, [2]), w.weight(8)), w.weight(8)),
      'LayerNormalization',
      3,
    ],
    [
      'two axes',
      (w, x) => w.add(w.mul(normal(w, x, [-1, -2]), w.weight(3, 8)), w.weight(3, 8)),
      'LayerNormalization',
      3,
    ],
    ['two axes and a row of weights', (w, x) => w.mul(normal(w, x, [1, 2]), w.weight(8)), 'LayerNormalization', 2],
    [
      'weights with leading axes of 1',
      (w, x) => w.add(w.mul(normal(w, x), w.weight(1, 1, 8)), w.weight(1, 1, 8)),
      'LayerNormalization',
      3,
    ],
    ['without a scale', (w, x) => w.add(normal(w, x), w.weight(8)), 'LayerNormalization', 3],
    ['without scale and bias', (w, x) => normal(w, x), 'LayerNormalization', 2],
    [
      'by a reciprocal',
      (w, x) => {
        const d = centred(w, x)
        return w.mul(w.mul(d, w.op('Reciprocal', [w.op('Sqrt', [eps(w, w.mean(w.mul(d, d)))])])), w.weight(8))
      },
      'LayerNormalization',
      2,
    ],
    [
      'TensorFlow',
      (w, x) => {
        const mean = w.mean(x)
        const d = w.sub(x, mean)
        const r = w.mul(w.op('Reciprocal', [w.op('Sqrt', [eps(w, w.mean(w.mul(d, d)))])]), w.weight(8))
        return w.add(w.mul(x, r), w.sub(w.weight(8), w.mul(mean, r)))
      },
      'LayerNormalization',
      3,
    ],
    ['RMS, divided', (w, x) => w.mul(w.div(x, rms(w, x)), w.weight(8)), 'RMSNormalization', 2],
    ['RMS, by 1/√', (w, x) => w.mul(w.weight(8), w.mul(x, w.div(w.number(1), rms(w, x)))), 'RMSNormalization', 2],
    [
      'RMS, by a power',
      (w, x) => w.mul(w.mul(x, w.op('Pow', [eps(w, w.mean(w.mul(x, x))), w.number(-0.5)])), w.weight(8)),
      'RMSNormalization',
      2,
    ],
    ['RMS without a scale', (w, x) => w.mul(w.op('Reciprocal', [rms(w, x)]), x), 'RMSNormalization', 2],
  ])('%s', async (_, build, op, inputs) => {
    const nodes = await left('fuse-norm', build)
    expect(ops(nodes)).toEqual([op])
    expect(nodes[0].inputs).toHaveLength(inputs)
    expect(nodes[0].attributes.epsilon).toBeCloseTo(1e-5, 10)
  })

  test('for sizes that are open in the model, and again for others', async () => {
    expect(
      ops(
        await left(
          'fuse-norm',
          (w, x) => w.add(w.mul(normal(w, x), w.weight(8)), w.weight(8)),
          [4, 5, 8],
          ['N', 'T', 8],
        ),
      ),
    ).toEqual(['LayerNormalization'])
  })

  test('an RMSNormalization keeps what is added behind it', async () => {
    expect(ops(await left('fuse-norm', (w, x) => w.add(w.mul(w.div(x, rms(w, x)), w.weight(8)), w.weight(8))))).toEqual(
      ['RMSNormalization', 'Add'],
    )
  })

  test('deviations from the mean of other axes than those of the square: an RMS of them', async () => {
    const nodes = await left('fuse-norm', (w, x) => {
      const d = centred(w, x, [-1])
      return w.div(d, w.op('Sqrt', [eps(w, w.mean(square(w, d), [1, 2]))]))
    })
    expect(ops(nodes)).toEqual(['ReduceMean', 'Sub', 'RMSNormalization'])
  })

  test('a scale that stretches is left behind', async () => {
    const nodes = await left('fuse-norm', (w, x) => w.mul(normal(w, x), w.weight(3, 8)))
    expect(ops(nodes)).toEqual(['LayerNormalization', 'Mul'])
  })

  test.each<[string, Build]>([
    ['another axis', (w, x) => w.mul(normal(w, x, [1]), w.weight(8))],
    ['the first axes', (w, x) => normal(w, x, [0, 1])],
    [
      'another power',
      (w, x) => {
        const d = centred(w, x)
        return w.div(d, w.op('Sqrt', [eps(w, w.mean(w.op('Pow', [d, w.number(4)])))]))
      },
    ],
    [
      'a root of another value',
      (w, x) => {
        const d = centred(w, x)
        return w.div(w.op('Neg', [d]), w.op('Sqrt', [eps(w, w.mean(square(w, d)))]))
      },
    ],
    ['the square without a mean of its own', (w, x) => w.div(centred(w, x), rms(w, x))],
    [
      'a variance that is fetched',
      (w, x) => {
        const d = centred(w, x)
        const v = w.mean(square(w, d))
        return [w.div(d, w.op('Sqrt', [eps(w, v)])), v]
      },
    ],
    [
      'a difference that is read elsewhere',
      (w, x) => {
        const d = centred(w, x)
        return [w.div(d, w.op('Sqrt', [eps(w, w.mean(square(w, d)))])), w.op('Neg', [d])]
      },
    ],
    [
      'an epsilon per row',
      (w, x) => {
        const d = centred(w, x)
        return w.div(
          d,
          w.op('Sqrt', [w.add(w.mean(square(w, d)), w.g.constant('e', hostFrom('float32', [3, 1], [0.1, 0.2, 0.3])))]),
        )
      },
    ],
  ])('not %s', async (_, build) => {
    const nodes = ops(await left('fuse-norm', build))
    expect(nodes).not.toContain('LayerNormalization')
    expect(nodes).not.toContain('RMSNormalization')
  })
})

describe('fuse-softmax', () => {
  const softmax = (w: Writer, x: Value, axis: number, sumAxis = axis, keepdims = 1): Value => {
    const e = w.op('Exp', [w.sub(x, w.op('ReduceMax', [x, w.ints(axis)]))])
    return w.div(e, w.op('ReduceSum', [e, w.ints(sumAxis)], { keepdims }))
  }

  test.each<[string, Build, number]>([
    ['the last axis', (w, x) => softmax(w, x, -1), 2],
    ['an axis within', (w, x) => softmax(w, x, 1), 1],
    ['an axis by two names', (w, x) => softmax(w, x, 2, -1), 2],
  ])('%s', async (_, build, axis) => {
    const nodes = await left('fuse-softmax', build)
    expect(ops(nodes)).toEqual(['Softmax'])
    expect(nodes[0].attributes.axis).toBe(axis)
  })

  test.each<[string, Build, (readonly number[])?]>([
    ['axes that differ', (w, x) => softmax(w, x, -1, 1)],
    ['a sum without its axis', (w, x) => softmax(w, x, -1, -1, 0), [8, 8, 8]],
    [
      'the maximum of another value',
      (w, x) => {
        const e = w.op('Exp', [w.sub(x, w.op('ReduceMax', [w.op('Neg', [x]), w.ints(-1)]))])
        return w.div(e, w.op('ReduceSum', [e, w.ints(-1)]))
      },
    ],
    [
      'without the maximum',
      (w, x) => {
        const e = w.op('Exp', [x])
        return w.div(e, w.op('ReduceSum', [e, w.ints(-1)]))
      },
    ],
    [
      'exponentials that are fetched',
      (w, x) => {
        const e = w.op('Exp', [w.sub(x, w.op('ReduceMax', [x, w.ints(-1)]))])
        return [w.div(e, w.op('ReduceSum', [e, w.ints(-1)])), e]
      },
    ],
  ])('not %s', async (_, build, shape) => {
    expect(ops(await left('fuse-softmax', build, shape))).not.toContain('Softmax')
  })
})

describe('fuse-chain', () => {
  const whole = (w: Writer, x: Value): Value => w.op('Neg', [x])

  test.each<[string, Build, (readonly number[])?]>([
    ['functions of one element', (w, x) => w.op('Tanh', [w.op('Relu', [w.op('Abs', [w.op('Sin', [x])])])])],
    [
      'numbers from either side',
      (w, x) => w.div(w.number(2), w.add(w.sub(w.number(1), w.mul(x, w.number(0.5))), w.number(9))),
    ],
    [
      'an operand of the same shape',
      (w, x) => w.div(w.mul(w.add(x, w.weight(2, 3, 8)), w.weight(2, 3, 8)), w.number(3)),
    ],
    ['a row', (w, x) => w.sub(w.weight(8), w.op('Sigmoid', [w.mul(x, w.weight(1, 8))]))],
    [
      'a column: not as it lies',
      (w, x) => w.sub(w.weight(3, 1), w.op('Sigmoid', [w.mul(w.op('Exp', [x]), w.weight(2, 1, 1))])),
    ],
    ['the first operand again', (w, x) => w.sub(w.mul(w.op('Sigmoid', [x]), x), x)],
    ['the first operand again beside a column', (w, x) => w.sub(w.mul(w.op('Sigmoid', [x]), w.weight(3, 1)), x)],
    ['a square', (w, x) => w.op('Neg', [w.add(w.mul(x, x), w.number(1))])],
    ['bounds', (w, x) => w.op('Sin', [w.op('Abs', [w.op('Clip', [x, w.number(-0.5), w.number(0.25)])])])],
    ['one element', (w, x) => w.sub(w.mul(w.add(x, w.weight(1)), w.weight(1)), w.weight(1)), [1]],
    ['none', (w, x) => w.sub(w.mul(w.add(x, w.weight(3)), w.weight(3)), w.weight(3)), [0, 3]],
    ['large tensors', (w, x) => w.op('Relu', [w.mul(w.add(x, w.weight(1024)), w.number(2))]), [512, 1024]],
    ['rows longer than a block', (w, x) => w.op('Relu', [w.mul(w.add(x, w.weight(1111)), w.number(2))]), [500, 1111]],
  ])('%s', async (_, build, shape) => {
    expect(ops(await left('fuse-chain', build, shape))).toEqual(['Chain'])
  })

  test('keeps what is fetched and what others read', async () => {
    const nodes = await left('fuse-chain', (w, x) => {
      const a = w.op('Neg', [w.op('Abs', [w.op('Sin', [x])])])
      const b = w.op('Relu', [w.mul(w.add(a, w.number(1)), w.number(3))])
      return [w.sub(w.mul(w.op('Tanh', [b]), b), b), a]
    })
    expect(ops(nodes)).toEqual(['Chain', 'Chain', 'Chain'])
  })

  test('begins anew where the shape changes and where there are too many operands', async () => {
    const nodes = await left('fuse-chain', (w, x) => {
      let y = w.op('Abs', [w.op('Neg', [w.mul(x, w.number(2))])])
      y = w.op('Relu', [w.add(y, w.weight(2, 2, 3, 8))])
      for (let i = 0; i < 7; i++) y = w.add(y, w.weight(2, 2, 3, 8))
      return y
    })
    expect(ops(nodes)).toEqual(['Chain', 'Chain', 'Chain'])
  })

  test('of channels that lie last: a number per channel is a row', async () => {
    const g = new GraphBuilder('image')
    const x = g.input('x', 'float32', [1, 3, 5, 5])
    const w = new Writer(g)
    const y = w.op('Conv', [x, w.weight(4, 3, 2, 2)])
    g.output(w.op('Neg', [w.mul(w.add(w.op('Erf', [y]), w.weight(4, 1, 1)), w.weight(1, 4, 1, 1))]), 'y')
    const bytes = exportModel(g.graph())
    const passOptions = { 'fuse-activation': false, 'fold-batchnorm': false }
    const [on, off] = await Promise.all([
      InferenceSession.create(bytes, { passes: passOptions }),
      InferenceSession.create(bytes, { passes: false }),
    ])
    const feeds = { x: new Tensor('float32', weights(1, 3, 5, 5).data, [1, 3, 5, 5]) }
    const [a, b] = await Promise.all([on.run(feeds, { profile: true }), off.run(feeds)])
    b.y.data.forEach((value, i) => expect(a.y.data[i]).toBeCloseTo(value as number, 5))
    expect(on.lastProfile!.filter(({ op }) => op === 'Chain').map(({ kernel }) => kernel)).toEqual(['chain_f32'])
    await Promise.all([on.release(), off.release()])
  })

  test.each<[string, Build, (readonly number[])?]>([
    ['two operators', (w, x) => w.op('Abs', [w.op('Sin', [x])])],
    ['tensors that stay in a cache', (w, x) => w.op('Relu', [w.add(w.mul(x, w.number(2)), w.number(1))]), [100, 100]],
    [
      'other types',
      (w, x) =>
        w.op(
          'Cast',
          [
            w.add(
              w.mul(w.op('Cast', [x], { to: 6 }), w.op('Cast', [w.number(2)], { to: 6 })),
              w.op('Cast', [w.number(1)], { to: 6 }),
            ),
          ],
          { to: 1 },
        ),
    ],
    ['a shape that grows', (w, x) => w.add(whole(w, x), w.weight(2, 2, 3, 8))],
  ])('not %s', async (_, build, shape) => {
    expect(ops(await left('fuse-chain', build, shape))).not.toContain('Chain')
  })
})
