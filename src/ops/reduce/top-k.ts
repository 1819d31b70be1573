import { isFloat } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { hostZeros, toNumbers, type HostTensor } from '../../core/host.js'
import { normalizeAxis, sizeOf } from '../../core/shape.js'
import { int } from '../../ir/attributes.js'
import { defineOp } from '../../ir/op.js'
import { attributeToInput } from '../shared/attribute-to-input.js'

/** NaN counts as larger than every number, as in NumPy and PyTorch; of equal elements the first comes first. */
export const TopK = defineOp({
  name: 'TopK',
  arity: 2,
  outputs: 2,
  attributes: { axis: int(-1), largest: int(1), sorted: int(1) },
  infer({ attributes, inputs: [x], value }) {
    const axis = normalizeAxis(attributes.axis, x.shape.length)
    const given = toNumbers(value(1), 'k')
    const size = x.shape[axis]
    if (given.length !== 1) throw new LanewiseError('E_SHAPE', `k must be one number, got ${given.length}`)
    const [k] = given
    if (k < 0 || k > size)
      throw new LanewiseError('E_VALUE', `k is ${k}, the axis has ${size}`, {
        expected: `[0, ${size}]`,
        actual: String(k),
      })
    const shape = x.shape.map((old, i) => (i === axis ? k : old))
    return [
      { dtype: x.dtype, shape },
      { dtype: 'int64', shape },
    ]
  },
  compute({ attributes, inputs, outputs: [type, indexType] }) {
    const x = inputs[0]
    const axis = normalizeAxis(attributes.axis, x.shape.length)
    const size = x.shape[axis]
    const k = type.shape[axis]
    const inner = sizeOf(x.shape.slice(axis + 1))
    const outer = sizeOf(x.shape.slice(0, axis))
    const values = hostZeros(type.dtype, type.shape)
    const indices = hostZeros(indexType.dtype, indexType.shape)
    const from = x.data as { [i: number]: unknown }
    const to = values.data as { [i: number]: unknown }
    const places = indices.data as BigInt64Array
    const keys = keysOf(x)
    const first = attributes.largest !== 0 ? larger : smaller
    for (let lane = 0; k > 0 && lane < outer * inner; lane++) {
      const o = Math.floor(lane / inner)
      const start = o * size * inner + (lane % inner)
      const target = o * k * inner + (lane % inner)
      const chosen = select(keys, start, inner, size, k, first)
      for (let i = 0; i < k; i++) {
        to[target + i * inner] = from[start + chosen[i] * inner]
        places[target + i * inner] = BigInt(chosen[i])
      }
    }
    return [values, indices]
  },
  upgrades: [{ below: 10, apply: (node) => attributeToInput(node, 'k', 1) }],
})

type Keys = ArrayLike<number | bigint>

/** Elements as something that compares as they do. */
function keysOf({ dtype, data }: HostTensor): Keys {
  if (dtype === 'float16' || dtype === 'bfloat16') {
    // Sign and magnitude: the bits without the sign are in order.
    const infinity = dtype === 'float16' ? 0x7c00 : 0x7f80
    return Float32Array.from(data as Uint16Array, (bits) => {
      const magnitude = bits & 0x7fff
      return magnitude > infinity ? NaN : bits > 0x7fff ? -magnitude : magnitude
    })
  }
  if (dtype === 'string' || (isFloat(dtype) && dtype !== 'float32' && dtype !== 'float64')) {
    throw new LanewiseError('E_UNSUPPORTED', `TopK is not supported for ${dtype}`, { actual: dtype })
  }
  return data as Keys
}

function larger(a: number | bigint, b: number | bigint): boolean {
  return a > b || (a !== a && b === b)
}

function smaller(a: number | bigint, b: number | bigint): boolean {
  return a < b || (b !== b && a === a)
}

/** The first k of a lane, in order, by a heap of the k best so far whose root is the worst of them. */
function select(keys: Keys, start: number, stride: number, size: number, k: number, first: typeof larger): Int32Array {
  const heap = new Int32Array(k)
  const before = (i: number, j: number): boolean => {
    const a = keys[start + i * stride]
    const b = keys[start + j * stride]
    return first(a, b) || (!first(b, a) && i < j)
  }
  const sink = (root: number, length: number): void => {
    const item = heap[root]
    for (;;) {
      let child = 2 * root + 1
      if (child >= length) break
      if (child + 1 < length && before(heap[child], heap[child + 1])) child++
      if (!before(item, heap[child])) break
      heap[root] = heap[child]
      root = child
    }
    heap[root] = item
  }
  for (let i = 0; i < k; i++) heap[i] = i
  for (let i = (k >> 1) - 1; i >= 0; i--) sink(i, k)
  for (let i = k; i < size; i++) {
    if (!before(i, heap[0])) continue
    heap[0] = i
    sink(0, k)
  }
  // Heap sort: the worst goes to the end, again and again.
  for (let length = k - 1; length > 0; length--) {
    const worst = heap[0]
    heap[0] = heap[length]
    heap[length] = worst
    sink(0, length)
  }
  return heap
}
