/** Drawing with a round pen, in coordinates of the caller's choice, y downwards. */
export type Point = readonly [x: number, y: number]
/** Points that are joined by lines. */
export type Stroke = readonly Point[]

/** A smooth way through the points (Catmull and Rom, 1974), as a stroke of short lines. */
export function smooth(points: Stroke, steps = 6): Stroke {
  const way: Point[] = [points[0]]
  for (let i = 0; i + 1 < points.length; i++) {
    const [a, b, c, d] = [
      points[Math.max(0, i - 1)],
      points[i],
      points[i + 1],
      points[Math.min(points.length - 1, i + 2)],
    ]
    for (let k = 1; k <= steps; k++) {
      const t = k / steps
      const at = (axis: 0 | 1) =>
        b[axis] +
        0.5 *
          t *
          (c[axis] -
            a[axis] +
            t * (2 * a[axis] - 5 * b[axis] + 4 * c[axis] - d[axis] + t * (3 * (b[axis] - c[axis]) + d[axis] - a[axis])))
      way.push([at(0), at(1)])
    }
  }
  return way
}

/**
 * Darkens the pixels of a size × size picture within `pen` of a line to 1, smoothly at its edge. All arithmetic is
 * rounded alike by every engine.
 */
export function drawLine(picture: Float32Array, size: number, [ax, ay]: Point, [bx, by]: Point, pen: number): void {
  const margin = pen + 1
  const length2 = (bx - ax) * (bx - ax) + (by - ay) * (by - ay) || 1
  for (let y = Math.max(0, Math.floor(Math.min(ay, by) - margin)); y < Math.min(size, Math.max(ay, by) + margin); y++) {
    for (
      let x = Math.max(0, Math.floor(Math.min(ax, bx) - margin));
      x < Math.min(size, Math.max(ax, bx) + margin);
      x++
    ) {
      const t = Math.min(1, Math.max(0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length2))
      const [dx, dy] = [x - ax - t * (bx - ax), y - ay - t * (by - ay)]
      const ink = pen + 0.5 - Math.sqrt(dx * dx + dy * dy)
      picture[y * size + x] = Math.max(picture[y * size + x], Math.min(1, ink))
    }
  }
}

/** A picture of 0 (paper) to 1 (ink) for a terminal: lines of characters from light to dark. */
export function blocks(picture: Float32Array, size: number, columns = 40): string[] {
  const shades = ' ░▒▓█'
  const rows = columns / 2
  return Array.from({ length: rows }, (_, row) => {
    let text = ''
    for (let column = 0; column < columns; column++) {
      let ink = 0
      let count = 0
      for (let y = Math.floor((row * size) / rows); y < ((row + 1) * size) / rows; y++) {
        for (let x = Math.floor((column * size) / columns); x < ((column + 1) * size) / columns; x++, count++)
          ink += picture[y * size + x]
      }
      text += shades[Math.min(4, Math.floor((ink / count) * 6))]
    }
    return text
  })
}
