import type { PathCommand } from 'opentype.js'

/**
 * A digit as a small map that is stretched to any size: rows from the top, its ink exactly `height` rows high and
 * `width` columns wide in the middle of a margin. Values of a distance map are distances to the outline in heights of
 * the digit, positive inside; those of a cover map are shares of ink.
 */
export interface Glyph {
  readonly digit: number
  readonly kind: 'distance' | 'cover'
  /** Width of the ink by its height. */
  readonly aspect: number
  readonly columns: number
  readonly rows: number
  readonly data: Float32Array
}

/** Rows of ink in a map, and the margin around it. */
export const ROWS = 40
export const MARGIN = 6
/** Pixels per row of the finer picture that distances are measured in. */
const FINE = 3

/** A black and white picture. */
export interface Ink {
  readonly width: number
  readonly height: number
  /** 1 where there is ink. */
  readonly data: Uint8Array
}

type Point = readonly [x: number, y: number]

/** Straight pieces of an outline. */
export function flattened(commands: readonly PathCommand[], pieces = 8): Point[][] {
  const contours: Point[][] = []
  let contour: Point[] = []
  let [x, y] = [0, 0]
  for (const command of commands) {
    if (command.type === 'Z') continue
    if (command.type === 'M') {
      contour = [[command.x, command.y]]
      contours.push(contour)
    } else if (command.type === 'L') contour.push([command.x, command.y])
    else {
      const { x1, y1 } = command
      for (let i = 1; i <= pieces; i++) {
        const t = i / pieces
        const s = 1 - t
        if (command.type === 'Q')
          contour.push([s * s * x + 2 * s * t * x1 + t * t * command.x, s * s * y + 2 * s * t * y1 + t * t * command.y])
        else
          contour.push([
            s * s * s * x + 3 * s * s * t * x1 + 3 * s * t * t * command.x2 + t * t * t * command.x,
            s * s * s * y + 3 * s * s * t * y1 + 3 * s * t * t * command.y2 + t * t * t * command.y,
          ])
      }
    }
    ;[x, y] = [command.x, command.y]
  }
  return contours
}

/**
 * Fills what the outline goes round, by the non-zero rule, so that the ink's box is `rows` high. Undefined for an
 * outline without area.
 */
export function filled(contours: readonly Point[][], rows: number): Ink | undefined {
  const points = contours.flat()
  if (points.length === 0) return undefined
  const [left, right] = [Math.min(...points.map(([x]) => x)), Math.max(...points.map(([x]) => x))]
  const [top, bottom] = [Math.min(...points.map(([, y]) => y)), Math.max(...points.map(([, y]) => y))]
  if (!(bottom > top && right > left)) return undefined
  const scale = rows / (bottom - top)
  const width = Math.max(1, Math.round((right - left) * scale))
  const data = new Uint8Array(width * rows)
  for (let row = 0; row < rows; row++) {
    const y = top + (row + 0.5) / scale
    const crossings: [x: number, turn: number][] = []
    for (const contour of contours) {
      for (let i = 0; i < contour.length; i++) {
        const [x0, y0] = contour[i]
        const [x1, y1] = contour[(i + 1) % contour.length]
        if (y0 <= y !== y1 <= y) crossings.push([x0 + ((y - y0) / (y1 - y0)) * (x1 - x0), y1 > y0 ? 1 : -1])
      }
    }
    crossings.sort(([a], [b]) => a - b)
    let turns = 0
    for (let i = 0; i + 1 < crossings.length; i++) {
      turns += crossings[i][1]
      if (turns === 0) continue
      const from = Math.max(0, Math.ceil((crossings[i][0] - left) * scale - 0.5))
      const to = Math.min(width - 1, Math.floor((crossings[i + 1][0] - left) * scale - 0.5))
      for (let column = from; column <= to; column++) data[row * width + column] = 1
    }
  }
  return { width, height: rows, data }
}

/** Height in pixels of a fine picture from which {@link distanceGlyph} makes a glyph. */
export const FINE_ROWS = ROWS * FINE

/** A distance map of ink that fills its picture from edge to edge and is {@link FINE_ROWS} high. */
export function distanceGlyph(digit: number, ink: Ink): Glyph {
  const pad = MARGIN * FINE
  const [width, height] = [ink.width + 2 * pad, ink.height + 2 * pad]
  const inside = new Float64Array(width * height)
  const outside = new Float64Array(width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = [x - pad, y - pad]
      const set = u >= 0 && v >= 0 && u < ink.width && v < ink.height && ink.data[v * ink.width + u] === 1
      inside[y * width + x] = set ? FAR : 0
      outside[y * width + x] = set ? 0 : FAR
    }
  }
  squaredDistances(inside, width, height)
  squaredDistances(outside, width, height)
  const columns = Math.max(1, Math.ceil(ink.width / FINE)) + 2 * MARGIN
  const rows = ROWS + 2 * MARGIN
  const data = new Float32Array(columns * rows)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const x = Math.min(width - 1, column * FINE + (FINE >> 1))
      const at = (row * FINE + (FINE >> 1)) * width + x
      // The outline is half a pixel away from the first pixel of the other kind.
      const distance = outside[at] > 0 ? 0.5 - Math.sqrt(outside[at]) : Math.sqrt(inside[at]) - 0.5
      data[row * columns + column] = distance / ink.height
    }
  }
  return { digit, kind: 'distance', aspect: ink.width / ink.height, columns, rows, data }
}

const FAR = 1e12

/**
 * Squared distances to the nearest 0, in place (Felzenszwalb & Huttenlocher, "Distance transforms of sampled
 * functions", 2012).
 */
function squaredDistances(grid: Float64Array, width: number, height: number): void {
  const size = Math.max(width, height)
  const f = new Float64Array(size)
  const v = new Int32Array(size)
  const z = new Float64Array(size + 1)
  const line = (start: number, step: number, count: number) => {
    for (let i = 0; i < count; i++) f[i] = grid[start + i * step]
    let k = 0
    v[0] = 0
    z[0] = -Infinity
    z[1] = Infinity
    for (let q = 1; q < count; q++) {
      let s = (f[q] + q * q - f[v[k]] - v[k] * v[k]) / (2 * (q - v[k]))
      while (s <= z[k]) {
        k--
        s = (f[q] + q * q - f[v[k]] - v[k] * v[k]) / (2 * (q - v[k]))
      }
      k++
      v[k] = q
      z[k] = s
      z[k + 1] = Infinity
    }
    k = 0
    for (let q = 0; q < count; q++) {
      while (z[k + 1] < q) k++
      grid[start + q * step] = (q - v[k]) ** 2 + f[v[k]]
    }
  }
  for (let x = 0; x < width; x++) line(x, width, height)
  for (let y = 0; y < height; y++) line(y * width, 1, width)
}
