import { describe, expect, test } from 'vitest'
import { GraphBuilder } from '../../src/api/graph/builder.js'
import { finishNow } from '../../src/core/steps.js'
import { inferTypes } from '../../src/ir/infer.js'
import type { Graph, Value } from '../../src/ir/graph.js'
import { fuseQuantize } from '../../src/passes/shaped/fuse-quantize.js'
import { fuseActivation } from '../../src/passes/load/fuse-activation.js'
import { Program } from '../../src/plan/program.js'
import { WeightStore } from '../../src/plan/weights.js'
import { hostFrom, type HostTensor } from '../../src/core/host.js'
import { registerAllOps } from '../../src/api/register-all.js'
import { randomTensor, seeded } from '../support/random.js'
import { builds, makeContext } from '../support/wasm.js'

registerAllOps()

const UINT8 = 2n
const INT8 = 3n
const shape = [1, 5, 7, 9]

interface Quantization {
  readonly scale: number
  readonly zero: number
  readonly type?: 'uint8' | 'int8'
  /** What DequantizeLinear has instead. */
  readonly other?: Partial<{ scale: number; zero: number }>
  readonly cast?: boolean
}

function quantize(g: GraphBuilder, x: Value, { scale, zero, type = 'uint8', other = {}, cast }: Quantization): Value {
  const parameters = (name: string, s: number, z: number) => [
    g.constant(`${name}/scale`, hostFrom('float32', [], [s])),
    g.constant(`${name}/zero`, hostFrom(type, [], [z])),
  ]
  const q = g.op('QuantizeLinear', [x, ...parameters('q', scale, zero)])
  const same = cast ? g.op('Cast', [q], { to: type === 'uint8' ? UINT8 : INT8 }) : q
  return g.op('DequantizeLinear', [same, ...parameters('d', other.scale ?? scale, other.zero ?? zero)])
}

function graphOf(build: (g: GraphBuilder, x: Value) => Value): Graph {
  const g = new GraphBuilder('quantized')
  const x = g.input('x', 'float32', shape)
  g.output(build(g, x), 'y')
  return fuseActivation.run(g.graph())
}

/** The operators left in the graph after the pass, but for the one that names the output. */
function fusedOps(graph: Graph): string[] {
  const types = inferTypes(
    graph,
    new Map([[graph.inputs[0], { dtype: 'float32' as const, shape }]]),
    () => {},
    new Map(),
  )
  return fuseQuantize(graph, types)
    .nodes.map(({ op }) => op.name)
    .filter((name) => name !== 'Identity')
}

async function run(graph: Graph, build: 'simd' | 'relaxed', x: HostTensor, fuse: boolean): Promise<number[]> {
  const context = makeContext(build)
  const options = {
    build,
    fast: true,
    shapedPass: (name: string) => fuse || name !== 'fuse-quantize',
    arenaLimit: 2 ** 30,
  }
  const results = finishNow(
    new Program(graph, context, new WeightStore(context), options).run(new Map([[graph.inputs[0], x]])),
  )
  return Array.from((results.get(graph.outputs[0]) as HostTensor).data as Float32Array)
}

const conv = (g: GraphBuilder, x: Value): Value => {
  const random = seeded(3)
  return g.op('Conv', [
    x,
    g.constant('w', randomTensor(random, 'float32', [6, 5, 3, 3], -1, 1)),
    g.constant('b', randomTensor(random, 'float32', [6], -1, 1)),
  ])
}

const x = randomTensor(seeded(5), 'float32', shape, -3, 3)
const odd: HostTensor = {
  ...x,
  data: (x.data as Float32Array).map(
    (value, i) => [NaN, Infinity, -Infinity, 0.05, -0.05, 0.15, 1e30][i % 29] ?? value,
  ),
}

const cases: { name: string; build: (g: GraphBuilder, x: Value) => Value; ops: string[] }[] = [
  { name: 'alone', build: (g, x) => quantize(g, x, { scale: 0.1, zero: 7 }), ops: ['QuantizeDequantize'] },
  {
    name: 'int8',
    build: (g, x) => quantize(g, x, { scale: 0.013, zero: -3, type: 'int8' }),
    ops: ['QuantizeDequantize'],
  },
  {
    name: 'with a Cast that changes nothing',
    build: (g, x) => quantize(g, x, { scale: 0.1, zero: 7, cast: true }),
    ops: ['QuantizeDequantize'],
  },
  { name: 'after a convolution', build: (g, x) => quantize(g, conv(g, x), { scale: 0.03, zero: 99 }), ops: ['Conv'] },
  {
    name: 'in the place of a Relu',
    build: (g, x) => quantize(g, g.op('Relu', [conv(g, x)]), { scale: 0.03, zero: 0 }),
    ops: ['Conv'],
  },
  {
    name: 'not in the place of a Relu that does more',
    build: (g, x) => quantize(g, g.op('Relu', [conv(g, x)]), { scale: 0.03, zero: 5 }),
    ops: ['Conv', 'QuantizeDequantize'],
  },
  {
    name: 'not with another scale',
    build: (g, x) => quantize(g, x, { scale: 0.1, zero: 7, other: { scale: 0.2 } }),
    ops: ['QuantizeLinear', 'DequantizeLinear'],
  },
  {
    name: 'not with another zero point',
    build: (g, x) => quantize(g, x, { scale: 0.1, zero: 7, other: { zero: 8 } }),
    ops: ['QuantizeLinear', 'DequantizeLinear'],
  },
]

describe.each(builds)('fuse-quantize (%s)', (build) => {
  test.each(cases)('$name', async ({ build: make, ops }) => {
    expect(fusedOps(graphOf(make))).toEqual(ops)
    for (const input of [x, odd]) {
      const [fused, plain] = [
        await run(graphOf(make), build, input, true),
        await run(graphOf(make), build, input, false),
      ]
      // + 0: a zero that was an integer has no sign.
      expect(fused.map((value) => value + 0)).toEqual(plain.map((value) => value + 0))
    }
  })
})
