// MatMulNBits of ONNX Runtime (domain com.microsoft): weights of a few bits, quantised in blocks.
import { UNARY_NONE } from '../../../assembly/abi/codes.js'
import { LanewiseError } from '../../core/errors.js'
import type { HostTensor } from '../../core/host.js'
import { formatShape, sizeOf } from '../../core/shape.js'
import { firstThatPays, type Variant } from '../../core/variants.js'
import { int, required, type AttributesOf } from '../../ir/attributes.js'
import { constantOperand, plus, type Emitter } from '../../ir/emitter.js'
import { defineOp, requiredInput, type TensorType } from '../../ir/op.js'
import { floatsOf, floatTensor, numbersOf } from '../shared/scalar-floats.js'
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

/** The forms of each B, made again whenever somebody asks for the elements: only what kernels read is kept. */
const made = new WeakMap<HostTensor, Made[]>()

/** B in a form: the same tensor for the same constants, which is how what becomes of it in memory is known again. */
function formOf(
  a: NBits,
  form: string,
  quantised: Quantised,
  make: () => Pick<HostTensor, 'dtype' | 'shape' | 'data'>,
): HostTensor {
  const [b] = quantised
  const sizes = `${form} ${a.K} ${a.N} ${a.bits} ${a.block_size}`
  const all = made.get(b) ?? []
  const before = all.find((one) => one.sizes === sizes && one.quantised.every((tensor, i) => tensor === quantised[i]))
  if (before) return before.tensor
  const tensor = make()
  made.set(b, [...all, { quantised, sizes, tensor }])
  return tensor
}

/** The weights as float32. */
function floatWeights(a: NBits, quantised: Quantised): HostTensor {
  return formOf(a, 'floats', quantised, () => ({
    dtype: 'float32',
    shape: [a.K, a.N],
    get data() {
      return dequantised(a, quantised)
    },
  }))
}

/** Weights packed for the kernels of assembly/quantize/nbits.ts. */
interface Packed {
  readonly bits: number
  /** 32-bit words of a block. */
  readonly words: number
  readonly blocks: number
  readonly hasZeros: boolean
  readonly tensor: HostTensor
}

/**
 * The weights as kernels read them, if they can: rows of whole words, zero points that are numbers of so many bits, no
 * groups. Weights of 3 bits take 4, those of 5 to 7 take 8.
 */
function packedWeights(a: NBits, quantised: Quantised): Packed | undefined {
  const { K, N, bits, block_size } = a
  const [, , zeros, groups] = quantised
  const wide = bits === 2 ? 2 : bits <= 4 ? 4 : 8
  if (groups || K === 0 || (block_size * wide) % 32 !== 0) return undefined
  const blocks = Math.ceil(K / block_size)
  const words = (block_size * wide) / 32
  // Without zero points they are half of the range, which is another one where numbers have become wider.
  const hasZeros = zeros !== undefined || wide !== bits
  const points = hasZeros ? zeroPoints(a, zeros) : []
  if (!Array.prototype.every.call(points, (z: number) => Number.isInteger(z) && z >= 0 && z < 2 ** bits))
    return undefined
  const rows = words + (hasZeros ? 2 : 1)
  const tensor = formOf(a, 'words', quantised, () => ({
    dtype: 'int32',
    shape: [Math.ceil(N / GROUP), blocks, rows, GROUP],
    get data() {
      return wordsOf(a, quantised, wide, blocks, words, points)
    },
  }))
  return { bits: wide, words, blocks, hasZeros, tensor }
}

/** Columns that are packed together. */
const GROUP = 16

/** For every sixteen columns block after block: scales, zero points if there are any, rows of words. */
function wordsOf(
  a: NBits,
  [b, scales]: Quantised,
  wide: number,
  blocks: number,
  words: number,
  points: ArrayLike<number>,
): Int32Array {
  const { N, bits } = a
  const scaleOf = floatsOf(scales)
  const from = wide === bits ? wordsIn(b) : widened(numbersOf(b), a, wide)
  const perBlock = (words + (points.length > 0 ? 2 : 1)) * GROUP
  const target = new Int32Array(Math.ceil(N / GROUP) * blocks * perBlock)
  const floats = new Float32Array(target.buffer)
  // In words of bytes the uppermost bit is flipped.
  const flip = wide === 8 ? 1 << 31 : 0
  for (let column = 0; column < N; column++) {
    let to = Math.floor(column / GROUP) * blocks * perBlock + (column % GROUP)
    let at = column * blocks * words
    for (let block = column * blocks; block < (column + 1) * blocks; block++, to += perBlock) {
      floats[to] = scaleOf[block]
      let word = to + GROUP
      if (points.length > 0) {
        target[word] = points[block]
        word += GROUP
      }
      for (let i = 0; i < words; i++, word += GROUP) target[word] = from[at++] ^ flip
    }
  }
  return target
}

/** Bytes as words. */
function wordsIn({ data }: HostTensor): Int32Array {
  const { buffer, byteOffset, byteLength } = data as Uint8Array
  return byteOffset % 4 === 0
    ? new Int32Array(buffer, byteOffset, byteLength / 4)
    : new Int32Array(new Uint8Array(buffer, byteOffset, byteLength).slice().buffer)
}

/** The same numbers with `wide` bits each. */
function widened(bytes: ArrayLike<number>, { N, K, bits, block_size }: NBits, wide: number): Int32Array {
  const each = 32 / wide
  const perBlock = block_size / each
  const blocks = N * Math.ceil(K / block_size)
  const blockBytes = Math.ceil((block_size * bits) / 8)
  const words = new Int32Array(blocks * perBlock)
  for (let block = 0; block < blocks; block++)
    for (let i = 0; i < block_size; i++)
      words[block * perBlock + Math.floor(i / each)] |=
        unpackedAt(bytes, block * blockBytes, i, bits) << ((i % each) * wide)
  return words
}

/**
 * Up to so many rows their products with packed weights are quicker than making floats of the weights: --variant
 * nbits/gemv/nbits,nbits/gemm/nbits --sweep. Elements of x as bytes are allowed by accuracy_level 4. `dots`: the
 * processor has a dot product of bytes.
 */
const PACKED_ROWS = { plain: { bytes: 4, exact: 6, coarse: 24 }, dots: { bytes: 4, exact: 20, coarse: 64 } }
/** By the packed weights, or by floats that are made of them. */
const ways: readonly Variant<{ readonly rows: number; readonly most: number }>[] = [
  { name: 'gemv/nbits', takes: () => true, pays: ({ rows, most }) => rows <= most },
  { name: 'gemm/nbits', takes: () => true, pays: () => true },
]
/** Bytes of weights made floats at a time, so that the product finds them in the second-level cache. */
const FLOATS = 2 ** 19

/** x [rows, K] · the packed weights. */
function emitPacked(e: Emitter<AttributesOf<typeof attributes>>, rows: number, packed: Packed): void {
  const { K, N, accuracy_level } = e.attributes
  const { bits, words, blocks, hasZeros, tensor } = packed
  const [x, y, bias] = [e.input(0).at, e.output(0).at, e.inputs[5]?.at]
  const coarse = accuracy_level === 4 && bits < 8
  const relaxed = e.build === 'relaxed'
  // Engines whose sums of two bytes' products are cut have no instruction for this: five make up a dot product there
  // (V8), which pays only where x is of bytes.
  const dots = relaxed && e.ask('dot_kind_q8', -128, 127) !== 0
  const byBytes = relaxed && (dots || coarse)
  const rowsOf = PACKED_ROWS[dots ? 'dots' : 'plain']
  const most = e.perExample ? -1 : rowsOf[bits === 8 ? 'bytes' : coarse ? 'coarse' : 'exact']
  const weights = e.constant(tensor)
  const groups = Math.ceil(N / GROUP)
  // In the order of Weights in assembly/quantize/nbits.ts.
  const table = e.table(Int32Array.of(rows, K, N, bits, words, hasZeros ? 1 : 0, coarse ? 1 : 0, byBytes ? 1 : 0))
  const { name: kernel } = firstThatPays('nbits', ways, { rows, most })
  if (kernel === 'gemv/nbits') {
    const scratch = e.scratch(e.ask('gemv_nbits_scratch_size', rows, K, bits, words))
    e.call('gemv_nbits_f32', x, weights, bias ?? 0, y, table, 0, groups, scratch)
    return e.note({ kernel, flops: 2 * rows * K * N })
  }
  const half = e.table(new Int32Array(GROUP).fill(2 ** (bits - 1)))
  const together = Math.max(1, Math.floor(FLOATS / (4 * GROUP * K)))
  const floats = e.scratch(4 * GROUP * K * Math.min(together, groups))
  const groupBytes = 4 * GROUP * blocks * (words + (hasZeros ? 2 : 1))
  for (let group = 0; group < groups; group += together) {
    const count = Math.min(together, groups - group)
    const column = group * GROUP
    const columns = Math.min(count * GROUP, N - column)
    e.call('gemm_nbits_unpack_f32', plus(weights, group * groupBytes), table, half, floats, 0, count)
    const to = plus(y, 4 * column)
    const added = bias ? plus(bias, 4 * column) : 0
    e.call('gemm_f32', x, K, floats, added, 0, 0, to, N, K, columns, 0, rows, UNARY_NONE, 0, 0)
  }
  e.note({ kernel, flops: 2 * rows * K * N })
}

/**
 * Weights of 2 to 8 bits, quantised in blocks along K: B is (N, K / block_size, bytes per block), the scales have one
 * entry per block and zero points are packed per row like the weights, or floats. A group index says of every row of K
 * which block's scale and zero point are its own (GPTQ's g_idx). Constant weights stay packed, and the product takes
 * them apart; only those with groups, blocks that do not fill words or zero points that are no such numbers become
 * float32 once.
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
    const x = e.input(0)
    if (e.output(0).size === 0) return
    const known = e.inputs.map((input) => input?.constant)
    const quantised = [requiredInput(known, 1), requiredInput(known, 2), known[3], known[4]] as const
    const packed = packedWeights(e.attributes, quantised)
    if (packed) return emitPacked(e, x.size / e.attributes.K, packed)
    const weights = constantOperand(e, floatWeights(e.attributes, quantised))
    emitProjection(e, e.output(0).at, x, weights, e.inputs[5]?.at ?? 0)
  },
  compute({ attributes: a, inputs: [x, b, scales, zeros, groups, bias], outputs: [y] }) {
    const weights = dequantised(a, [b, scales, zeros, groups])
    const { data } = matmul({ shape: x.shape, data: floatsOf(x) }, { shape: [a.K, a.N], data: weights })
    const biases = bias && floatsOf(bias)
    return [floatTensor(y.dtype, y.shape, biases ? data.map((value, i) => value + biases[i % a.N]) : data)]
  },
})
