// Ten shapes drawn with a shaky hand: pictures that nobody has to download.
import { drawLine, type Point, type Stroke } from '../../src/data/strokes.js'

const closed = (points: Stroke): Stroke => [...points, points[0]]
const curve = (steps: number, at: (t: number) => Point): Stroke => Array.from({ length: steps + 1 }, (_, i) => at(i / steps))
const turn = (t: number, radius = 1): Point => [radius * Math.sin(2 * Math.PI * t), -radius * Math.cos(2 * Math.PI * t)]

/** What is drawn, in [−1, 1]². */
const shapes: Readonly<Record<string, readonly Stroke[]>> = {
  circle: [curve(36, (t) => turn(t, 0.95))],
  triangle: [closed([turn(0), turn(1 / 3), turn(2 / 3)])],
  square: [closed([[-0.8, -0.8], [0.8, -0.8], [0.8, 0.8], [-0.8, 0.8]])],
  star: [closed(Array.from({ length: 10 }, (_, i) => turn(i / 10, i % 2 === 0 ? 1 : 0.42)))],
  heart: [
    curve(36, (t) => {
      const a = 2 * Math.PI * t
      return [Math.sin(a) ** 3, -(13 * Math.cos(a) - 5 * Math.cos(2 * a) - 2 * Math.cos(3 * a) - Math.cos(4 * a)) / 16.5]
    }),
  ],
  arrow: [[[-1, 0], [1, 0]], [[0.35, -0.55], [1, 0], [0.35, 0.55]]],
  house: [closed([[-0.75, 0.95], [-0.75, -0.15], [0, -0.95], [0.75, -0.15], [0.75, 0.95]]), [[-0.75, -0.15], [0.75, -0.15]]],
  spiral: [curve(60, (t) => turn(2.6 * t, 0.1 + 0.9 * t))],
  lightning: [closed([[0.25, -1], [-0.6, 0.15], [-0.05, 0.15], [-0.3, 1], [0.6, -0.25], [0.05, -0.25]])],
  cross: [[[-0.8, -0.8], [0.8, 0.8]], [[0.8, -0.8], [-0.8, 0.8]]],
}

/** Names of the classes, in the order of the scores. */
export const labels: readonly string[] = Object.keys(shapes)

/**
 * One drawing as a grey picture of size × size, 0 (paper) to 1 (ink). Position, angle, proportions, the pen and every corner vary.
 *
 * @param random - numbers in [0, 1).
 */
export function draw(label: string, size: number, random: () => number): Float32Array<ArrayBuffer> {
  const spread = (amount: number) => (random() * 2 - 1) * amount
  const angle = spread(0.3)
  const scale = (size / 2) * (0.58 + random() * 0.24)
  const stretch = 1 + spread(0.15)
  const shear = spread(0.15)
  const [cx, cy] = [size / 2 + spread(size * 0.07), size / 2 + spread(size * 0.07)]
  const pen = (size / 64) * (1 + random() * 1.4)
  const place = ([x, y]: Point): Point => {
    const [u, v] = [(x + shear * y) * stretch + spread(0.03), y / stretch + spread(0.03)]
    return [cx + scale * (u * Math.cos(angle) - v * Math.sin(angle)), cy + scale * (u * Math.sin(angle) + v * Math.cos(angle))]
  }
  const picture = new Float32Array(size * size)
  for (const stroke of shapes[label]) {
    const points = stroke.map(place)
    // The end of a closed stroke meets its beginning.
    if (stroke[0] === stroke.at(-1)) points[points.length - 1] = points[0]
    for (let i = 1; i < points.length; i++) drawLine(picture, size, points[i - 1], points[i], pen)
  }
  for (let i = 0; i < picture.length; i++) picture[i] = Math.min(1, Math.max(0, picture[i] * 0.92 + spread(0.04) + 0.02))
  return picture
}
