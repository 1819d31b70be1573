import * as ort from 'onnxruntime-web'
import { beforeAll, describe, expect, test } from 'vitest'
import '../../src/all-ops.js'
import { hostFrom } from '../../src/core/host.js'
import type { Graph, Value } from '../../src/ir/graph.js'
import { NEWEST_OPSET } from '../../src/onnx/import.js'
import { readModel } from '../../src/onnx/wire.js'
import { exportModel, GraphBuilder, InferenceSession, LanewiseError, loadGraph, Tensor } from '../../src/node.js'
import { expectError } from '../support/expect-error.js'
import { randomTensor, seeded } from '../support/random.js'

/** The newest operator set of the onnxruntime-web that is installed. */
const ORT_NEWEST = 23

type Build = (g: GraphBuilder, x: Value) => Value | Value[]

const ints = (g: GraphBuilder, ...values: number[]) =>
  g.constant(`ints_${counter++}`, hostFrom('int64', [values.length], values))
const one = (g: GraphBuilder, value: number) => g.constant(`one_${counter++}`, hostFrom('float32', [], [value]))
let counter = 0
const oneHot = (g: GraphBuilder, x: Value, attributes: { axis?: number }) => {
  const values = g.constant(`values_${counter++}`, hostFrom('float32', [2], [-1, 2]))
  return g.op('OneHot', [g.op('ArgMax', [x], { axis: -1, keepdims: 0 }), ints(g, 5), values], attributes)
}

/**
 * Every operator whose form has changed since set 7, on a float32[2,3,4,4]; `from` is the oldest set that can say it.
 */
const forms: [name: string, from: number, build: Build][] = [
  ['Softmax, last axis', 7, (g, x) => g.op('Softmax', [x])],
  ['Softmax, another axis', 7, (g, x) => g.op('Softmax', [x], { axis: 1 })],
  ['LogSoftmax, from the end', 7, (g, x) => g.op('LogSoftmax', [x], { axis: -2 })],
  ['Clip', 7, (g, x) => g.op('Clip', [x, one(g, -0.5), one(g, 0.25)])],
  ['Clip, one bound', 7, (g, x) => g.op('Clip', [x, undefined, one(g, 0.25)])],
  ['Pad', 7, (g, x) => g.op('Pad', [x, ints(g, 0, 0, 1, 2, 0, 0, 2, 1), one(g, 3)])],
  ['Pad, axes', 7, (g, x) => g.op('Pad', [x, ints(g, 1, 2), undefined, ints(g, -2)], { mode: 'reflect' })],
  ['Slice', 7, (g, x) => g.op('Slice', [x, ints(g, 1, 0), ints(g, 3, 3), ints(g, 2, 3)])],
  ['Slice, steps', 10, (g, x) => g.op('Slice', [x, ints(g, 3), ints(g, -9), ints(g, 2), ints(g, -2)])],
  ['Split', 7, (g, x) => g.node('Split', [x, ints(g, 1, 3)], { axis: -1 }, { outputs: 2 })],
  ['Split, equal', 7, (g, x) => g.node('Split', [x], { axis: 2, num_outputs: 2 }, { outputs: 2 })],
  ['Squeeze', 7, (g, x) => g.op('Squeeze', [g.op('ReduceMax', [x, ints(g, -1)]), ints(g, -1)])],
  ['Unsqueeze', 7, (g, x) => g.op('Unsqueeze', [x, ints(g, -1)])],
  ['ReduceSum', 7, (g, x) => g.op('ReduceSum', [x, ints(g, -1, 1)], { keepdims: 0 })],
  ['ReduceSum of everything', 7, (g, x) => g.op('ReduceSum', [x], { keepdims: 0 })],
  ['ReduceMean', 7, (g, x) => g.op('ReduceMean', [x, ints(g, 2)])],
  ['ReduceL2', 7, (g, x) => g.op('ReduceL2', [x, ints(g, 0, 3)])],
  ['TopK', 7, (g, x) => g.node('TopK', [x, ints(g, 2)], {}, { outputs: 2 })[0]],
  ['TopK, smallest', 11, (g, x) => g.node('TopK', [x, ints(g, 2)], { largest: 0 }, { outputs: 2 })[0]],
  ['Dropout', 7, (g, x) => g.op('Dropout', [x])],
  ['Concat', 7, (g, x) => g.op('Concat', [x, x], { axis: -1 })],
  ['Flatten', 7, (g, x) => g.op('Flatten', [x], { axis: -1 })],
  ['ArgMax', 7, (g, x) => g.op('Cast', [g.op('ArgMax', [x], { axis: -1 })], { to: 'float32' })],
  ['OneHot, last axis', 9, (g, x) => oneHot(g, x, {})],
  ['OneHot, from the end', 9, (g, x) => oneHot(g, x, { axis: -2 })],
  ['Gemm without C', 7, (g, x) => g.op('Gemm', [g.op('Flatten', [x]), g.constant('w', weights([48, 5]))])],
  ['Constant of a number', 7, (g, x) => g.op('Mul', [x, g.op('Constant', [], { value_float: 2.5 })])],
  ['Resize', 10, (g, x) => g.op('Resize', [x, undefined, g.constant('scales', hostFrom('float32', [4], [1, 1, 2, 2]))], { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' })],
  ['Resize, half pixels', 11, (g, x) => g.op('Resize', [x, undefined, undefined, ints(g, 2, 3, 7, 5)], { mode: 'linear' })],
  ['Gelu', 9, (g, x) => g.op('Gelu', [x])],
  ['HardSwish', 7, (g, x) => g.op('HardSwish', [x])],
  ['Mish', 7, (g, x) => g.op('Mish', [x])],
  ['Swish', 7, (g, x) => g.op('Swish', [x], { alpha: 1.5 })],
  ['GreaterOrEqual', 7, (g, x) => g.op('Cast', [g.op('GreaterOrEqual', [x, one(g, 0.1)])], { to: 'float32' })],
  ['Conv and BatchNormalization', 7, (g, x) => {
    const vector = () => g.constant(`v${counter++}`, weights([4], 0.5, 1))
    const y = g.op('Conv', [x, g.constant('kernel', weights([4, 3, 3, 3]))], { pads: [1, 1, 1, 1] })
    return g.op('BatchNormalization', [y, vector(), vector(), vector(), vector()])
  }],
  ['MaxPool and AveragePool', 7, (g, x) => g.op('AveragePool', [g.op('MaxPool', [x], { kernel_shape: [2, 2] })], { kernel_shape: [2, 2] })],
  ['MaxPool, dilated', 10, (g, x) => g.op('MaxPool', [x], { kernel_shape: [2, 2], dilations: [2, 2] })],
  ['DepthToSpace', 7, (g, x) => g.op('DepthToSpace', [g.op('Concat', [x, x, x, x], { axis: 1 })], { blocksize: 2 })],
  ['Where', 9, (g, x) => g.op('Where', [g.op('Greater', [x, one(g, 0)]), x, one(g, -1)])],
  ['Einsum', 12, (g, x) => g.op('Einsum', [x], { equation: 'abcd->bd' })],
  ['LayerNormalization', 17, (g, x) => g.op('LayerNormalization', [x, g.constant('scale', weights([4]))])],
  ['If', 7, (g, x) => {
    const branch = (op: string) => {
      const b = new GraphBuilder(op)
      b.output(b.op('Softmax', [b.op(op, [x])], { axis: -1 }), 'out')
      return b.graph()
    }
    const condition = g.op('Greater', [g.op('ReduceSum', [x], { keepdims: 0 }), one(g, 1e9)])
    return g.op('If', [condition], { then_branch: branch('Abs'), else_branch: branch('Neg') })
  }],
] // prettier-ignore

const random = seeded(3)
const weights = (shape: number[], least = -1, most = 1) => randomTensor(random, 'float32', shape, least, most)
const input = weights([2, 3, 4, 4])
const feed = () => new Tensor('float32', input.data as Float32Array, [2, 3, 4, 4])

function graphOf(build: Build): Graph {
  const g = new GraphBuilder('form')
  const x = g.input('x', 'float32', ['N', 3, 4, 4])
  const made = build(g, x)
  ;[made].flat().forEach((value, i) => g.output(value, `y${i}`))
  return g.graph()
}

type Answers = { [name: string]: { dims: readonly number[]; data: unknown } }

async function ours(bytes: Uint8Array): Promise<Answers> {
  return (await InferenceSession.create(bytes, { accuracy: 'exact', deterministic: true })).run({ x: feed() })
}

async function theirs(bytes: Uint8Array): Promise<Answers> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 4 })
  try {
    return await session.run({ x: new ort.Tensor('float32', input.data as Float32Array, [2, 3, 4, 4]) })
  } finally {
    await session.release()
  }
}

function expectSame(actual: Answers, expected: Answers, what: string): void {
  for (const [name, { dims, data }] of Object.entries(expected)) {
    expect(Array.from(actual[name].dims), what).toEqual(Array.from(dims))
    const [a, b] = [Array.from(actual[name].data as Float32Array), Array.from(data as Float32Array)]
    const largest = Math.max(1, ...b.map(Math.abs))
    a.forEach((value, i) => expect(Math.abs(value - b[i]), `${what}: ${name}[${i}]`).toBeLessThan(1e-5 * largest))
  }
}

beforeAll(() => {
  ort.env.wasm.numThreads = 1
})

describe('a model means the same in every operator set', () => {
  test.each(forms)('%s', { timeout: 300_000 }, async (name, from, build) => {
    const graph = graphOf(build)
    const expected = await ours(exportModel(graph))
    for (let opset = 7; opset <= NEWEST_OPSET; opset++) {
      const what = `${name} at ${opset}`
      let bytes: Uint8Array
      try {
        bytes = exportModel(graph, { opset })
      } catch (error) {
        expect(opset, `${what}: ${String(error)}`).toBeLessThan(from)
        expect(error, what).toBeInstanceOf(LanewiseError)
        expect(error, what).toMatchObject({ code: 'E_UNSUPPORTED', opset })
        continue
      }
      expect(opset, `${what} should be refused`).toBeGreaterThanOrEqual(from)
      expect(readModel(bytes).opsetImport, what).toEqual([{ domain: '', version: opset }])
      expectSame(await ours(bytes), expected, `${what}, here`)
      if (opset <= ORT_NEWEST) expectSame(await theirs(bytes), expected, `${what}, in onnxruntime-web`)
    }
  })
})

describe('branches of If', () => {
  /** An If that flattens its input along one axis or the other. */
  const either = (g: GraphBuilder, x: Value, axes: readonly [number, number]) => {
    const branch = (axis: number) => {
      const body = new GraphBuilder(`flat${counter++}`)
      body.output(body.op('Flatten', [x], { axis }), `flat_${counter++}`)
      return body
    }
    const condition = g.constant(`condition_${counter++}`, hostFrom('bool', [], [1]))
    return g.op('If', [condition], { then_branch: branch(axes[0]), else_branch: branch(axes[1]) }, 'either')
  }

  test.each([7, 8, 9, 10])('of different shapes are refused at %i', (opset) => {
    const graph = graphOf((g, x) => either(g, x, [0, 1]))
    const error = expectError('E_UNSUPPORTED', () => exportModel(graph, { opset }), /different shapes.*operator set 11/)
    expect(error).toMatchObject({ op: 'If', node: 'either', opset })
    // In the body of another one as well.
    const nested = graphOf((g, x) => {
      const branch = (axes: readonly [number, number]) => {
        const body = new GraphBuilder(`outer${counter++}`)
        body.output(body.op('ReduceSum', [either(body, x, axes)], { keepdims: 0 }), `sum_${counter++}`)
        return body
      }
      const condition = g.constant(`condition_${counter++}`, hostFrom('bool', [], [1]))
      return g.op('If', [condition], { then_branch: branch([1, 1]), else_branch: branch([0, 1]) }, 'outside')
    })
    const inner = expectError('E_UNSUPPORTED', () => exportModel(nested, { opset }), /different shapes/)
    expect(inner).toMatchObject({ op: 'If', node: 'either', opset })
  })

  test('are written where the set has them, and in every set if their shapes are the same', async () => {
    for (const [axes, opset] of [
      [[0, 1], 11],
      [[1, 1], 10],
      [[1, 1], 7],
    ] as const)
      await theirs(
        exportModel(
          graphOf((g, x) => either(g, x, axes)),
          { opset },
        ),
      )
  })
})

test('sets that nobody has are refused', () => {
  const graph = graphOf((g, x) => g.op('Relu', [x]))
  for (const opset of [6, 29, 12.5, NaN])
    expect(() => exportModel(graph, { opset })).toThrow(expect.objectContaining({ code: 'E_VALUE' }) as Error)
})

test('the reader refuses inputs that a set does not have', async () => {
  // Clip's bounds have been inputs since 11: a file that says 10 cannot mean them.
  const bytes = exportModel(
    graphOf((g, x) => g.op('Clip', [x, one(g, 0), one(g, 1)])),
    { opset: 11 },
  )
  const model = readModel(bytes)
  const { writeModel } = await import('../../src/onnx/wire.js')
  const old = writeModel({ ...model, opsetImport: [{ domain: '', version: 10 }] })
  await expect(loadGraph(old)).rejects.toMatchObject({ code: 'E_GRAPH', op: 'Clip', opset: 10 })
})
