import { afterEach, expect, test, vi } from 'vitest'
import { GraphBuilder } from '../../src/api/graph/builder.js'
import { registerAllOps } from '../../src/api/register-all.js'
import { hostFrom, hostTensor, isHostTensor, type HostTensor } from '../../src/core/host.js'
import { finish } from '../../src/core/steps.js'
import type { Graph, Value } from '../../src/ir/graph.js'
import { Layers } from '../../src/plan/layers.js'
import { Program } from '../../src/plan/program.js'
// Loaded, so that it is there when it is first wanted.
import { Variations } from '../../src/plan/variations.js'
import { WeightStore } from '../../src/plan/weights.js'
import { randomTensor, seeded } from '../support/random.js'
import { makeContext } from '../support/wasm.js'

registerAllOps()
afterEach(() => vi.restoreAllMocks())

const options = { build: 'simd', fast: true, shapedPass: () => true, arenaLimit: 2 ** 28 } as const

function programOf(graph: Graph): Program {
  const context = makeContext()
  return new Program(graph, context, new WeightStore(context), options)
}

type Feeds = Map<Value, HostTensor>

async function bits(program: Program, feeds: Feeds): Promise<string[]> {
  return [...(await finish(program.run(feeds))).values()].map((value) =>
    isHostTensor(value) ? `${value.dtype}[${value.shape.join()}]${String(value.data)}` : 'value',
  )
}

/**
 * A plan made of another computes, bit for bit, what a plan of its own does. @returns how many were made of another.
 */
async function sameAsAnew(graph: Graph, runs: readonly Feeds[]): Promise<number> {
  const derive = vi.spyOn(Variations.prototype, 'derive')
  const program = programOf(graph)
  for (const feeds of runs) {
    const found = await bits(program, feeds)
    const calls = derive.mock.calls.length
    expect(found).toEqual(await bits(programOf(graph), feeds))
    expect(derive.mock.calls.length).toBe(calls)
  }
  program.dispose()
  return derive.mock.results.filter(({ value }) => typeof value === 'object').length
}

const random = seeded(5)
const floats = (...shape: number[]) => randomTensor(random, 'float32', shape, -1, 1)
const long = (g: GraphBuilder, name: string, ...values: number[]) =>
  g.constant(name, hostFrom('int64', [values.length], values))

/**
 * Two layers of attention over a past, with a mask that is fed, one that follows from shapes, and positions that do.
 */
function decoder(): { graph: Graph; feeds(past: number): Feeds } {
  const [heads, size, longest] = [2, 8, 256]
  const width = heads * size
  const g = new GraphBuilder('decoder')
  const x = g.input('x', 'float32', [1, 1, width])
  const mask = g.input('mask', 'int64', [1, 'total'])
  const number = (name: string, value: number) => g.constant(name, hostFrom('float32', [], [value]))
  const hidden = g.op('Mul', [
    g.op('Sub', [number('one', 1), g.op('Cast', [g.op('Unsqueeze', [mask, long(g, 'axes', 1, 2)])], { to: 1 })]),
    number('least', -1e9),
  ])
  const causal = g.constant('causal', hostFrom('bool', [1, 1, 1, longest], new Array<number>(longest).fill(1)))
  const positions = g.constant('positions', floats(longest, width))
  const pasts: Value[] = []
  let y = x
  for (const layer of ['a', 'b']) {
    const heap = (what: string) => {
      const flat = g.op('MatMul', [y, g.constant(`${layer}${what}w`, floats(width, width))])
      return g.op('Transpose', [g.op('Reshape', [flat, long(g, `${layer}${what}s`, 1, 1, heads, size)])], {
        perm: [0, 2, 1, 3],
      })
    }
    const present = (what: string): Value => {
      const past = g.input(`${layer}past_${what}`, 'float32', [1, heads, 'past', size])
      pasts.push(past)
      const made = g.op('Concat', [past, heap(what)], { axis: 2 })
      g.output(made, `${layer}present_${what}`)
      return made
    }
    const [k, v] = [present('k'), present('v')]
    const total = g.op('Shape', [k], { start: 2, end: 3 })
    const position = g.op('Gather', [positions, g.op('Sub', [total, long(g, `${layer}1`, 1)])])
    const scores = g.op('Div', [
      g.op('MatMul', [heap('q'), g.op('Transpose', [k], { perm: [0, 1, 3, 2] })]),
      number(`${layer}root`, Math.sqrt(size)),
    ])
    const window = g.op('Slice', [causal, long(g, `${layer}from`, 0), total, long(g, `${layer}axis`, 3)])
    const seen = g.op('Where', [window, scores, number(`${layer}fill`, -1e4)])
    const mixed = g.op('MatMul', [g.op('Softmax', [g.op('Add', [seen, hidden])], { axis: -1 }), v])
    const merged = g.op('Reshape', [
      g.op('Transpose', [mixed], { perm: [0, 2, 1, 3] }),
      long(g, `${layer}merge`, 1, 1, width),
    ])
    y = g.op('Add', [g.op('Add', [y, merged]), position])
  }
  g.output(y, 'y')
  const feeds = (past: number): Feeds => {
    const mask = hostTensor(
      'int64',
      [1, past + 1],
      BigInt64Array.from({ length: past + 1 }, (_, i) => (i === 3 ? 0n : 1n)),
    )
    return new Map(
      g
        .graph()
        .inputs.map((value): [Value, HostTensor] => [
          value,
          pasts.includes(value) ? floats(1, heads, past, size) : value === x ? floats(1, 1, width) : mask,
        ]),
    )
  }
  return { graph: g.graph(), feeds }
}

test('a past that grows by a row, is cut, and comes again', async () => {
  const { graph, feeds } = decoder()
  const lengths = [...Array.from({ length: 40 }, (_, i) => i + 5), 70, 6, 7, 100, 31, 32, 33, 0, 1, 2, 3]
  expect(await sameAsAnew(graph, lengths.map(feeds))).toBeGreaterThan(35)
})

test('every length up to 200, in order and in none', async () => {
  const { graph, feeds } = decoder()
  const lengths = Array.from({ length: 200 }, (_, i) => i + 1)
  expect(await sameAsAnew(graph, lengths.map(feeds))).toBeGreaterThan(190)
  const order = seeded(11)
  const mixed = lengths.map((past) => ({ past, at: order() })).sort((a, b) => a.at - b.at)
  expect(
    await sameAsAnew(
      graph,
      mixed.map(({ past }) => feeds(past)),
    ),
  ).toBeGreaterThan(100)
}, 120_000)

test('of a past that grows, one layer is planned for all that are like it', async () => {
  const { graph, feeds } = decoder()
  const byLayers = vi.spyOn(Layers.prototype, 'replan')
  const lengths = [...Array.from({ length: 30 }, (_, i) => i + 5), 9, 80, 81, 10]
  await sameAsAnew(graph, lengths.map(feeds))
  expect(byLayers.mock.results.filter(({ type }) => type === 'return').length).toBeGreaterThan(20)
})

test('layers whose pasts are of one length for a while, or never quite alike', async () => {
  const g = new GraphBuilder('apart')
  const x = g.input('x', 'float32', [1, 2, 1, 8])
  const pasts = [0, 1, 2, 3].map((i) => g.input(`past${i}`, 'float32', [1, 2, `past${i}`, 8]))
  let y = x
  const keys: Value[] = []
  for (const [i, past] of pasts.entries()) {
    const key = g.op('Concat', [past, g.op('Tanh', [y])], { axis: 2 })
    keys.push(key)
    g.output(key, `present${i}`)
    // The last one reads the keys of the first, too, and what was cut off is another attribute there.
    const read = i === 3 ? g.op('Add', [g.op('ReduceMax', [keys[0]], { keepdims: 1 }), key]) : key
    const weights = g.op('Softmax', [g.op('MatMul', [y, g.op('Transpose', [read], { perm: [0, 1, 3, 2] })])], {
      axis: -1,
    })
    const cut = g.op('Slice', [
      weights,
      long(g, `from${i}`, 0),
      long(g, `to${i}`, i === 2 ? 12 : 1000),
      long(g, `a${i}`, 3),
    ])
    g.output(g.op('ReduceSum', [cut, long(g, `axis${i}`, 3)]), `sum${i}`)
    y = g.op('Add', [y, g.op('MatMul', [weights, key])])
  }
  g.output(y, 'y')
  const runs = [
    ...Array.from({ length: 12 }, (_, i) => [i + 5, i + 5, i + 5, i + 5]),
    ...[
      [17, 17, 18, 17],
      [18, 17, 17, 17],
      [18, 18, 18, 18],
      [19, 19, 19, 20],
      [40, 40, 40, 40],
      [41, 41, 41, 41],
    ],
    ...[
      [5, 41, 41, 41],
      [42, 42, 42, 42],
      [1, 1, 1, 1],
      [43, 43, 43, 43],
      [43, 1, 43, 43],
      [44, 44, 44, 44],
    ],
  ].map(
    (lengths): Feeds =>
      new Map([[x, floats(1, 2, 1, 8)], ...pasts.map((p, i): [Value, HostTensor] => [p, floats(1, 2, lengths[i], 8)])]),
  )
  const byLayers = vi.spyOn(Layers.prototype, 'replan')
  expect(await sameAsAnew(g.graph(), runs)).toBeGreaterThan(10)
  expect(byLayers.mock.results.filter(({ type }) => type === 'return').length).toBeGreaterThan(2)
})

test('what is held does not grow with the number of lengths', async () => {
  const { graph, feeds } = decoder()
  const context = makeContext()
  const program = new Program(graph, context, new WeightStore(context), options)
  let most = 0
  for (let past = 5; past < 127; past++) {
    await finish(program.run(feeds(past)))
    if (past === 60) most = context.used
  }
  expect(context.used).toBeLessThan(2.5 * most)
  program.dispose()
  expect(context.used).toBe(0)
})

test('lengths that come again are not planned again, within what plans may take', async () => {
  const { graph, feeds } = decoder()
  const derive = vi.spyOn(Variations.prototype, 'derive')
  const runs = Array.from({ length: 40 }, (_, i) => feeds(i + 5))
  /** How many plans were made of others, the first and the second time. */
  const made = async (limit: number): Promise<[number, number]> => {
    const context = makeContext('simd', limit)
    const program = new Program(graph, context, new WeightStore(context), options)
    derive.mockClear()
    const first: string[][] = []
    for (const run of runs) first.push(await bits(program, run))
    const before = derive.mock.calls.length
    for (const [i, run] of runs.entries()) expect(await bits(program, run)).toEqual(first[i])
    program.dispose()
    expect(context.used).toBe(0)
    return [before, derive.mock.calls.length - before]
  }
  const [first, again] = await made(2 ** 28)
  expect(first).toBeGreaterThan(25)
  expect(again).toBe(0)
  // A limit that leaves room for a few.
  expect((await made(2 ** 20))[1]).toBeGreaterThan(25)
})

test('nodes that are alike but for a constant, an attribute or the order of their operands', async () => {
  const g = new GraphBuilder('alike')
  const x = g.input('x', 'float32', ['N', 'M', 8])
  const scalar = (name: string, value: number) => g.constant(name, hostFrom('float32', [], [value]))
  const turned = g.op('Transpose', [x], { perm: [1, 0, 2] })
  const back = g.op('Transpose', [g.op('Exp', [turned])], { perm: [1, 0, 2] })
  for (const i of [0, 1, 2, 3]) {
    const rows = [g.op('Neg', [x]), back, x, x][i]
    const part = g.op('Slice', [rows, long(g, `from${i}`, i >> 1), long(g, `to${i}`, 1000), long(g, `axis${i}`, 1)])
    const within = g.op('Clip', [part, scalar(`least${i}`, -0.5), scalar(`most${i}`, 0.25 * (i >> 1))])
    const pad = g.op('Pad', [within, long(g, `pads${i}`, 0, i >> 1, 0, 0, 1, 0), scalar(`with${i}`, i)])
    const mean = g.op('ReduceMean', [pad, long(g, `axes${i}`, 1 + (i >> 1))], { keepdims: 1 })
    g.output(g.op('Sub', i % 2 ? [mean, pad] : [pad, mean]), `y${i}`)
  }
  const sizes = [
    [3, 5],
    [4, 6],
    [4, 7],
    [5, 9],
    [9, 10],
    [11, 13],
    [12, 12],
    [13, 17],
    [70, 90],
  ]
  const runs = sizes.map(([n, m]): Feeds => new Map([[x, floats(n, m, 8)]]))
  expect(await sameAsAnew(g.graph(), runs)).toBeGreaterThan(2)
})

test('images of other sizes, whose kernels may be others', async () => {
  const g = new GraphBuilder('images')
  const x = g.input('x', 'float32', ['N', 3, 'H', 'W'])
  const conv = (value: Value, name: string, from: number, to: number) =>
    g.op('Relu', [
      g.op('Conv', [value, g.constant(name, floats(to, from, 3, 3))], { pads: [1, 1, 1, 1], kernel_shape: [3, 3] }),
    ])
  const small = g.op('MaxPool', [conv(conv(x, 'a', 3, 16), 'b', 16, 16)], { kernel_shape: [2, 2], strides: [2, 2] })
  g.output(
    g.op('Softmax', [g.op('ReduceMean', [conv(small, 'c', 16, 8), long(g, 'axes', 2, 3)], { keepdims: 0 })]),
    'y',
  )
  g.output(g.op('Resize', [small, undefined, g.constant('twice', hostFrom('float32', [4], [1, 1, 2, 2]))]), 'large')
  const sizes = [20, 21, 22, 24, 27, 31, 32, 33, 9, 10, 64]
  const runs = sizes.map((size): Feeds => new Map([[x, floats(2, 3, size, size)]]))
  expect(await sameAsAnew(g.graph(), runs)).toBeGreaterThan(0)
})

test('sizes that are equal by chance fuse otherwise', async () => {
  // A sum of two tensors of one shape is taken into the product before it; one that broadcasts is not.
  const g = new GraphBuilder('chance')
  const x = g.input('x', 'float32', ['N', 7])
  const z = g.input('z', 'float32', ['M', 9])
  g.output(g.op('Add', [g.op('MatMul', [x, g.constant('w', floats(7, 9))]), z]), 'y')
  const pairs = [
    [5, 1],
    [6, 1],
    [7, 1],
    [9, 1],
    [8, 8],
    [5, 5],
    [6, 6],
    [7, 7],
    [9, 9],
    [4, 1],
    [1, 1],
    [1, 3],
    [3, 3],
  ]
  await sameAsAnew(
    g.graph(),
    pairs.map(
      ([n, m]): Feeds =>
        new Map([
          [x, floats(n, 7)],
          [z, floats(m, 9)],
        ]),
    ),
  )
})

test('what does not fit is refused as it would be by a plan of its own', async () => {
  const g = new GraphBuilder('refused')
  const x = g.input('x', 'float32', ['N'])
  g.output(g.op('Add', [g.op('Exp', [x]), g.op('Expand', [g.op('Neg', [x]), long(g, 'to', 8)])]), 'y')
  const program = programOf(g.graph())
  for (const n of [8, 1, 8, 1]) expect((await finish(program.run(new Map([[x, floats(n)]])))).size).toBe(1)
  for (const n of [2, 3, 9])
    await expect(finish(program.run(new Map([[x, floats(n)]])))).rejects.toMatchObject({
      code: 'E_SHAPE',
      op: 'Expand',
    })
  expect((await finish(program.run(new Map([[x, floats(8)]])))).size).toBe(1)
})
