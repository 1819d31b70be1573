// MatMulNBits of ONNX Runtime (domain com.microsoft): weights of a few bits, quantised in blocks.
import { LanewiseError } from '../../core/errors.js'
import type { HostTensor } from '../../core/host.js'
import { formatShape, sizeOf } from '../../core/shape.js'
import { int, required, type AttributesOf } from '../../ir/attributes.js'
import { constantOperand, defineOp, requiredInput, type TensorType } from '../../ir/op.js'
import { floatsOf, floatTensor, numbersOf } from '../elementwise/scalar-floats.js'
import { emitProjection } from '../matmul/product.js'
import { matmul } from '../matmul/scalar-linear.js'
import { requireType } from './quantize.js'

const attributes = {
  K: required(int()),
  N: required(int()),
  bits: int(4),
  block_size: required(int()),
  accuracy_level: int(0),
  weight_prepacked: int(0),
}
type NBits = Pick<AttributesOf<typeof attributes>, 'K' | 'N' | 'bits' | 'block_size'>

/** Weights, scales, zero points and groups. */
type Quantised = readonly [
  b: HostTensor,
  scales: HostTensor,
  zeros: HostTensor | undefined,
  groups: HostTensor | undefined,
]

/** One of the packed integers of `bits` bits that begin at byte `from`. */
function unpackedAt(bytes: ArrayLike<number>, from: number, index: number, bits: number): number {
  const bit = index * bits
  const low = bytes[from + (bit >> 3)]
  const value = (bit & 7) + bits > 8 ? low | (bytes[from + (bit >> 3) + 1] << 8) : low
  return (value >> (bit & 7)) & ((1 << bits) - 1)
}

/** Zero points by row and block: packed per row like the weights, floats, or half of the range. */
function zeroPoints({ K, N, bits, block_size }: NBits, zeros: HostTensor | undefined): ArrayLike<number> {
  const blocks = Math.ceil(K / block_size)
  if (!zeros) return new Float32Array(N * blocks).fill(2 ** (bits - 1))
  const values = numbersOf(zeros)
  const packed = zeros.dtype === 'uint8'
  const rowBytes = Math.ceil((blocks * bits) / 8)
  if (!packed) return values
  return Float32Array.from({ length: N * blocks }, (_, i) =>
    unpackedAt(values, Math.floor(i / blocks) * rowBytes, i % blocks, bits),
  )
}

/** The weights as float32, K × N, as a product wants them. */
function dequantised(a: NBits, [b, scales, zeros, groups]: Quantised): Float32Array {
  const { K, N, bits, block_size } = a
  const blocks = Math.ceil(K / block_size)
  const blockBytes = Math.ceil((block_size * bits) / 8)
  const scaleOf = floatsOf(scales)
  const bytes = numbersOf(b)
  const zeroOf = zeroPoints(a, zeros)
  const groupOf = groups && numbersOf(groups)
  const bad = groupOf && Array.prototype.find.call(groupOf, (group: number) => !(group >= 0 && group < blocks))
  if (bad !== undefined) throw new LanewiseError('E_VALUE', `group ${String(bad)} is outside [0, ${blocks - 1}]`)
  const weights = new Float32Array(K * N)
  const mask = (1 << bits) - 1
  // Whole numbers of weights per byte need no second one.
  const whole = 8 % bits === 0
  for (let row = 0; row < N; row++) {
    for (let block = 0; block < blocks; block++) {
      const from = (row * blocks + block) * blockBytes
      const end = Math.min(K, (block + 1) * block_size)
      let scale = scaleOf[row * blocks + block]
      let zero = zeroOf[row * blocks + block]
      for (let k = block * block_size, bit = 0; k < end; k++, bit += bits) {
        if (groupOf) {
          scale = scaleOf[row * blocks + groupOf[k]]
          zero = zeroOf[row * blocks + groupOf[k]]
        }
        const q = whole ? (bytes[from + (bit >> 3)] >> (bit & 7)) & mask : unpackedAt(bytes, from, bit / bits, bits)
        weights[k * N + row] = Math.fround(q - zero) * scale
      }
    }
  }
  return weights
}

/** What B, read with other constants or sizes, has become. */
interface Made {
  readonly quantised: Quantised
  readonly sizes: string
  readonly tensor: HostTensor
}

/** The float weights of each B, made again whenever somebody asks for the elements: only the packed form is kept. */
const made = new WeakMap<HostTensor, Made[]>()

function weightsOf(a: NBits, quantised: Quantised): HostTensor {
  const [b] = quantised
  const sizes = `${a.K} ${a.N} ${a.bits} ${a.block_size}`
  const all = made.get(b) ?? []
  const before = all.find((one) => one.sizes === sizes && one.quantised.every((tensor, i) => tensor === quantised[i]))
  if (before) return before.tensor
  const tensor: HostTensor = {
    dtype: 'float32',
    shape: [a.K, a.N],
    get data() {
      return dequantised(a, quantised)
    },
  }
  made.set(b, [...all, { quantised, sizes, tensor }])
  return tensor
}

/**
 * Weights of 2 to 8 bits, quantised in blocks along K: B is (N, K / block_size, bytes per block), the scales have one entry per block and
 * zero points are packed per row like the weights, or floats. A group index says of every row of K which block's scale and zero point are its own (GPTQ's g_idx).
 * Constant weights become float32 once, packed for the product.
 */
export const MatMulNBits = defineOp({
  name: 'MatMulNBits',
  domain: 'com.microsoft',
  arity: [3, 6],
  optional: [3, 4],
  attributes,
  infer({
    attributes: { K, N, bits, block_size, weight_prepacked },
    inputs: [a, b, scales, zeros, groups, bias],
  }): TensorType[] {
    const { shape } = a
    requireType('B', b, 'uint8')
    requireType('the scale', scales, a.dtype)
    requireType('the zero point', zeros, 'uint8', a.dtype)
    requireType('the group index', groups, 'int32')
    requireType('the bias', bias, a.dtype)
    if (shape[shape.length - 1] !== K)
      throw new LanewiseError('E_SHAPE', `the last axis of ${formatShape(shape)} should be ${K}`)
    if (!(bits >= 2 && bits <= 8) || weight_prepacked !== 0)
      throw new LanewiseError('E_UNSUPPORTED', `bits ${bits}, weight_prepacked ${weight_prepacked}`)
    if (!(block_size > 0)) throw new LanewiseError('E_VALUE', `block_size must be positive, got ${block_size}`)
    const blocks = Math.ceil(K / block_size)
    if (sizeOf(b.shape) !== N * blocks * Math.ceil((block_size * bits) / 8)) {
      throw new LanewiseError(
        'E_SHAPE',
        `weights of shape ${formatShape(b.shape)} do not hold ${N} rows of ${blocks} blocks`,
      )
    }
    if (sizeOf(scales.shape) !== N * blocks)
      throw new LanewiseError('E_SHAPE', `there should be ${N * blocks} scales, got ${formatShape(scales.shape)}`)
    const zeroCount = N * (zeros?.dtype === 'uint8' ? Math.ceil((blocks * bits) / 8) : blocks)
    if (zeros && sizeOf(zeros.shape) !== zeroCount)
      throw new LanewiseError(
        'E_SHAPE',
        `zero points of shape ${formatShape(zeros.shape)} do not fit ${N} rows of ${blocks} blocks`,
      )
    if (groups && sizeOf(groups.shape) !== K && sizeOf(groups.shape) !== blocks * block_size)
      throw new LanewiseError('E_SHAPE', `there should be ${K} group indices, got ${formatShape(groups.shape)}`)
    if (bias && sizeOf(bias.shape) !== N)
      throw new LanewiseError('E_SHAPE', `there should be ${N} biases, got ${formatShape(bias.shape)}`)
    return [{ dtype: a.dtype, shape: [...shape.slice(0, -1), N] }]
  },
  kernel: ([a, , , , , bias], _, __, operands) =>
    a === 'float32' &&
    (bias === undefined || bias === 'float32') &&
    operands.slice(1, 5).every((operand) => !operand || operand.constant),
  emit(e) {
    const bias = e.inputs[5]
    const known = e.inputs.map((input) => input?.constant)
    const quantised = [requiredInput(known, 1), requiredInput(known, 2), known[3], known[4]] as const
    emitProjection(
      e,
      e.output(0).at,
      e.input(0),
      constantOperand(e, weightsOf(e.attributes, quantised)),
      bias ? bias.at : 0,
    )
  },
  compute({ attributes: a, inputs: [x, b, scales, zeros, groups, bias], outputs: [y] }) {
    const weights = dequantised(a, [b, scales, zeros, groups])
    const { data } = matmul({ shape: x.shape, data: floatsOf(x) }, { shape: [a.K, a.N], data: weights })
    const biases = bias && floatsOf(bias)
    return [floatTensor(y.dtype, y.shape, biases ? data.map((value, i) => value + biases[i % a.N]) : data)]
  },
})
