import { LanewiseError } from '../../core/errors.js'
import { hostTensor, toNumbers, type HostTensor } from '../../core/host.js'
import { formatShape } from '../../core/shape.js'
import { int } from '../../ir/attributes.js'
import { defineOp } from '../../ir/op.js'

/** Pairs of boxes between two places where the work may be broken off. */
const STRETCH = 2 ** 15

/** Greedy, per batch and class, best score first; a box goes if it overlaps a chosen one by more than the threshold. */
export const NonMaxSuppression = defineOp({
  name: 'NonMaxSuppression',
  arity: [2, 5],
  attributes: { center_point_box: int(0) },
  *work({ attributes, inputs, room }) {
    const [boxes, scores] = [inputs[0], inputs[1]]
    const [batches, count] = boxes.shape
    const classes = scores.shape[1]
    if (boxes.dtype !== 'float32' || scores.dtype !== 'float32')
      throw new LanewiseError('E_UNSUPPORTED', `boxes of ${boxes.dtype}, scores of ${scores.dtype}`)
    if (
      boxes.shape.length !== 3 ||
      boxes.shape[2] !== 4 ||
      scores.shape.length !== 3 ||
      scores.shape[0] !== batches ||
      scores.shape[2] !== count
    ) {
      throw new LanewiseError(
        'E_SHAPE',
        `boxes ${formatShape(boxes.shape)} and scores ${formatShape(scores.shape)} do not fit [B,N,4] and [B,C,N]`,
      )
    }
    const limit = inputs[2] ? toNumbers(inputs[2], 'max_output_boxes_per_class')[0] : 0
    const iouThreshold = scalar(inputs[3]) ?? 0
    if (!(iouThreshold >= 0 && iouThreshold <= 1))
      throw new LanewiseError('E_VALUE', `iou_threshold ${iouThreshold} is outside [0, 1]`)
    const selected: number[] = []
    for (let batch = 0; batch < batches && limit > 0; batch++) {
      const corners = cornersOf(
        (boxes.data as Float32Array).subarray(batch * count * 4, (batch + 1) * count * 4),
        attributes.center_point_box !== 0,
      )
      for (let c = 0; c < classes; c++) {
        const from = (batch * classes + c) * count
        const row = (scores.data as Float32Array).subarray(from, from + count)
        const chosen = yield* suppress(corners, row, limit, iouThreshold, scalar(inputs[4]))
        // Once as numbers, once as the result.
        room?.reserve(0, 2 * 24 * (selected.length / 3 + chosen.length))
        for (const box of chosen) selected.push(batch, c, box)
        yield
      }
    }
    return [hostTensor('int64', [selected.length / 3, 3], BigInt64Array.from(selected, BigInt))]
  },
})

function scalar(tensor: HostTensor | undefined): number | undefined {
  return tensor && (tensor.data as Float32Array)[0]
}

/** Boxes as y0, x0, y1, x1 with y0 <= y1 and x0 <= x1. */
function cornersOf(boxes: Float32Array, centered: boolean): Float32Array {
  const corners = new Float32Array(boxes.length)
  for (let i = 0; i < boxes.length; i += 4) {
    const [a, b, c, d] = [boxes[i], boxes[i + 1], boxes[i + 2], boxes[i + 3]]
    // The one form is two corners, y first; the other the center, x first, and width and height.
    if (centered) corners.set([b - d / 2, a - c / 2, b + d / 2, a + c / 2], i)
    else corners.set([Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)], i)
  }
  return corners
}

function* suppress(
  corners: Float32Array,
  scores: Float32Array,
  limit: number,
  iouThreshold: number,
  scoreThreshold: number | undefined,
): Generator<undefined, number[], undefined> {
  const candidates: number[] = []
  for (let i = 0; i < scores.length; i++)
    if (scoreThreshold === undefined || scores[i] > scoreThreshold) candidates.push(i)
  candidates.sort((i, j) => scores[j] - scores[i] || i - j)
  const chosen: number[] = []
  let compared = 0
  for (const box of candidates) {
    if (chosen.length >= limit) break
    compared += chosen.length
    if (compared > STRETCH) {
      compared = 0
      yield
    }
    if (!chosen.some((other) => overlap(corners, box, other) > iouThreshold)) chosen.push(box)
  }
  return chosen
}

/** Intersection over union, in float32 steps: the threshold may be met exactly. */
function overlap(corners: Float32Array, i: number, j: number): number {
  const a = i * 4
  const b = j * 4
  const f = Math.fround
  const height = f(Math.min(corners[a + 2], corners[b + 2]) - Math.max(corners[a], corners[b]))
  const width = f(Math.min(corners[a + 3], corners[b + 3]) - Math.max(corners[a + 1], corners[b + 1]))
  if (!(height > 0 && width > 0)) return 0
  const both = f(height * width)
  const areaA = f(f(corners[a + 2] - corners[a]) * f(corners[a + 3] - corners[a + 1]))
  const areaB = f(f(corners[b + 2] - corners[b]) * f(corners[b + 3] - corners[b + 1]))
  return f(both / f(f(areaA + areaB) - both))
}
