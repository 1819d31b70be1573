import type { HostTensor } from '../../src/core/host.js'
import { sizeOf } from '../../src/core/shape.js'
import type { Case } from '../ops/case.js'
import { inputsOf } from './cases/case-model.js'
import { randomTensor, seeded } from './random.js'

/**
 * An operator over a batch of examples: its inputs, and along which axis of each input and output the examples lie
 * (undefined: shared by all).
 */
export interface Batched {
  readonly inputs: readonly (HostTensor | undefined)[]
  readonly axes: readonly (number | undefined)[]
  readonly outputs: readonly number[]
}

/** The inputs of a case for another number of examples, filled again; undefined if the case has none. */
export function withExamples(row: Case, count: number): Batched | undefined {
  const axes = axesOf(row)
  if (!axes) return undefined
  const random = seeded(count)
  const inputs = inputsOf(row).map((tensor, i) => {
    const axis = axes.inputs[i]
    if (!tensor || axis === undefined) return tensor
    const shape = tensor.shape.map((size, k) => (k === axis ? count : size))
    return randomTensor(random, tensor.dtype, shape, -1, 1)
  })
  return { inputs, axes: axes.inputs, outputs: axes.outputs }
}

/** Some of the examples. */
export function someExamples({ inputs, axes, outputs }: Batched, from: number, to: number): Batched {
  return {
    inputs: inputs.map((tensor, i) => {
      const axis = axes[i]
      return tensor && axis !== undefined ? along(tensor, axis, from, to) : tensor
    }),
    axes,
    outputs,
  }
}

/** The part of a tensor between two positions of an axis. */
export function along({ dtype, shape, data }: HostTensor, axis: number, from: number, to: number): HostTensor {
  const outer = sizeOf(shape.slice(0, axis))
  const inner = sizeOf(shape.slice(axis + 1))
  const parts = data as Float32Array
  const out = new Float32Array(outer * (to - from) * inner)
  for (let o = 0; o < outer; o++)
    out.set(parts.subarray((o * shape[axis] + from) * inner, (o * shape[axis] + to) * inner), o * (to - from) * inner)
  return { dtype, shape: shape.map((size, k) => (k === axis ? to - from : size)), data: out }
}

interface Axes {
  readonly inputs: readonly (number | undefined)[]
  readonly outputs: readonly number[]
}

function axesOf({ op, domain, inputs, attributes = {} }: Case): Axes | undefined {
  const shapes = inputs.map((spec) => spec?.shape)
  const floats = inputs.every((spec) => !spec || spec.dtype === 'float32')
  const [x, w] = shapes
  if (!floats || !x) return undefined
  switch (op) {
    case 'Conv':
    case 'ConvTranspose':
      return { inputs: [0], outputs: [0] }
    case 'FusedConv':
      return { inputs: [0, undefined, undefined, shapes[3] ? 0 : undefined], outputs: [0] }
    case 'MatMul': {
      if (!w || x.length < 2) return undefined
      // Every matrix of a stack, or every row of the one, is an example.
      const stacked = w.length > 2 && x.length === w.length
      if (w.length > x.length || (stacked && w[0] !== x[0] && w[0] !== 1)) return undefined
      return { inputs: [0, stacked && w[0] === x[0] && x.length > 2 ? 0 : undefined], outputs: [0] }
    }
    case 'Gemm': {
      const rows = attributes.transA ? 1 : 0
      const addend = shapes[2]
      return { inputs: [rows, undefined, addend?.length === 2 && addend[0] > 1 ? 0 : undefined], outputs: [0] }
    }
    case 'RNN':
    case 'GRU':
    case 'LSTM': {
      if (attributes.layout) return { inputs: [0, undefined, undefined, undefined, 0, 0, 0], outputs: [0, 0, 0] }
      return { inputs: [1, undefined, undefined, undefined, 0, 1, 1], outputs: [2, 1, 1] }
    }
    case 'Attention':
      if (domain) return undefined
      return {
        inputs: [0, 0, 0, shapes[3]?.length === 4 && shapes[3][0] > 1 ? 0 : undefined, 0, 0],
        outputs: [0, 0, 0, 0],
      }
    case 'Softmax':
    case 'LogSoftmax':
    case 'LayerNormalization':
    case 'RMSNormalization':
      return attributes.axis !== 0 && x.length > 1 && Number(attributes.axis) !== -x.length
        ? { inputs: [0], outputs: [0, 0, 0] }
        : undefined
    case 'InstanceNormalization':
    case 'GroupNormalization':
    case 'LRN':
    case 'MaxPool':
    case 'AveragePool':
    case 'LpPool':
    case 'GlobalAveragePool':
    case 'GlobalMaxPool':
      return { inputs: [0], outputs: [0, 0] }
    case 'BatchNormalization':
      return attributes.training_mode ? undefined : { inputs: [0], outputs: [0] }
    case 'Gelu':
    case 'Erf':
    case 'Tanh':
    case 'Sigmoid':
    case 'Exp':
    case 'Softplus':
    case 'Pow':
      return x.length > 1 && inputs.length === 1 ? { inputs: [0], outputs: [0] } : undefined
  }
  return undefined
}
