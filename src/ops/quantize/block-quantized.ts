// Quantisers of domain com.microsoft: other spellings of the standard ones, and a Gather from a quantised table.
import { LanewiseError } from '../../core/errors.js'
import { hostZeros, type HostTensor } from '../../core/host.js'
import { formatShape, normalizeAxis, sizeOf, type Shape } from '../../core/shape.js'
import { int } from '../../ir/attributes.js'
import { defineOp } from '../../ir/op.js'
import { floatsOf, floatTensor, numbersOf } from '../shared/scalar-floats.js'
import { indicesOf } from '../movement/indices.js'

const domain = 'com.microsoft'

/** One scale and zero point, or one for each position of `axis`; 16-bit and 4-bit types, too, as in ONNX. */
function renamed(name: string) {
  return defineOp({
    name,
    domain,
    arity: [2, 3],
    attributes: { axis: int(1) },
    decompose: (node) => node.rename(name),
  })
}

export const ContribQuantizeLinear = renamed('QuantizeLinear')
export const ContribDequantizeLinear = renamed('DequantizeLinear')

interface BlockAttributes {
  readonly bits: number
  readonly block_size: number
  readonly gather_axis: number
  readonly quantize_axis: number
}

/**
 * The i-th of numbers of `bits` bits that share bytes, the first in the lowest bits; other types have one element a
 * number. Tables are large: nothing is unpacked that is not asked for.
 */
function numberAt(tensor: HostTensor, bits: number): (i: number) => number {
  const values = numbersOf(tensor)
  if (tensor.dtype !== 'uint8' || bits === 8) return (i) => values[i]
  const [each, mask] = [8 / bits, (1 << bits) - 1]
  return (i) => (values[Math.floor(i / each)] >> ((i % each) * bits)) & mask
}

function sizesOf({ bits, block_size, gather_axis, quantize_axis }: BlockAttributes, data: Shape, packed: boolean) {
  const rank = data.length
  const each = packed ? 8 / bits : 1
  const shape = data.map((size, axis) => (axis === rank - 1 ? size * each : size))
  const axis = normalizeAxis(quantize_axis, rank)
  const scales = shape.map((size, i) => (i === axis ? Math.ceil(size / block_size) : size))
  return { shape, axis, scales, gatherAt: normalizeAxis(gather_axis, rank) }
}

/**
 * Rows of a table that is quantised in blocks: (q − zero) · scale. Without zero points, numbers packed into bytes are
 * centred.
 */
export const GatherBlockQuantized = defineOp({
  name: 'GatherBlockQuantized',
  domain,
  arity: [3, 4],
  attributes: { bits: int(4), block_size: int(128), gather_axis: int(0), quantize_axis: int(1) },
  infer({ attributes, inputs: [data, indices, scales, zeros] }) {
    const { bits, block_size: block } = attributes
    if (!['uint8', 'uint4', 'int4'].includes(data.dtype) || (zeros && zeros.dtype !== data.dtype))
      throw new LanewiseError('E_TENSOR', `data of ${data.dtype}, zero points of ${zeros?.dtype ?? 'none'}`, {
        expected: 'uint8, uint4 or int4, and the same',
      })
    if ((bits !== 4 && bits !== 8) || !(block >= 16) || !Number.isInteger(Math.log2(block)))
      throw new LanewiseError('E_VALUE', `bits ${bits}, block_size ${block}`, {
        expected: '4 or 8, a power of 2 from 16 on',
      })
    const { shape, scales: expected, gatherAt } = sizesOf(attributes, data.shape, data.dtype === 'uint8')
    if (scales.shape.join() !== expected.join())
      throw new LanewiseError('E_SHAPE', `scales of shape ${formatShape(scales.shape)}`, {
        expected: formatShape(expected),
      })
    return [
      { dtype: scales.dtype, shape: [...shape.slice(0, gatherAt), ...indices.shape, ...shape.slice(gatherAt + 1)] },
    ]
  },
  compute({ attributes, inputs: [data, indices, scales, zeros], outputs: [y] }) {
    const packed = data.dtype === 'uint8'
    const { shape, axis, gatherAt } = sizesOf(attributes, data.shape, packed)
    const { bits, block_size: blockSize } = attributes
    const value = numberAt(data, bits)
    const factors = floatsOf(scales)
    const point = zeros && numberAt(zeros, bits)
    const each = packed ? 8 / bits : 1
    if (zeros && sizeOf(zeros.shape) * each < factors.length)
      throw new LanewiseError('E_SHAPE', `zero points of shape ${formatShape(zeros.shape)} do not fit the scales`)
    // Packed zero points fill whole bytes along the last axis.
    const pointWidth = (zeros?.shape.at(-1) ?? 1) * each
    const scaleWidth = scales.shape[scales.shape.length - 1]
    const centre = packed ? 2 ** (bits - 1) : 0
    const inner = sizeOf(shape.slice(axis + 1))
    const blocks = Math.ceil(shape[axis] / blockSize)
    const at = (i: number): number => {
      const along = Math.floor(i / inner) % shape[axis]
      const block =
        (Math.floor(i / (inner * shape[axis])) * blocks + Math.floor(along / blockSize)) * inner + (i % inner)
      const zero = point ? point(Math.floor(block / scaleWidth) * pointWidth + (block % scaleWidth)) : centre
      return (value(i) - zero) * factors[block]
    }
    const taken = indicesOf(indices, shape[gatherAt])
    const run = sizeOf(shape.slice(gatherAt + 1))
    const result = new Float64Array(sizeOf(y.shape))
    let to = 0
    for (let o = 0, outer = sizeOf(shape.slice(0, gatherAt)); o < outer; o++)
      for (const index of taken)
        for (let k = 0; k < run; k++) result[to++] = at((o * shape[gatherAt] + index) * run + k)
    return [result.length > 0 ? floatTensor(y.dtype, y.shape, result) : hostZeros(y.dtype, y.shape)]
  },
})
