// Normalisations with a sum before them (domain com.microsoft), as transformers that ONNX Runtime has optimised use
// them.
import { isFloat } from '../../core/dtype.js'
import { UNARY_AFFINE } from '../../../assembly/abi/codes.js'
import { LanewiseError, present } from '../../core/errors.js'
import { toNumbers, type HostTensor } from '../../core/host.js'
import { formatShape, sizeOf, type Shape } from '../../core/shape.js'
import { float, int, required } from '../../ir/attributes.js'
import { requireFloats, requireIntegers } from '../shared/operands.js'
import { floatsOf, floatTensor, numericTensor } from '../shared/scalar-floats.js'
import { plus, type Address, type Emitter } from '../../ir/emitter.js'
import { defineOp, type ComputeContext, type TensorType } from '../../ir/op.js'

const domain = 'com.microsoft'

/** The skip connection has the input's shape, or lacks its batch axis, or has 1 there. */
function checkSkip(x: Shape, skip: Shape): void {
  const tail = x.length === 3 && skip.length === 3 && skip[0] === 1 ? skip.slice(1) : skip
  if (x.length >= 2 && x.length <= 3 && tail.join() === x.slice(x.length - tail.length).join() && tail.length >= 2)
    return
  throw new LanewiseError('E_SHAPE', `a skip connection of shape ${formatShape(skip)} does not fit ${formatShape(x)}`)
}

function checkVectors(size: number, ...vectors: (TensorType | undefined)[]): void {
  const odd = vectors.find((vector) => vector && sizeOf(vector.shape) !== size)
  if (odd)
    throw new LanewiseError(
      'E_SHAPE',
      `a vector of shape ${formatShape(odd.shape)} does not fit a last axis of ${size}`,
    )
}

/** Y, mean, inverse deviation, and the sum that was normalised. */
function normTypes(x: TensorType): TensorType[] {
  const row: TensorType = { dtype: 'float32', shape: [...x.shape.slice(0, -1), 1] }
  return [x, row, row, x]
}

/** Calls a kernel for every stretch of rows that has a skip connection of its own. */
function eachBatch(e: Emitter<unknown>, call: (offset: number, rows: number, from: number) => void): void {
  const x = e.input(0)
  const columns = x.shape[x.shape.length - 1]
  const skip = e.input(1)
  const rows = skip.size / columns
  for (let at = 0, n = 0; at < x.size; at += skip.size, n++) call(4 * at, rows, n * rows)
}

/** An address further on, if it is one. */
function shifted(address: Address | 0, bytes: number): Address | 0 {
  return address && plus(address, bytes)
}

/** x + skip + bias, normalised in plain TypeScript. */
function normalized(
  { inputs, outputs, outputCount }: ComputeContext<unknown>,
  epsilon: number,
  centred: boolean,
  bias: HostTensor | undefined,
): HostTensor[] {
  const [x, skip, gamma] = inputs.slice(0, 3).map((input) => floatsOf(present(input, 'input')))
  const beta = centred && inputs[3] ? floatsOf(inputs[3]) : undefined
  const biases = bias && floatsOf(bias)
  const { shape, dtype } = outputs[0]
  const columns = shape[shape.length - 1]
  const sums = Float64Array.from(x, (value, i) => value + skip[i % skip.length] + (biases ? biases[i % columns] : 0))
  const means: number[] = []
  const inverses: number[] = []
  const y = new Float64Array(sums.length)
  for (let at = 0; at < sums.length; at += columns) {
    const row = sums.subarray(at, at + columns)
    const mean = centred ? row.reduce((a, b) => a + b, 0) / columns : 0
    const inverse = 1 / Math.sqrt(row.reduce((a, b) => a + (b - mean) ** 2, 0) / columns + epsilon)
    row.forEach((value, j) => (y[at + j] = (value - mean) * inverse * gamma[j] + (beta ? beta[j] : 0)))
    means.push(mean)
    inverses.push(inverse)
  }
  const results = [y, means, inverses, sums].slice(0, outputCount)
  return results.map((values, i) => floatTensor(i === 1 || i === 2 ? 'float32' : dtype, outputs[i].shape, values))
}

export const SkipLayerNormalization = defineOp({
  name: 'SkipLayerNormalization',
  takes: isFloat,
  domain,
  arity: [3, 5],
  outputs: 4,
  attributes: { epsilon: float(1e-12) },
  infer({ inputs: [x, skip, gamma, beta, bias] }) {
    checkSkip(x.shape, skip.shape)
    checkVectors(x.shape[x.shape.length - 1], gamma, beta, bias)
    return normTypes(x)
  },
  emit(e) {
    const y = e.output(0)
    const sum = e.outputs[3] ? e.output(3).at : 0
    const [mean, inverse] = [1, 2].map((i) => (e.outputs[i] ? e.output(i).at : 0))
    const columns = y.shape[y.shape.length - 1]
    const { epsilon } = e.attributes
    eachBatch(e, (offset, rows, from) => {
      e.call(
        'layer_norm_f32',
        plus(e.input(0).at, offset),
        e.input(1).at,
        e.inputs[4]?.at ?? 0,
        shifted(sum, offset),
        e.input(2).at,
        e.inputs[3]?.at ?? 0,
        plus(y.at, offset),
        shifted(mean, 4 * from),
        shifted(inverse, 4 * from),
        columns,
        epsilon,
        0,
        rows,
      )
    })
  },
  compute: (c) => normalized(c, c.attributes.epsilon, true, c.inputs[4]),
})

export const SkipSimplifiedLayerNormalization = defineOp({
  name: 'SkipSimplifiedLayerNormalization',
  takes: isFloat,
  domain,
  arity: [3, 4],
  outputs: 4,
  attributes: { epsilon: float(1e-12) },
  infer({ inputs: [x, skip, gamma, bias] }) {
    checkSkip(x.shape, skip.shape)
    checkVectors(x.shape[x.shape.length - 1], gamma, bias)
    return normTypes(x)
  },
  emit(e) {
    const y = e.output(0)
    const sum = e.outputs[3] ? e.output(3).at : 0
    const inverse = e.outputs[2] ? e.output(2).at : 0
    const columns = y.shape[y.shape.length - 1]
    const { epsilon } = e.attributes
    // Nothing is centred; the output is there for its place in the list.
    if (e.outputs[1]) e.call('unary_f32', UNARY_AFFINE, e.input(0).at, e.output(1).at, e.output(1).size, 0, 0)
    eachBatch(e, (offset, rows, from) => {
      e.call(
        'rms_norm_f32',
        plus(e.input(0).at, offset),
        e.input(1).at,
        e.inputs[3]?.at ?? 0,
        shifted(sum, offset),
        e.input(2).at,
        plus(y.at, offset),
        shifted(inverse, 4 * from),
        columns,
        epsilon,
        0,
        rows,
      )
    })
  },
  compute: (c) => normalized(c, c.attributes.epsilon, false, c.inputs[3]),
})

/** An older name of RMSNormalization, which ONNX Runtime has in both domains. */
function simplified(of: string) {
  return defineOp({
    name: 'SimplifiedLayerNormalization',
    domain: of,
    arity: 2,
    attributes: { axis: int(-1), epsilon: float(1e-5), stash_type: int(1) },
    decompose: (node) => node.rename('RMSNormalization'),
  })
}

export const SimplifiedLayerNormalization = simplified('')
export const ContribSimplifiedLayerNormalization = simplified(domain)

/** Word, position and segment embeddings, summed and normalised; masks become sequence lengths. */
export const EmbedLayerNormalization = defineOp({
  name: 'EmbedLayerNormalization',
  domain,
  arity: [7, 9],
  outputs: 3,
  // Segments, and their table.
  optional: [1, 4],
  attributes: { epsilon: float(1e-12), mask_index_type: int(1) },
  infer({ inputs: [ids, segments, words, positions, segmentTable, gamma, beta, mask, positionIds], outputCount }) {
    if (ids.shape.length !== 2 || words.shape.length !== 2)
      throw new LanewiseError(
        'E_SHAPE',
        `ids and embeddings must be matrices, got ${formatShape(ids.shape)} and ${formatShape(words.shape)}`,
      )
    const [batch, length] = ids.shape
    const size = words.shape[1]
    checkVectors(size, gamma, beta)
    requireFloats(words, positions, segmentTable, gamma, beta)
    for (const list of [ids, segments, positionIds]) requireIntegers('ids', list)
    requireIntegers('mask', mask)
    for (const table of [positions, segmentTable]) {
      if (table && (table.shape.length !== 2 || table.shape[1] !== size))
        throw new LanewiseError(
          'E_SHAPE',
          `embeddings of shape ${formatShape(table.shape)} should have ${size} columns`,
        )
    }
    checkList(segments, batch * length)
    checkList(positionIds, length)
    if (mask && sizeOf(mask.shape) !== batch * length)
      throw new LanewiseError('E_SHAPE', `a mask of shape ${formatShape(mask.shape)} does not fit`)
    const rows = { dtype: words.dtype, shape: [batch, length, size] }
    const made: TensorType[] = [rows, { dtype: 'int32', shape: [batch] }, rows]
    return made.slice(0, Math.max(outputCount, 1))
  },
  compute({ attributes, inputs, outputs, outputCount }) {
    const [ids, segments, words, positions, segmentTable, gamma, beta, mask, positionIds] = inputs
    const [batch, length, size] = outputs[0].shape
    const sums = new Float64Array(batch * length * size)
    const tables: [HostTensor, (i: number) => number][] = [[words, list(ids)]]
    tables.push([positions, positionIds ? list(positionIds) : (i) => i % length])
    if (segments && segmentTable) tables.push([segmentTable, list(segments)])
    for (const [table, of] of tables) {
      const values = floatsOf(table)
      for (let i = 0; i < batch * length; i++) {
        const row = of(i)
        if (!(row >= 0 && row < table.shape[0]))
          throw new LanewiseError('E_VALUE', `id ${row} is outside [0, ${table.shape[0] - 1}]`)
        for (let j = 0; j < size; j++) sums[i * size + j] += values[row * size + j]
      }
    }
    const sumTensor = floatTensor('float64', outputs[0].shape, sums)
    const none = floatTensor('float64', outputs[0].shape, new Float64Array(sums.length))
    const [y] = normalized(
      { attributes: {}, inputs: [sumTensor, none, gamma, beta], outputs, outputCount: 1 },
      attributes.epsilon,
      true,
      undefined,
    )
    const lengths = new Array<number>(batch).fill(0)
    if (mask) toNumbers(mask, 'mask').forEach((value, i) => (lengths[Math.floor(i / length)] += value === 1 ? 1 : 0))
    return [y, numericTensor('int32', [batch], lengths), floatTensor(outputs[0].dtype, outputs[0].shape, sums)].slice(
      0,
      outputCount,
    )
  },
})

/** @throws LanewiseError `E_SHAPE` unless ids that are given are `count`, or as many for each of several examples. */
function checkList(ids: TensorType | undefined, count: number): void {
  if (!ids) return
  const given = sizeOf(ids.shape)
  if (given !== count && (given === 0 || given % count !== 0))
    throw new LanewiseError('E_SHAPE', `ids of shape ${formatShape(ids.shape)} do not fit`)
}

/** Ids as numbers; a list of one row serves every example. */
function list(tensor: HostTensor): (i: number) => number {
  const values = toNumbers(tensor, 'ids')
  return (i) => values[i % values.length]
}

/** GroupNormalization of images [N, H, W, C] (or [N, C, H, W]), followed by x · sigmoid(x) where `activation` is 1. */
export const GroupNorm = defineOp({
  name: 'GroupNorm',
  domain,
  arity: 3,
  attributes: {
    activation: int(0),
    channels_last: int(1),
    epsilon: float(1e-5),
    groups: required(int()),
  },
  decompose(node) {
    const { attributes } = node
    const number = (name: string, fallback: number): number => {
      const given = attributes.get(name)
      return given?.kind === 'int' ? Number(given.value) : fallback
    }
    const last = number('channels_last', 1) !== 0
    const epsilon = attributes.get('epsilon')
    const [x, gamma, beta] = node.inputs
    const given = last ? node.node('Transpose', [x], { perm: [0, 3, 1, 2] }) : x
    let made = node.node('GroupNormalization', [given, gamma, beta], {
      num_groups: number('groups', 0),
      epsilon: epsilon?.kind === 'float' ? epsilon.value : 1e-5,
    })
    if (number('activation', 0) === 1) made = node.node('Swish', [made], { alpha: 1 })
    attributes.clear()
    if (last) attributes.set('perm', { kind: 'ints', value: [0n, 2n, 3n, 1n] })
    node.inputs = [made]
    node.rename(last ? 'Transpose' : 'Identity')
  },
})
