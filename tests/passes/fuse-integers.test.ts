import { describe, expect, test } from 'vitest'
import { GraphBuilder } from '../../src/api/graph/builder.js'
import { finishNow, type Steps } from '../../src/core/steps.js'
import { optimize } from '../../src/passes/optimize.js'
import type { Graph, Value } from '../../src/ir/graph.js'
import { Program } from '../../src/plan/program.js'
import { WeightStore } from '../../src/plan/weights.js'
import { specialize } from '../../src/plan/specialize.js'
import { hostFrom, type HostTensor } from '../../src/core/host.js'
import { registerAllOps } from '../../src/api/register-all.js'
import { randomTensor, seeded } from '../support/random.js'
import { builds, makeContext } from '../support/wasm.js'

registerAllOps()

const shape = [1, 6, 7, 9]
type Byte = 'uint8' | 'int8'

class Quantized extends GraphBuilder {
  private count = 0
  private readonly random = seeded(9)

  private parameters(scale: number, zero: number, type: Byte): Value[] {
    const name = `p${this.count++}`
    return [
      this.constant(`${name}/scale`, hostFrom('float32', [], [scale])),
      this.constant(`${name}/zero`, hostFrom(type, [], [zero])),
    ]
  }

  quantize(x: Value, scale: number, zero: number, type: Byte = 'uint8'): Value {
    return this.op('QuantizeLinear', [x, ...this.parameters(scale, zero, type)])
  }

  /** Through bytes and back. */
  steps(x: Value, scale: number, zero: number, type: Byte = 'uint8'): Value {
    return this.op('DequantizeLinear', [this.quantize(x, scale, zero, type), ...this.parameters(scale, zero, type)])
  }

  weights(dims: number[], scales: readonly number[], axis = 0): Value {
    const name = `w${this.count++}`
    const zeros = hostFrom('int8', scales.length > 1 ? [scales.length] : [], new Array<number>(scales.length).fill(0))
    const parts = [
      this.constant(name, randomTensor(this.random, 'int8', dims, -128, 128)),
      this.constant(`${name}/scale`, hostFrom('float32', scales.length > 1 ? [scales.length] : [], [...scales])),
      this.constant(`${name}/zero`, zeros),
    ]
    return this.op('DequantizeLinear', parts, { axis: BigInt(axis) })
  }

  /** An int32 bias of `scales`. */
  bias(scales: readonly number[], filters: number): Value {
    const name = `b${this.count++}`
    const each = scales.length > 1 ? [filters] : []
    return this.op(
      'DequantizeLinear',
      [
        this.constant(name, randomTensor(this.random, 'int32', [filters], -20000, 20000)),
        this.constant(`${name}/scale`, hostFrom('float32', each, [...scales])),
      ],
      { axis: 0n },
    )
  }
}

const pads = { pads: [1n, 1n, 1n, 1n] }
const perFilter = [0.002, 0.003, 0.001, 0.0025, 0.004]
const units = perFilter.map((scale) => Math.fround(0.03 * Math.fround(scale)))

interface Row {
  readonly name: string
  readonly build: (g: Quantized, x: Value) => Value
  /** What is left in the graph, but for the QuantizeLinear at its beginning. */
  readonly ops: readonly string[]
}

const conv = (g: Quantized, x: Value) => g.op('Conv', [x, g.weights([5, 6, 3, 3], perFilter), g.bias(units, 5)], pads)

const rows: readonly Row[] = [
  { name: 'a convolution', build: (g, x) => g.quantize(conv(g, x), 0.05, 128), ops: ['QLinearConv'] },
  { name: 'to int8', build: (g, x) => g.quantize(conv(g, x), 0.05, -3, 'int8'), ops: ['QLinearConv'] },
  {
    name: 'Relu, bounded by the type',
    build: (g, x) => g.quantize(g.op('Relu', [conv(g, x)]), 0.05, 0),
    ops: ['QLinearConv'],
  },
  {
    name: 'Relu that does more',
    build: (g, x) => g.quantize(g.op('Relu', [conv(g, x)]), 0.05, 31),
    ops: ['QLinearConv'],
  },
  {
    name: 'Clip',
    build: (g, x) =>
      g.quantize(
        g.op('Clip', [
          conv(g, x),
          g.constant('low', hostFrom('float32', [], [-1])),
          g.constant('high', hostFrom('float32', [], [2])),
        ]),
        0.05,
        40,
      ),
    ops: ['QLinearConv'],
  },
  {
    name: 'depthwise',
    build: (g, x) => g.quantize(g.op('Conv', [x, g.weights([6, 1, 3, 3], [0.004])], { ...pads, group: 6n }), 0.05, 128),
    ops: ['QLinearConv'],
  },
  {
    name: 'two that follow each other',
    build: (g, x) =>
      g.quantize(g.op('Conv', [g.steps(conv(g, x), 0.05, 128), g.weights([4, 5, 1, 1], [0.01])]), 0.06, 100),
    ops: ['QLinearConv', 'QLinearConv'],
  },
  {
    name: 'a residual',
    build: (g, x) =>
      g.quantize(
        g.op('Relu', [g.op('Add', [x, g.steps(g.op('Conv', [x, g.weights([6, 6, 1, 1], [0.004])]), 0.04, 120)])]),
        0.05,
        12,
      ),
    ops: ['QLinearConv', 'QuantizedSum'],
  },
  {
    name: 'a global mean',
    build: (g, x) => g.quantize(g.op('GlobalAveragePool', [x]), 0.01, 120),
    ops: ['QuantizedMean'],
  },
  {
    name: 'a mean, flattened, and a product',
    build: (g, x) => {
      const mean = g.steps(g.op('GlobalAveragePool', [x]), 0.01, 120)
      return g.quantize(
        g.op(
          'Gemm',
          [
            g.steps(g.op('Flatten', [mean]), 0.01, 120),
            g.weights([7, 6], [0.01]),
            g.bias([Math.fround(0.01 * 0.01)], 7),
          ],
          { transB: 1n },
        ),
        0.02,
        128,
      )
    },
    ops: ['QuantizedMean', 'Flatten', 'QGemm'],
  },
  {
    name: 'MatMul',
    build: (g, x) => g.quantize(g.op('MatMul', [x, g.weights([9, 5], perFilter, 1)]), 0.03, 128),
    ops: ['QLinearMatMul'],
  },
  // What must stay as it is.
  {
    name: 'a bias in other units',
    build: (g, x) =>
      g.quantize(g.op('Conv', [x, g.weights([5, 6, 3, 3], perFilter), g.bias([0.0001], 5)], pads), 0.05, 128),
    ops: ['DequantizeLinear', 'Conv', 'QuantizeLinear'],
  },
  {
    name: 'a convolution that somebody else reads',
    build: (g, x) => {
      const y = conv(g, x)
      return g.op('Concat', [g.op('Cast', [g.quantize(y, 0.05, 128)], { to: 1n }), y], { axis: 1n })
    },
    ops: ['DequantizeLinear', 'Conv', 'QuantizeLinear', 'Cast', 'Concat'],
  },
  {
    name: 'scales along another axis',
    build: (g, x) =>
      g.quantize(g.op('MatMul', [x, g.weights([9, 9], [...perFilter, ...perFilter.slice(1)], 0)]), 0.03, 128),
    ops: ['DequantizeLinear', 'MatMul', 'QuantizeLinear'],
  },
  {
    name: 'a sum that broadcasts',
    build: (g, x) => g.quantize(g.op('Add', [x, g.steps(g.op('GlobalAveragePool', [x]), 0.01, 120)]), 0.05, 128),
    ops: ['DequantizeLinear', 'QuantizedMean', 'DequantizeLinear', 'Add', 'QuantizeLinear'],
  },
  {
    name: 'a Flatten between other scales',
    build: (g, x) => g.quantize(g.op('Flatten', [x]), 0.05, 128),
    ops: ['DequantizeLinear', 'Flatten', 'QuantizeLinear'],
  },
]

async function made(build: Row['build']): Promise<{ graph: Graph; fused: Graph }> {
  const g = new Quantized('quantized')
  g.output(build(g, g.steps(g.input('x', 'float32', shape), 0.03, 117)), 'y')
  const graph = g.graph()
  const off = { 'fuse-integers': false, 'fuse-integer-sums': false, 'fuse-quantize': false }
  const context = makeContext('simd')
  const program = (part: Graph) =>
    new Program(part, context, new WeightStore(context), {
      build: 'simd',
      fast: false,
      shapedPass: () => false,
      arenaLimit: 2 ** 30,
    })
  const evaluate = function* (part: Graph): Steps<Map<Value, HostTensor>> {
    return (yield* program(part).run(new Map())) as Map<Value, HostTensor>
  }
  return {
    graph: finishNow(optimize(graph, graph.outputs, off, { fast: false, evaluate })),
    fused: finishNow(optimize(graph, graph.outputs, true, { fast: false, evaluate })),
  }
}

async function run(graph: Graph, build: 'simd' | 'relaxed', x: HostTensor, integers: boolean): Promise<HostTensor> {
  const context = makeContext(build)
  const options = {
    build,
    fast: true,
    shapedPass: (name: string) => integers && name === 'fuse-integer-sums',
    arenaLimit: 2 ** 30,
  }
  const results = finishNow(
    new Program(graph, context, new WeightStore(context), options).run(new Map([[graph.inputs[0], x]])),
  )
  return results.get(graph.outputs[0]) as HostTensor
}

const x = randomTensor(seeded(5), 'float32', shape, -3.5, 4)

describe('fuse-integers', () => {
  test.each(rows)('$name', async ({ build: make, ops }) => {
    const { graph, fused } = await made(make)
    const types = new Map([[graph.inputs[0], { dtype: 'float32' as const, shape }]])
    const {
      graph: { nodes },
    } = specialize(fused, types, new Map(), (name) => name === 'fuse-integer-sums')
    expect(nodes.map(({ op }) => op.name).filter((name) => name !== 'Identity')).toEqual(['QuantizeLinear', ...ops])
    let bits: ArrayLike<number> | undefined
    for (const build of builds) {
      const plain = await run(graph, build, x, false)
      const result = await run(fused, build, x, true)
      expect(result.dtype).toBe(plain.dtype)
      expect(result.shape).toEqual(plain.shape)
      const [a, b] = [Array.from(result.data as ArrayLike<number>), Array.from(plain.data as ArrayLike<number>)]
      // Rounding in other places moves what lies next to a half by a step, here and there.
      expect(Math.max(...a.map((value, i) => Math.abs(value - b[i])))).toBeLessThanOrEqual(1)
      expect(a.filter((value, i) => value !== b[i]).length).toBeLessThanOrEqual(a.length / 50)
      expect(new Set(a).size).toBeGreaterThan(5)
      // Integers are the same bits in every build.
      if (ops.every((name) => name.startsWith('Q') && name !== 'QuantizeLinear'))
        expect(a).toEqual(Array.from((bits ??= a)))
    }
  })
})
