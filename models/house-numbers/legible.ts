// People labelled the real pictures, so every real number can be read. What blur, noise, textures and faint paint leave
// of drawn digits is measured here, and what nobody could read is drawn anew. The three limits were set by eye on
// sheets of pictures sorted by each measure; no network took part.

/** How alike the digits are to what they were before the camera: their correlation. */
const LEAST_LIKENESS = 0.78
/** Greys over two pixels, root of the mean square, that the digits still make. */
const LEAST_EDGES = 0.022
/** The same, as a multiple of what texture and noise make. */
const LEAST_CLEARNESS = 1.9

/** What digits add to less than this is not part of them. */
const FAINT = 0.02
/** Pixels that an edge of a digit takes. */
const STEP = 2

/**
 * Whether the digits of a picture can be read.
 * @param picture - the finished picture, [side, side].
 * @param drawn - what the digits added to it when they were painted, [side, side].
 * @param left - what is left of that after light, sensor and blur, [side, side].
 */
export function legible(picture: Float32Array, drawn: Float32Array, left: Float32Array, side: number): boolean {
  const [x0, y0, x1, y1] = boxOf(drawn, side)
  let [count, sumDrawn, sumLeft, drawnDrawn, leftLeft, drawnLeft] = [0, 0, 0, 0, 0, 0]
  let [edges, squares] = [0, 0]
  for (let y = y0; y <= y1; y++) {
    for (let x = x0; x <= x1; x++) {
      const at = y * side + x
      const [d, l] = [drawn[at], left[at]]
      count++
      sumDrawn += d
      sumLeft += l
      drawnDrawn += d * d
      leftLeft += l * l
      drawnLeft += d * l
      if (x + STEP <= x1) {
        edges++
        squares += (left[at + STEP] - l) ** 2
      }
      if (y + STEP <= y1) {
        edges++
        squares += (left[at + STEP * side] - l) ** 2
      }
    }
  }
  const variances = (drawnDrawn - (sumDrawn * sumDrawn) / count) * (leftLeft - (sumLeft * sumLeft) / count)
  const likeness = (drawnLeft - (sumDrawn * sumLeft) / count) / Math.sqrt(variances)
  const strength = Math.sqrt(squares / edges)
  if (!(likeness >= LEAST_LIKENESS && strength >= LEAST_EDGES)) return false
  // Half of the steps of what is not ink have to be smaller: a median, which the few high ones at the edge of a plate
  // do not move.
  const most = strength / LEAST_CLEARNESS
  let smaller = 0
  for (let y = y0; y <= y1; y++) {
    for (let x = x0; x <= x1; x++) {
      const at = y * side + x
      const rest = picture[at] - left[at]
      if (x + STEP <= x1 && Math.abs(picture[at + STEP] - left[at + STEP] - rest) <= most) smaller++
      const below = at + STEP * side
      if (y + STEP <= y1 && Math.abs(picture[below] - left[below] - rest) <= most) smaller++
    }
  }
  return 2 * smaller >= edges
}

/** Left, top, right and bottom of what is drawn; a box without a pixel where nothing is. */
function boxOf(drawn: Float32Array, side: number): [number, number, number, number] {
  let [x0, y0, x1, y1] = [side, side, -1, -1]
  for (let y = 0, at = 0; y < side; y++)
    for (let x = 0; x < side; x++, at++)
      if (Math.abs(drawn[at]) > FAINT) {
        x0 = Math.min(x0, x)
        x1 = Math.max(x1, x)
        y0 = Math.min(y0, y)
        y1 = y
      }
  return [x0, y0, x1, y1]
}
