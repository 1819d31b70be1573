import { describe, expect, test } from 'vitest'
import type { PassName } from '../../src/passes/load/index.js'
import type { Graph, Node, Value } from '../../src/ir/graph.js'
import { inferTypes } from '../../src/ir/infer.js'
import { fuseResidual } from '../../src/passes/shaped/fuse-residual.js'
import { hostFrom, hostZeros, type HostTensor } from '../../src/core/host.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../src/node.js'
import { passes } from '../../src/passes/load/index.js'
import { shapedPasses } from '../../src/passes/shaped/index.js'
import { randomTensor, seeded } from '../support/random.js'

const random = seeded(11)
const weights = (...shape: number[]): HostTensor => randomTensor(random, 'float32', shape, -1, 1)
const positive = (...shape: number[]): HostTensor => randomTensor(random, 'float32', shape, 0.5, 2)

/** Builds the middle of a model; `c` makes a random constant, `p` a positive one. */
type Build = (
  g: GraphBuilder,
  x: Value,
  c: (...shape: number[]) => Value,
  p: (...shape: number[]) => Value,
) => Value | readonly Value[]

function modelOf(build: Build, shape: readonly (number | string)[]): Uint8Array {
  const g = new GraphBuilder('pass')
  const x = g.input('x', 'float32', shape)
  let count = 0
  const outputs = build(
    g,
    x,
    (...s) => g.constant(`c${count++}`, weights(...s)),
    (...s) => g.constant(`c${count++}`, positive(...s)),
  )
  for (const output of Array.isArray(outputs) ? (outputs as Value[]) : [outputs as Value]) g.output(output)
  return exportModel(g.graph())
}

const allOff = Object.fromEntries([...passes, ...shapedPasses].map(({ name }) => [name, false]))

const numbersOf = (data: Tensor['data']): number[] => Array.from(data as Float32Array, Number)

/** The nodes that a pass leaves, by itself; its numbers must be those without it. */
async function alone(
  pass: PassName,
  build: Build,
  shape: number[] = [2, 4, 5, 5],
  tolerance = 1e-5,
): Promise<readonly Node[]> {
  const bytes = modelOf(build, shape)
  const [off, on] = await Promise.all([
    InferenceSession.create(bytes, { passes: false, accuracy: 'exact' }),
    InferenceSession.create(bytes, { passes: { ...allOff, [pass]: true }, accuracy: 'exact' }),
  ])
  const x = new Tensor('float32', randomTensor(seeded(3), 'float32', shape, -2, 2).data, shape)
  const [expected, actual] = await Promise.all([off.run({ x }), on.run({ x })])
  expect(Object.keys(actual)).toEqual(Object.keys(expected))
  for (const [name, { data, dims, type }] of Object.entries(expected)) {
    expect(actual[name]).toMatchObject({ dims, type })
    const scale = data.length === 0 ? 1 : Math.max(1, ...numbersOf(data).map(Math.abs).filter(Number.isFinite))
    numbersOf(data).forEach((value, i) => {
      const got = Number(actual[name].data[i])
      if (Number.isFinite(value)) expect(Math.abs(got - value)).toBeLessThanOrEqual(tolerance * scale)
      else expect(got).toBe(value)
    })
  }
  const nodes = await on.optimized()
  await Promise.all([off.release(), on.release()])
  return nodes
}

const ops = (nodes: readonly Node[]): string[] => nodes.map(({ op }) => op.name)

describe('eliminate-dead', () => {
  test('removes what nobody reads, and what only that read', async () => {
    const nodes = await alone('eliminate-dead', (g, x) => {
      g.op('Neg', [g.op('Abs', [x])])
      g.node('Split', [g.op('Exp', [x])], { axis: 0, num_outputs: 2 }, { outputs: 2 })
      return g.op('Relu', [x])
    })
    expect(ops(nodes)).toEqual(['Relu'])
  })

  test('keeps a node of which one output is read', async () => {
    const nodes = await alone(
      'eliminate-dead',
      (g, x) => g.node('Split', [x], { axis: 0, num_outputs: 2 }, { outputs: 2 })[1],
    )
    expect(ops(nodes)).toEqual(['Split'])
  })

  test('keeps what only a body reads', async () => {
    const nodes = await alone('eliminate-dead', (g, x) => {
      const seen = g.op('Exp', [x])
      const branch = (name: string, op: string): Graph => {
        const inner = new GraphBuilder(name)
        const value = inner.op(op, [seen], {}, `${name}_${op}`)
        return { name, inputs: [], outputs: [value], nodes: [{ ...nodeOf(inner, value), inputs: [seen] }] }
      }
      const condition = g.constant('yes', hostFrom('bool', [], [1]))
      return g.op('If', [condition], { then_branch: branch('t', 'Neg'), else_branch: branch('e', 'Abs') })
    })
    expect(ops(nodes)).toEqual(['Exp', 'If'])
  })
})

/** The node that makes a value in a builder whose graph is never finished. */
function nodeOf(builder: GraphBuilder, value: Value): Node {
  return (builder as unknown as { nodes: Node[] }).nodes.find(({ outputs }) => outputs.includes(value))!
}

describe('eliminate-identity', () => {
  test.each<[string, Build, string[]]>([
    [
      'chains of Identity and Dropout',
      (g, x) => g.op('Relu', [g.op('Identity', [g.op('Dropout', [g.op('Identity', [g.op('Neg', [x])])])])]),
      ['Neg', 'Relu'],
    ],
    ['not one that makes an output', (g, x) => g.op('Identity', [g.op('Neg', [x])]), ['Neg', 'Identity']],
    [
      'not one whose mask is read',
      (g, x) => g.node('Dropout', [x], {}, { outputs: 2 }).map((y, i) => (i === 0 ? g.op('Neg', [y]) : y)),
      ['Dropout', 'Neg'],
    ],
    ['of an input that is read twice', (g, x) => g.op('Add', [g.op('Identity', [x]), g.op('Identity', [x])]), ['Add']],
    [
      'beside an Identity that makes an output',
      (g, x) => {
        const y = g.op('Identity', [x])
        return [y, g.op('Neg', [g.op('Identity', [y])])]
      },
      ['Identity', 'Neg'],
    ],
  ])('%s', async (_, build, left) => {
    expect(ops(await alone('eliminate-identity', build))).toEqual(left)
  })
})

describe('fold-constants', () => {
  test.each<[string, Build, string[]]>([
    [
      'what depends on constants alone',
      (g, x, c) => g.op('Add', [x, g.op('Exp', [g.op('Add', [c(5), c(5)])])]),
      ['Add'],
    ],
    ['everything, down to an output', (g, x, c) => [g.op('Neg', [x]), g.op('Mul', [c(3), c(3)])], ['Neg']],
    [
      'not what depends on an input',
      (g, x, c) => g.op('Add', [g.op('Mul', [x, c(5)]), g.op('Neg', [c(5)])]),
      ['Mul', 'Add'],
    ],
    [
      'a result of which a part is read',
      (g, x, c) => g.op('Add', [x, g.node('Split', [c(10)], { axis: 0, num_outputs: 2 }, { outputs: 2 })[1]]),
      ['Add'],
    ],
    [
      'a constant that was folded, and what follows from it',
      (g, x, c) => {
        const folded = g.op('Exp', [c(5)])
        return g.op('Add', [g.op('Mul', [x, folded]), g.op('Neg', [folded])])
      },
      ['Mul', 'Add'],
    ],
  ])('%s', async (_, build, left) => {
    expect(ops(await alone('fold-constants', build))).toEqual(left)
  })

  test('takes no memory that stays', async () => {
    const g = new GraphBuilder('fold')
    const x = g.input('x', 'float32', [4])
    const table = g.op('Exp', [g.constant('big', hostZeros('float32', [50_000]))])
    g.output(
      g.op('Add', [x, g.op('ReduceSum', [table, g.constant('axes', hostFrom('int64', [1], [0]))], { keepdims: 1 })]),
      'y',
    )
    const session = await InferenceSession.create(exportModel(g.graph()))
    const { y } = await session.run({ x: new Tensor('float32', new Float32Array(4), [4]) })
    expect(y.data[3]).toBe(50_000)
    expect(session.memory.weights + session.memory.arena).toBeLessThan(10_000)
    // 200 kB in and 200 kB out, once and not ever after.
    const { peak } = session.memory
    for (const fetch of ['x', 'y', 'x'])
      await session.run({ x: new Tensor('float32', new Float32Array(4), [4]) }, [fetch])
    expect(session.memory.peak).toBe(peak)
    await session.release()
  })
})

const norm = (g: GraphBuilder, y: Value, p: (...shape: number[]) => Value, channels: number): Value =>
  g.op('BatchNormalization', [y, p(channels), p(channels), p(channels), p(channels)], { epsilon: 0.01 })

describe('fold-batchnorm', () => {
  test.each<[string, Build]>([
    ['Conv without bias', (g, x, c, p) => norm(g, g.op('Conv', [x, c(6, 4, 3, 3)]), p, 6)],
    ['Conv with bias', (g, x, c, p) => norm(g, g.op('Conv', [x, c(6, 4, 3, 3), c(6)]), p, 6)],
    ['grouped Conv', (g, x, c, p) => norm(g, g.op('Conv', [x, c(6, 2, 3, 3), c(6)], { group: 2 }), p, 6)],
    ['depthwise Conv', (g, x, c, p) => norm(g, g.op('Conv', [x, c(4, 1, 3, 3), c(4)], { group: 4 }), p, 4)],
    ['ConvTranspose', (g, x, c, p) => norm(g, g.op('ConvTranspose', [x, c(4, 6, 3, 3), c(6)]), p, 6)],
    ['grouped ConvTranspose', (g, x, c, p) => norm(g, g.op('ConvTranspose', [x, c(4, 3, 3, 3)], { group: 2 }), p, 6)],
    [
      'depthwise ConvTranspose',
      (g, x, c, p) => norm(g, g.op('ConvTranspose', [x, c(4, 1, 2, 2), c(4)], { group: 4 }), p, 4),
    ],
    ['Mul per channel', (g, x, c, p) => g.op('Mul', [g.op('Conv', [x, c(6, 4, 3, 3)]), p(6, 1, 1)])],
    ['Mul from the left', (g, x, c, p) => g.op('Mul', [p(1, 6, 1, 1), g.op('Conv', [x, c(6, 4, 3, 3), c(6)])])],
    ['Mul with a number', (g, x, c, p) => g.op('Mul', [g.op('Conv', [x, c(6, 4, 3, 3), c(6)]), p()])],
    ['Add per channel', (g, x, c) => g.op('Add', [g.op('Conv', [x, c(6, 4, 3, 3), c(6)]), c(6, 1, 1)])],
    ['Add with a number of many axes', (g, x, c) => g.op('Add', [c(1, 1, 1, 1), g.op('Conv', [x, c(6, 4, 3, 3)])])],
    ['Sub per channel', (g, x, c) => g.op('Sub', [g.op('Conv', [x, c(6, 4, 3, 3), c(6)]), c(1, 6, 1, 1)])],
    [
      'several, one after another',
      (g, x, c, p) => {
        const y = norm(g, g.op('Conv', [x, c(6, 4, 3, 3), c(6)]), p, 6)
        return g.op('Sub', [g.op('Add', [g.op('Mul', [y, p(6, 1, 1)]), c(6, 1, 1)]), c(6, 1, 1)])
      },
    ],
    [
      'two convolutions with the same weights',
      (g, x, c, p) => {
        const w = c(4, 4, 3, 3)
        return norm(g, g.op('Conv', [norm(g, g.op('Conv', [x, w]), p, 4), w]), p, 4)
      },
    ],
  ])('%s', async (_, build) => {
    const nodes = await alone('fold-batchnorm', build)
    expect(new Set(ops(nodes)).size).toBe(1)
    expect(ops(nodes)[0]).toMatch(/^Conv/)
    for (const node of nodes) expect(node.inputs).toHaveLength(3)
  })

  test.each<[string, Build]>([
    [
      'a convolution that is read twice',
      (g, x, c, p) => {
        const y = g.op('Conv', [x, c(6, 4, 3, 3)])
        return g.op('Add', [norm(g, y, p, 6), y])
      },
    ],
    [
      'a convolution that is fetched',
      (g, x, c, p) => {
        const y = g.op('Conv', [x, c(6, 4, 3, 3)])
        return [y, norm(g, y, p, 6)]
      },
    ],
    [
      'a product of a convolution with itself',
      (g, x, c) => {
        const y = g.op('Conv', [x, c(6, 4, 3, 3)])
        return g.op('Mul', [y, y])
      },
    ],
    ['a factor per column', (g, x, c) => g.op('Mul', [g.op('Conv', [x, c(3, 4, 3, 3)]), c(3)])],
    ['a factor per pixel', (g, x, c) => g.op('Mul', [g.op('Conv', [x, c(3, 4, 3, 3)]), c(3, 3)])],
    ['a factor that adds axes', (g, x, c) => g.op('Mul', [g.op('Conv', [x, c(6, 4, 3, 3)]), c(1, 1, 6, 1, 1)])],
    [
      'a factor that broadcasts the one channel',
      (g, x, c) => g.op('Mul', [g.op('Conv', [x, c(1, 4, 3, 3)]), c(6, 1, 1)]),
    ],
    ['a difference the other way round', (g, x, c) => g.op('Sub', [c(6, 1, 1), g.op('Conv', [x, c(6, 4, 3, 3)])])],
    ['a division', (g, x, c, p) => g.op('Div', [p(6, 1, 1), g.op('Conv', [x, c(6, 4, 3, 3)])])],
    [
      'weights that are computed',
      (g, x, _, p) =>
        norm(
          g,
          g.op('Conv', [
            x,
            g.op('Slice', [
              g.op('Expand', [g.op('ReduceMean', [x]), g.constant('s', hostFrom('int64', [4], [6, 4, 3, 3]))]),
              g.constant('a', hostFrom('int64', [1], [0])),
              g.constant('b', hostFrom('int64', [1], [6])),
            ]),
          ]),
          p,
          6,
        ),
    ],
    [
      'a scale that is computed',
      (g, x, c, p) =>
        g.op(
          'BatchNormalization',
          [g.op('Conv', [x, c(4, 4, 3, 3)]), g.op('GlobalMaxPool', [g.op('ReduceMax', [x])]), p(4), p(4), p(4)].map(
            (v, i) =>
              i === 1
                ? g.op('ReduceMax', [x, g.constant('axes', hostFrom('int64', [3], [0, 2, 3]))], { keepdims: 0 })
                : v,
          ),
        ),
    ],
  ])('not %s', async (_, build) => {
    const bytes = modelOf(build, [2, 4, 5, 5])
    const plain = await InferenceSession.create(bytes, { passes: { ...allOff, 'eliminate-dead': true } })
    const before = ops(await plain.optimized())
    await plain.release()
    expect(ops(await alone('fold-batchnorm', build)).filter((op) => before.includes(op))).toEqual(
      expect.arrayContaining(before),
    )
  })
})

describe('transposed-to-conv', () => {
  const transposed =
    (shape: number[], attributes: Record<string, unknown>): Build =>
    (g, x, c) =>
      g.op('ConvTranspose', [x, c(...shape), c(shape[1] * Number(attributes.group ?? 1))], attributes)

  test.each<[string, Build, number[]]>([
    ['3x3', transposed([4, 6, 3, 3], {}), [2, 4, 5, 5]],
    ['3x2, cut unevenly, dilated', transposed([4, 6, 3, 2], { pads: [1, 0, 3, 2], dilations: [2, 3] }), [2, 4, 5, 5]],
    ['groups', transposed([4, 3, 3, 3], { group: 2, pads: [1, 1, 1, 1], strides: [1, 1] }), [2, 4, 5, 5]],
    ['depthwise, dilated', transposed([4, 1, 3, 3], { group: 4, pads: [4, 1, 4, 1], dilations: [2, 1] }), [2, 4, 5, 5]],
    ['1-D', transposed([4, 5, 3], { dilations: [2] }), [2, 4, 9]],
    ['3-D', transposed([3, 2, 2, 3, 2], { pads: [0, 1, 0, 1, 2, 0], auto_pad: 'NOTSET' }), [1, 3, 3, 4, 5]],
    ['without bias', (g, x, c) => g.op('ConvTranspose', [x, c(4, 6, 1, 1)]), [2, 4, 5, 5]],
  ])('%s', async (_, build, shape) => {
    expect(ops(await alone('transposed-to-conv', build, shape))).toEqual(['Conv'])
  })

  test.each<[string, Build]>([
    ['a stride', transposed([4, 6, 3, 3], { strides: [1, 2] })],
    ['more cut off than the kernel reaches', transposed([4, 6, 3, 3], { pads: [3, 0, 0, 0] })],
    ['a size that is asked for', transposed([4, 6, 3, 3], { output_shape: [6, 7] })],
    ['SAME_UPPER', transposed([4, 6, 3, 3], { auto_pad: 'SAME_UPPER' })],
    ['output padding', transposed([4, 6, 3, 3], { output_padding: [0, 1], dilations: [2, 2] })],
    [
      'filters that are computed',
      (g, x) =>
        g.op('ConvTranspose', [
          x,
          g.op('Reshape', [
            g.op('Slice', [x, ...[0, 1, 0].map((v, i) => g.constant(`s${i}`, hostFrom('int64', [1], [v])))]),
            g.constant('shape', hostFrom('int64', [4], [4, 1, 5, 5])),
          ]),
        ]),
    ],
  ])('not %s', async (_, build) => {
    expect(ops(await alone('transposed-to-conv', build))).toContain('ConvTranspose')
  })
})

describe('fuse-bias', () => {
  const fused = (nodes: readonly Node[]) => nodes.map(({ op, fused: { bias } }) => [op.name, bias])

  test.each<[string, Build]>([
    ['from the right', (g, x, c) => g.op('Add', [g.op('MatMul', [x, c(5, 7)]), c(7)])],
    ['from the left', (g, x, c) => g.op('Add', [c(7), g.op('MatMul', [x, c(5, 7)])])],
  ])('%s', async (_, build) => {
    expect(fused(await alone('fuse-bias', build))).toEqual([['MatMul', 2]])
  })

  test.each<[string, Build, number[]]>([
    ['a matrix', (g, x, c) => g.op('Add', [g.op('MatMul', [x, c(5, 7)]), c(3, 7)]), [3, 5]],
    ['a number', (g, x, c) => g.op('Add', [g.op('MatMul', [x, c(5, 7)]), c()]), [3, 5]],
    ['a column', (g, x, c) => g.op('Add', [g.op('MatMul', [x, c(5, 7)]), c(3, 1)]), [3, 5]],
    ['a bias that broadcasts the product', (g, x, c) => g.op('Add', [g.op('MatMul', [x, c(5, 1)]), c(7)]), [3, 5]],
    [
      'a bias that is fed',
      (g, x, c) =>
        g.op('Add', [g.op('MatMul', [x, c(5, 5)]), g.op('Gather', [x, g.constant('i', hostFrom('int64', [], [0]))])]),
      [3, 5],
    ],
    [
      'a product that is read twice',
      (g, x, c) => {
        const y = g.op('MatMul', [x, c(5, 5)])
        return g.op('Mul', [g.op('Add', [y, c(5)]), y])
      },
      [3, 5],
    ],
    [
      'a product that is fetched',
      (g, x, c) => {
        const y = g.op('MatMul', [x, c(5, 5)])
        return [y, g.op('Add', [y, c(5)])]
      },
      [3, 5],
    ],
  ])('not %s', async (_, build, shape) => {
    const nodes = await alone('fuse-bias', build, shape)
    expect(fused(nodes)).toContainEqual(['MatMul', undefined])
    expect(ops(nodes)).toContain('Add')
  })
})

describe('fuse-activation', () => {
  const followers: [string, (g: GraphBuilder, y: Value) => Value][] = [
    ...['Relu', 'Sigmoid', 'Tanh', 'HardSwish', 'Elu', 'Abs', 'Exp', 'Softplus', 'Erf', 'Gelu', 'Mish'].map(
      (op): [string, (g: GraphBuilder, y: Value) => Value] => [op, (g, y) => g.op(op, [y])],
    ),
    ['LeakyRelu', (g, y) => g.op('LeakyRelu', [y], { alpha: 0.3 })],
    ['HardSigmoid', (g, y) => g.op('HardSigmoid', [y], { alpha: 0.1, beta: 0.4 })],
    [
      'Clip',
      (g, y) =>
        g.op('Clip', [
          y,
          g.constant('low', hostFrom('float32', [], [-0.5])),
          g.constant('high', hostFrom('float32', [], [0.25])),
        ]),
    ],
    ['Clip from above', (g, y) => g.op('Clip', [y, undefined, g.constant('high', hostFrom('float32', [], [0.25]))])],
  ]
  const carriers: [string, Build, number[]][] = [
    ['Conv', (g, x, c) => g.op('Conv', [x, c(6, 4, 3, 3), c(6)]), [2, 4, 5, 5]],
    ['ConvTranspose', (g, x, c) => g.op('ConvTranspose', [x, c(4, 6, 3, 3)]), [2, 4, 5, 5]],
    ['MatMul', (g, x, c) => g.op('MatMul', [x, c(5, 7)]), [3, 5]],
    ['Gemm', (g, x, c) => g.op('Gemm', [x, c(7, 5), c(7)], { transB: 1, alpha: 0.5, beta: 2 }), [3, 5]],
  ]

  test.each(
    carriers.flatMap(([carrier, build, shape]) =>
      followers.map(([op, follow]) => [carrier, op, build, follow, shape] as const),
    ),
  )('%s and %s', async (carrier, _, build, follow, shape) => {
    const nodes = await alone('fuse-activation', (g, x, c, p) => follow(g, build(g, x, c, p) as Value), shape)
    expect(nodes.map(({ op, fused }) => [op.name, fused.activation !== undefined])).toEqual([[carrier, true]])
  })

  test.each<[string, Build, string[]]>([
    [
      'a second activation',
      (g, x, c) => g.op('Sigmoid', [g.op('Relu', [g.op('MatMul', [x, c(5, 5)])])]),
      ['MatMul', 'Sigmoid'],
    ],
    [
      'where the product is read twice',
      (g, x, c) => {
        const y = g.op('MatMul', [x, c(5, 5)])
        return g.op('Mul', [g.op('Sigmoid', [y]), y])
      },
      ['MatMul', 'Sigmoid', 'Mul'],
    ],
    [
      'where the product is fetched',
      (g, x, c) => {
        const y = g.op('MatMul', [x, c(5, 5)])
        return [y, g.op('Relu', [y])]
      },
      ['MatMul', 'Relu'],
    ],
    [
      'a Clip whose bounds are computed',
      (g, x, c) => g.op('Clip', [g.op('MatMul', [x, c(5, 5)]), g.op('ReduceMin', [x], { keepdims: 0 })]),
      ['MatMul', 'ReduceMin', 'Clip'],
    ],
    [
      'a Clip whose bound the product is',
      (g, x, c) =>
        g.op(
          'Clip',
          [c(3, 1), g.op('MatMul', [g.op('ReduceMax', [x], { keepdims: 1 }), c(1, 1)]), undefined]
            .slice(0, 2)
            .map((v, i) => (i === 1 ? g.op('Squeeze', [v]) : v)),
        ),
      ['ReduceMax', 'MatMul', 'Squeeze', 'Clip'],
    ],
    ['Softmax', (g, x, c) => g.op('Softmax', [g.op('MatMul', [x, c(5, 5)])]), ['MatMul', 'Softmax']],
  ])('not %s', async (_, build, left) => {
    expect(ops(await alone('fuse-activation', build, [3, 5]))).toEqual(left)
  })
})

describe('fuse-residual', () => {
  /** What the pass alone makes of the model, by the number of nodes with a residual; and the session's numbers must agree. */
  async function residuals(
    build: Build,
    shape: number[] = [2, 4, 6, 6],
  ): Promise<{ nodes: readonly Node[]; fused: number }> {
    const bytes = modelOf(build, shape)
    const [off, on] = await Promise.all([
      InferenceSession.create(bytes, { passes: false, accuracy: 'exact' }),
      InferenceSession.create(bytes, { passes: { ...allOff, 'fuse-residual': true }, accuracy: 'exact' }),
    ])
    const { model } = on
    const types = new Map(model.inputs.map((value) => [value, { dtype: 'float32' as const, shape }] as const))
    const { nodes } = fuseResidual(model, inferTypes(model, types))
    const x = new Tensor('float32', randomTensor(seeded(3), 'float32', shape, -2, 2).data, shape)
    const before = Float32Array.from(x.data as Float32Array)
    const [expected, actual] = await Promise.all([off.run({ x }), on.run({ x })])
    expect(x.data).toEqual(before)
    for (const [name, { data }] of Object.entries(expected)) {
      data.forEach((value, i) => expect(actual[name].data[i]).toBeCloseTo(value as number, 4))
    }
    // A second run: nothing that the first overwrote may have been a weight.
    const again = await on.run({ x })
    for (const [name, { data }] of Object.entries(actual)) expect(again[name].data).toEqual(data)
    await Promise.all([off.release(), on.release()])
    return { nodes, fused: nodes.filter((node) => node.fused.residual !== undefined).length }
  }
  const conv = (g: GraphBuilder, x: Value, c: (...shape: number[]) => Value): Value =>
    g.op('Conv', [x, c(4, 4, 3, 3), c(4)], { pads: [1, 1, 1, 1] })

  test.each<[string, Build, number]>([
    ['the image of the convolution', (g, x, c) => g.op('Add', [conv(g, x, c), x]), 1],
    [
      'the image, dying',
      (g, x, c) => {
        const t = g.op('Neg', [x])
        return g.op('Add', [t, conv(g, t, c)])
      },
      1,
    ],
    [
      'the image, living on',
      (g, x, c) => {
        const t = g.op('Neg', [x])
        return g.op('Mul', [g.op('Add', [conv(g, t, c), t]), t])
      },
      1,
    ],
    ['another tensor that dies', (g, x, c) => g.op('Add', [g.op('Neg', [x]), conv(g, x, c)]), 1],
    [
      'another tensor that lives on',
      (g, x, c) => {
        const t = g.op('Neg', [x])
        return g.op('Sub', [g.op('Add', [t, conv(g, x, c)]), t])
      },
      1,
    ],
    [
      'a tensor that is fetched',
      (g, x, c) => {
        const t = g.op('Neg', [x])
        return [g.op('Add', [t, conv(g, x, c)]), t]
      },
      1,
    ],
    [
      'two convolutions: the later adds the earlier',
      (g, x, c) => g.op('Add', [conv(g, x, c), conv(g, g.op('Neg', [x]), c)]),
      1,
    ],
    ['a constant', (g, x, c) => g.op('Add', [conv(g, x, c), c(2, 4, 6, 6)]), 1],
    [
      'a chain of blocks',
      (g, x, c) => {
        let y = x
        for (let i = 0; i < 4; i++) y = g.op('Relu', [g.op('Add', [conv(g, g.op('Relu', [conv(g, y, c)]), c), y])])
        return y
      },
      4,
    ],
    [
      'ConvTranspose',
      (g, x, c) => g.op('Add', [g.op('ConvTranspose', [x, c(4, 4, 3, 3)], { pads: [1, 1, 1, 1] }), x]),
      1,
    ],
    ['depthwise', (g, x, c) => g.op('Add', [g.op('Conv', [x, c(4, 1, 3, 3)], { group: 4, pads: [1, 1, 1, 1] }), x]), 1],
    ['pointwise', (g, x, c) => g.op('Add', [g.op('Conv', [x, c(4, 4, 1, 1)]), x]), 1],
    ['MatMul', (g, x, c) => g.op('Add', [g.op('MatMul', [x, c(6, 6)]), x]), 1],
    ['a residual that broadcasts: not', (g, x, c) => g.op('Add', [conv(g, x, c), c(4, 1, 1)]), 0],
    [
      'a residual that broadcasts the convolution: not',
      (g, x, c) => g.op('Add', [g.op('Conv', [x, c(1, 4, 3, 3)], { pads: [1, 1, 1, 1] }), x]),
      0,
    ],
    [
      'a convolution added to itself: not',
      (g, x, c) => {
        const y = conv(g, x, c)
        return g.op('Add', [y, y])
      },
      0,
    ],
    [
      'a convolution that is read elsewhere: not',
      (g, x, c) => {
        const y = conv(g, x, c)
        return g.op('Mul', [g.op('Add', [y, x]), y])
      },
      0,
    ],
    [
      'a convolution that is fetched: not',
      (g, x, c) => {
        const y = conv(g, x, c)
        return [y, g.op('Add', [y, x])]
      },
      0,
    ],
    ['behind an activation: not', (g, x, c) => g.op('Add', [g.op('Relu', [conv(g, x, c)]), x]), 0],
    [
      'a residual that the convolution leads to: the later one only',
      (g, x, c) => {
        const y = conv(g, x, c)
        return g.op('Add', [y, conv(g, g.op('Neg', [g.op('Identity', [y])]), c)])
      },
      1,
    ],
  ])('%s', async (_, build, expected) => {
    const { fused } = await residuals(build)
    expect(fused).toBe(expected)
  })

  test('an activation that follows the sum is fused with it', async () => {
    const { nodes } = await residuals((g, x, c) => g.op('Relu', [g.op('Add', [conv(g, x, c), x])]))
    expect(nodes.map(({ op, fused }) => [op.name, fused.residual, fused.activation !== undefined])).toEqual([
      ['Conv', 3, true],
    ])
  })
})

describe('all together', () => {
  test('a pass that is switched off leaves the others at work', async () => {
    const build: Build = (g, x, c, p) =>
      g.op('Relu', [norm(g, g.op('Conv', [g.op('Identity', [x]), c(6, 4, 3, 3)]), p, 6)])
    const bytes = modelOf(build, ['N', 4, 5, 5])
    const left = async (off: Partial<Record<PassName, boolean>>) => {
      const session = await InferenceSession.create(bytes, { passes: off })
      const nodes = ops(await session.optimized())
      await session.release()
      return nodes
    }
    expect(await left({})).toEqual(['Conv'])
    expect(await left({ 'eliminate-identity': false })).toEqual(['Identity', 'Conv'])
    expect(await left({ 'fold-batchnorm': false })).toEqual(['Conv', 'BatchNormalization', 'Relu'])
    expect(await left({ 'fuse-activation': false })).toEqual(['Conv', 'Relu'])
  })

  test('20,000 factors behind one convolution take linear time', async () => {
    const g = new GraphBuilder('chain')
    let y = g.op('Conv', [g.input('x', 'float32', [1, 1, 3, 3]), g.constant('w', weights(1, 1, 3, 3))])
    const one = g.constant('one', hostFrom('float32', [], [1]))
    for (let i = 0; i < 20_000; i++) y = g.op('Mul', [y, one], {}, `m${i}`)
    g.output(y, 'y')
    const session = await InferenceSession.create(exportModel(g.graph()))
    expect(ops(await session.optimized())).toEqual(['Conv', 'Identity'])
    await session.release()
  })
})
