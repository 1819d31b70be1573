import { checkArguments } from '../core/arguments.js'
import { checkNumber } from '../core/options.js'
import { cos, sin } from '../core/scalar-functions.js'
import { Random } from '../core/random.js'
import { Tensor } from '../api/tensor.js'
import { ImageSet } from './image-set.js'
import { drawLine, smooth, type Point, type Stroke } from './strokes.js'

/** Part of a way of writing a digit: through corners, or smoothly through the points. */
interface Part {
  readonly points: Stroke
  readonly round: boolean
}

const line = (...points: Point[]): Part => ({ points, round: false })
const round = (...points: Point[]): Part => ({ points, round: true })

/** The ways people write each digit, in [−1, 1]². */
const ways: readonly (readonly (readonly Part[])[])[] = [
  [
    [round([0.1, -1], [-0.45, -0.7], [-0.6, 0], [-0.45, 0.7], [0, 1], [0.45, 0.7], [0.6, 0], [0.45, -0.7], [0.05, -1])],
    [
      round(
        [0.3, -0.85],
        [-0.2, -1],
        [-0.6, -0.4],
        [-0.55, 0.5],
        [-0.1, 1],
        [0.4, 0.75],
        [0.6, 0.1],
        [0.5, -0.6],
        [0.1, -0.95],
      ),
    ],
  ],
  [
    [line([0, -1], [0, 1])],
    [line([0, -1], [0, 1])],
    [line([-0.35, -0.65], [0.02, -1], [0, 1])],
    [line([-0.3, -0.65], [0, -1], [0, 1]), line([-0.35, 1], [0.35, 1])],
  ],
  [
    [
      round(
        [-0.6, -0.55],
        [-0.35, -0.9],
        [0.05, -1],
        [0.45, -0.85],
        [0.55, -0.45],
        [0.3, 0.1],
        [-0.15, 0.6],
        [-0.6, 0.97],
      ),
      line([-0.6, 0.97], [0.65, 0.95]),
    ],
    [
      round(
        [-0.55, -0.6],
        [-0.15, -1],
        [0.4, -0.85],
        [0.5, -0.35],
        [0.15, 0.3],
        [-0.35, 0.85],
        [-0.6, 0.8],
        [-0.5, 0.55],
        [-0.1, 0.65],
        [0.3, 0.95],
        [0.7, 0.85],
      ),
    ],
  ],
  [
    [
      round([-0.55, -0.75], [-0.1, -1], [0.4, -0.85], [0.45, -0.4], [0.1, -0.1], [-0.15, -0.05]),
      round([-0.15, -0.05], [0.4, 0.1], [0.58, 0.5], [0.3, 0.9], [-0.15, 1], [-0.6, 0.75]),
    ],
    [
      line([-0.5, -0.95], [0.45, -0.95], [-0.05, -0.15]),
      round([-0.05, -0.15], [0.45, 0.05], [0.55, 0.5], [0.25, 0.9], [-0.15, 1], [-0.55, 0.8]),
    ],
  ],
  [
    [line([-0.5, -0.85], [-0.52, 0.08], [0.55, 0.02]), line([0.42, -0.9], [0.38, 1])],
    [round([-0.4, -0.9], [-0.6, -0.3], [-0.5, 0.1], [0, 0.1], [0.5, -0.1]), line([0.5, -0.9], [0.45, 0], [0.3, 1])],
    [line([0.3, 1], [0.3, -1], [-0.65, 0.35], [0.65, 0.35])],
  ],
  [
    [
      line([0.55, -0.97], [-0.35, -0.95], [-0.42, -0.15]),
      round([-0.42, -0.15], [0, -0.3], [0.45, -0.05], [0.55, 0.45], [0.2, 0.92], [-0.2, 1], [-0.6, 0.8]),
    ],
    [
      line([-0.3, -0.9], [-0.4, -0.15]),
      round([-0.4, -0.15], [0.05, -0.2], [0.45, 0.1], [0.45, 0.6], [0.1, 0.95], [-0.55, 0.9]),
      line([-0.3, -0.9], [0.6, -1]),
    ],
  ],
  [
    [
      round(
        [0.35, -1],
        [-0.15, -0.7],
        [-0.5, -0.05],
        [-0.55, 0.55],
        [-0.15, 0.97],
        [0.35, 0.85],
        [0.52, 0.45],
        [0.25, 0.1],
        [-0.2, 0.15],
        [-0.5, 0.5],
      ),
    ],
    [
      round(
        [0.05, -1],
        [-0.35, -0.4],
        [-0.5, 0.3],
        [-0.3, 0.9],
        [0.2, 0.95],
        [0.45, 0.6],
        [0.25, 0.25],
        [-0.2, 0.35],
        [-0.4, 0.65],
      ),
    ],
  ],
  [
    [line([-0.6, -0.92], [0.58, -0.95], [0, 1])],
    [
      line([-0.6, -0.7], [-0.55, -0.92]),
      round([-0.55, -0.92], [0, -0.9], [0.58, -0.95]),
      round([0.58, -0.95], [0.2, -0.3], [0, 0.3], [-0.1, 1]),
    ],
    [line([-0.6, -0.92], [0.58, -0.95], [0, 1]), line([-0.3, 0.05], [0.5, 0])],
  ],
  [
    [
      round(
        [0.4, -0.75],
        [0, -1],
        [-0.42, -0.75],
        [-0.3, -0.3],
        [0.3, 0.15],
        [0.5, 0.6],
        [0.05, 1],
        [-0.48, 0.65],
        [-0.3, 0.2],
        [0.3, -0.3],
        [0.45, -0.7],
      ),
    ],
    [
      round([0, -0.08], [-0.4, -0.5], [0, -1], [0.4, -0.5], [0, -0.08]),
      round([0, -0.08], [-0.5, 0.45], [0, 1], [0.5, 0.45], [0, -0.08]),
    ],
  ],
  [
    [
      round([0.48, -0.6], [0.1, -1], [-0.42, -0.8], [-0.48, -0.35], [-0.05, -0.1], [0.35, -0.3], [0.48, -0.65]),
      round([0.48, -0.65], [0.46, 0.2], [0.3, 1]),
    ],
    [
      round([0.5, -0.65], [0.15, -1], [-0.4, -0.75], [-0.4, -0.3], [0, -0.12], [0.4, -0.35], [0.5, -0.65]),
      round([0.5, -0.65], [0.5, 0.3], [0.2, 0.9], [-0.4, 0.9]),
    ],
  ],
]

/** Names of the ten classes. */
export const digitNames: readonly string[] = Array.from('0123456789')

/**
 * One digit written with a shaky hand, as a grey picture of size × size, 0 (paper) to 1 (ink). The way of writing,
 * slant, angle, proportions, the pen and every point vary. It is placed as in MNIST: the larger side of what is written
 * takes 20 of 28, its centre of mass is that of the picture.
 */
export function drawDigit(digit: number, size: number, random: Random): Float32Array<ArrayBuffer> {
  checkArguments('drawDigit', { digit, size, random }, 'number', 'number', 'random')
  checkNumber('digit', digit, { least: 0, most: 9, whole: true })
  checkNumber('size', size, { least: 1, most: 4096, whole: true })

  const either = (most: number) => random.between(-most, most)
  const parts = ways[digit][random.integer(ways[digit].length)]
  const angle = either(0.18)
  const [c, s] = [cos(angle), sin(angle)]
  // Most people lean to the right.
  const shear = random.between(-0.15, 0.45)
  const stretch = random.between(0.75, 1.25)
  const pen = (size / 28) * random.between(0.55, 1.55)
  const shake = random.between(0.03, 0.11)
  // Parts that meet go on meeting.
  const moved = new Map<string, Point>()
  const place = (point: Point): Point => {
    const key = point.join()
    let at = moved.get(key)
    if (!at) {
      const [x, y] = [point[0] + either(shake), point[1] + either(shake)]
      const [u, v] = [(x - shear * y) * stretch, y]
      at = [u * c - v * s, u * s + v * c]
      moved.set(key, at)
    }
    return at
  }
  const strokes = parts.map(({ points, round }) => (round ? smooth(points.map(place)) : points.map(place)))

  const all = strokes.flat()
  const [xs, ys] = [all.map(([x]) => x), all.map(([, y]) => y)]
  const extent = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys))
  const scale = ((size * 20) / 28 - 2 * pen) / extent
  const [mx, my] = centreOf(strokes)
  const centre = (size - 1) / 2
  const picture = new Float32Array(size * size)
  for (const stroke of strokes) {
    const points = stroke.map(([x, y]): Point => [centre + scale * (x - mx), centre + scale * (y - my)])
    for (let i = 1; i < points.length; i++) drawLine(picture, size, points[i - 1], points[i], pen)
  }
  return picture
}

/** The centre of mass of lines of even thickness. */
function centreOf(strokes: readonly Stroke[]): Point {
  let [x, y, total] = [0, 0, 0]
  for (const stroke of strokes) {
    for (let i = 1; i < stroke.length; i++) {
      const [[ax, ay], [bx, by]] = [stroke[i - 1], stroke[i]]
      const length = Math.sqrt((bx - ax) * (bx - ax) + (by - ay) * (by - ay))
      x += (length * (ax + bx)) / 2
      y += (length * (ay + by)) / 2
      total += length
    }
  }
  return [x / total, y / total]
}

/**
 * A set of written digits that nobody has to download, in the form of MNIST: as many of each digit, in turns. A digit
 * depends on the seed and its place only, so sets of one seed begin alike and sets of two seeds have nothing in common.
 */
export function generateDigits(count: number, seed: number, size = 28): ImageSet {
  checkArguments('generateDigits', { count, seed, size }, 'number', 'number', 'number?')
  checkNumber('count', count, { least: 0, most: 2 ** 31, whole: true })
  checkNumber('size', size, { least: 1, most: 4096, whole: true })

  const pixels = new Uint8Array(count * size * size)
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 10)
  for (let i = 0; i < count; i++) {
    const picture = drawDigit(i % 10, size, Random.at(seed, i))
    for (let k = 0; k < picture.length; k++) pixels[i * size * size + k] = Math.floor(255 * picture[k] + 0.5)
  }
  return new ImageSet(
    new Tensor('uint8', pixels, [count, size, size]),
    new Tensor('uint8', labels, [count]),
    digitNames,
  )
}
