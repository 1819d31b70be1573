// Rotary position embeddings (Su et al., "RoFormer", 2021): ONNX's and ONNX Runtime's operators, and what
// GroupQueryAttention has of them.
import { isFloat } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import type { Layout, LayoutOperand, LayoutQuery } from '../../core/layout.js'
import { toNumbers, type HostTensor } from '../../core/host.js'
import { formatShape, sameShape } from '../../core/shape.js'
import { emitPlacedHeads, emitRepeated, headsOf, headsWithin, type HeadsAt, type Rotary } from './attention-emit.js'
import { headsFirst, headsLast } from './attention-scalar.js'
import { float, int } from '../../ir/attributes.js'
import { floatsOf, floatTensor, type Floats } from '../shared/scalar-floats.js'
import { plus, type Emitter, type Operand } from '../../ir/emitter.js'
import { defineOp, requiredInput, type ComputeContext, type TensorType } from '../../ir/op.js'

/** Cosines and sines of a pair of elements, for a position of the sequence. */
export interface RotaryTables {
  readonly cos: Floats
  readonly sin: Floats
  /** Pairs per position. */
  readonly pairs: number
  readonly positions: number
}

/**
 * Rotates pairs of elements of a vector by the angles of its position: neighbours if `interleaved`, else the first half
 * of the rotated part with its second half.
 */
export function rotate(x: Floats, at: number, tables: RotaryTables, position: number, interleaved: boolean): void {
  const { cos, sin, pairs, positions } = tables
  if (!(position >= 0 && position < positions)) throw outside(position, positions)
  for (let j = 0; j < pairs; j++) {
    const first = at + (interleaved ? 2 * j : j)
    const second = at + (interleaved ? 2 * j + 1 : j + pairs)
    const c = cos[position * pairs + j]
    const s = sin[position * pairs + j]
    const a = x[first]
    const b = x[second]
    x[first] = c * a - s * b
    x[second] = s * a + c * b
  }
}

/** @throws LanewiseError `E_VALUE` for a position without angles. */
export function checkPositions(ids: HostTensor, rows: number, length = 1): void {
  const wrong = toNumbers(ids, 'position_ids').find((id) => !(id >= 0 && id + length <= rows))
  if (wrong !== undefined) throw outside(wrong < 0 ? wrong : wrong + length - 1, rows)
}

function outside(position: number, rows: number): LanewiseError {
  return new LanewiseError('E_VALUE', `position ${position} is outside [0, ${rows - 1}]`, {
    expected: `0 … ${rows - 1}`,
    actual: String(position),
  })
}

interface RotaryAttributes {
  readonly interleaved: number
  readonly num_heads: number
  readonly rotary_embedding_dim: number
}

/** One use of an operator: which tensors are what, and the sizes that they agree on. */
interface RotaryProblem {
  readonly batch: number
  readonly heads: number
  readonly length: number
  readonly size: number
  readonly pairs: number
  /** Positions that have angles. */
  readonly rows: number
  /** Whether heads stand before the sequence (four axes) or within the last axis (three). */
  readonly split: boolean
  /**
   * A position for each vector, one for the first of each example, or none: then every vector has a row of angles of
   * its own.
   */
  readonly positions: 'each' | 'first' | 'none'
  readonly interleaved: boolean
}

function problemOf(
  attributes: RotaryAttributes,
  size: number | undefined,
  x: TensorType,
  cos: TensorType,
  sin: TensorType,
  ids: TensorType | undefined,
): RotaryProblem {
  const { shape } = x
  const split = shape.length === 4
  if (!split && shape.length !== 3)
    throw new LanewiseError('E_SHAPE', `the input must have three or four axes, got ${formatShape(shape)}`)
  const width = shape[shape.length - 1]
  const heads = split ? shape[1] : attributes.num_heads || (size ? width / size : 0)
  if (!(heads > 0)) throw new LanewiseError('E_VALUE', `num_heads must be positive, got ${heads}`)
  const [batch, length] = split ? [shape[0], shape[2]] : shape
  const own = split ? width : width / heads
  const pairs = (attributes.rotary_embedding_dim || own) / 2
  if (!Number.isInteger(own) || !Number.isInteger(heads) || !Number.isInteger(pairs) || 2 * pairs > own) {
    throw new LanewiseError(
      'E_SHAPE',
      `${heads} heads with ${2 * pairs} rotated elements do not fit ${formatShape(shape)}`,
    )
  }
  const positions = !ids ? 'none' : sameShape(ids.shape, [batch, length]) ? 'each' : 'first'
  if (ids && positions === 'first' && !(ids.shape.length <= 1 && ids.shape.every((extent) => extent === 1))) {
    throw new LanewiseError(
      'E_SHAPE',
      `positions of shape ${formatShape(ids.shape)} for ${batch} sequences of ${length}`,
      { expected: formatShape([batch, length]), actual: formatShape(ids.shape) },
    )
  }
  const expected = ids ? [cos.shape[0], pairs] : [batch, length, pairs]
  for (const table of [cos, sin]) {
    if (!sameShape(table.shape, expected))
      throw new LanewiseError(
        'E_SHAPE',
        `angles of shape ${formatShape(table.shape)} should be ${formatShape(expected)}`,
      )
  }
  return {
    batch,
    heads,
    length,
    size: own,
    pairs,
    rows: ids ? cos.shape[0] : length,
    split,
    positions,
    interleaved: attributes.interleaved !== 0,
  }
}

/** Heads as they lie, if elements of a vector are neighbours there. */
function layout({ inputs: [x] }: LayoutQuery<unknown, readonly [LayoutOperand, ...unknown[]]>): Layout {
  const order = x.order.length === 4 && x.order[3] === 3 ? x.order : undefined
  return { inputs: [order], outputs: [order] }
}

function kernel(types: readonly (string | undefined)[], positions: number): boolean {
  return types.every((type, i) => type === undefined || type === (i === positions ? 'int64' : 'float32'))
}

function emit(e: Emitter<unknown>, problem: RotaryProblem, cos: Operand, sin: Operand, ids: Operand | undefined): void {
  const { batch, heads, length, size, pairs, rows, split, positions, interleaved } = problem
  const [x, y] = [e.input(0), e.overwrite(0, 0)]
  const at = (operand: Operand) => (split ? headsOf(operand) : headsWithin(operand, size))
  if (ids) e.check(ids, (tensor) => checkPositions(tensor, rows, positions === 'first' ? length : 1))
  if (x.size === 0) return
  const place = (
    from: HeadsAt,
    to: HeadsAt,
    count: number,
    rotary: Omit<Rotary, 'pairs' | 'rows' | 'interleaved'>,
    ends?: { at: ReturnType<typeof plus>; add: number },
  ) =>
    emitPlacedHeads(e, {
      batch: count,
      heads,
      rows: length,
      size,
      x: from,
      y: to,
      ends,
      rotary: { ...rotary, pairs, rows, interleaved },
    })
  const angles = { cos: cos.at, sin: sin.at, ids: undefined }
  if (!ids) {
    // Every example has angles of its own.
    const example = (heads: HeadsAt, b: number): HeadsAt => ({ ...heads, at: plus(heads.at, 4 * b * heads.strides[0]) })
    for (let b = 0; b < batch; b++) {
      const skip = 4 * b * length * pairs
      place(example(at(x), b), example(at(y), b), 1, {
        cos: plus(cos.at, skip),
        sin: plus(sin.at, skip),
        ids: undefined,
      })
    }
  } else if (positions === 'each') {
    const numbers = e.scratch(batch * length * 4)
    e.call('cast_i64_i32', ids.at, numbers, batch * length)
    place(at(x), at(y), batch, { ...angles, ids: numbers })
  } else {
    const first = e.scratch(4)
    e.call('cast_i64_i32', ids.at, first, 1)
    place(at(x), at(y), batch, angles, { at: emitRepeated(e, first, batch), add: length })
  }
}

function compute(
  { inputs: [x], outputs: [y] }: ComputeContext<unknown, readonly [true, ...boolean[]]>,
  problem: RotaryProblem,
  cos: HostTensor,
  sin: HostTensor,
  ids: HostTensor | undefined,
): HostTensor[] {
  const { batch, heads, length, size, pairs, rows, split, positions, interleaved } = problem
  // What has to be widened is read; positions come last, so that types are refused before.
  const source = floatsOf(x)
  const tables = {
    cos: floatsOf(cos),
    sin: floatsOf(sin),
    pairs,
    positions: positions === 'none' ? batch * length : rows,
  }
  const numbers = ids && toNumbers(ids, 'position_ids')
  const values = source.slice()
  const view = (split ? headsFirst : headsLast)(values, heads, length, size)
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < length; i++) {
      const own = b * length + i
      const position = !numbers ? own : positions === 'each' ? numbers[own] : numbers[0] + i
      for (let h = 0; h < heads; h++)
        rotate(values, b * view.batch + h * view.head + i * view.row, tables, position, interleaved)
    }
  }
  return [floatTensor(y.dtype, y.shape, values)]
}

/** Opset 23. X is [batch, heads, length, size], or [batch, length, heads · size]. */
const standard = (attributes: RotaryAttributes, inputs: readonly (TensorType | undefined)[]) => {
  const [x, cos, sin] = [0, 1, 2].map((i) => requiredInput(inputs, i))
  return problemOf(attributes, undefined, x, cos, sin, inputs[3])
}

export const RotaryEmbedding = defineOp({
  name: 'RotaryEmbedding',
  takes: isFloat,
  arity: [3, 4],
  attributes: { interleaved: int(0), num_heads: int(0), rotary_embedding_dim: int(0) },
  infer({ attributes, inputs }) {
    standard(attributes, inputs)
    return [inputs[0]]
  },
  layout,
  kernel: (types) => kernel(types, 3),
  emit: (e) => emit(e, standard(e.attributes, e.inputs), e.input(1), e.input(2), e.inputs[3]),
  compute: (c) => compute(c, standard(c.attributes, c.inputs), c.inputs[1], c.inputs[2], c.inputs[3]),
})

/** Where the size of a head is not given it is twice as many elements as there are angles. */
const contrib = (attributes: RotaryAttributes, inputs: readonly (TensorType | undefined)[]) => {
  const [x, ids, cos, sin] = [0, 1, 2, 3].map((i) => requiredInput(inputs, i))
  return problemOf(attributes, 2 * (cos.shape[1] ?? 0), x, cos, sin, ids)
}

/** ONNX Runtime's: positions come second, and may be one number, that of the first vector of every example. */
export const ContribRotaryEmbedding = defineOp({
  name: 'RotaryEmbedding',
  takes: isFloat,
  domain: 'com.microsoft',
  arity: 4,
  // Packed batches have their positions, too; that is all there is to them here.
  attributes: {
    interleaved: int(0),
    is_packed_batching: int(0),
    num_heads: int(0),
    rotary_embedding_dim: int(0),
    scale: float(1),
  },
  infer({ attributes, inputs }) {
    if (attributes.scale !== 1)
      throw new LanewiseError('E_UNSUPPORTED', `angles scaled by ${attributes.scale} are not supported`, {
        expected: 'scale 1',
        actual: String(attributes.scale),
      })
    if (attributes.rotary_embedding_dim && !attributes.num_heads && inputs[0].shape.length === 3)
      throw new LanewiseError('E_VALUE', 'rotary_embedding_dim needs num_heads')
    contrib(attributes, inputs)
    return [inputs[0]]
  },
  layout: (query) => layout(query),
  kernel: (types) => kernel(types, 1),
  emit: (e) => emit(e, contrib(e.attributes, e.inputs), e.input(2), e.input(3), e.input(1)),
  compute: (c) => compute(c, contrib(c.attributes, c.inputs), c.inputs[2], c.inputs[3], c.inputs[1]),
})
