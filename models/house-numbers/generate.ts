import { cos, exp, sin } from '../../src/core/scalar-functions.js'
import { onlyExample } from '../../src/data/dataset.js'
import { Random, Tensor, type Dataset, type Fields } from '../../src/train.js'
import { Camera } from './degrade.js'
import { fontFaces, glyphOf, handwrittenFace, photographedFaces, type Face, type Part } from './glyphs.js'
import { legible } from './legible.js'
import { MARGIN, ROWS, type Glyph } from './shapes.js'
import { drawnTextures, photographTextures, SIDE, type Texture } from './textures.js'

/** Heads of a reader: how many digits there are, and five digits. */
export const HEADS = 6
/** Labels of digits behind the number's end: they do not count. */
export const NO_DIGIT = -1
/** The label of numbers of more than five digits. */
export const TOO_MANY = 6

/** What pictures are made of. */
export interface World {
  readonly part: Part
  readonly fonts: readonly Face[]
  readonly photographed: readonly Face[]
  readonly handwritten: Face | undefined
  readonly drawn: readonly Texture[]
  readonly photographs: readonly Texture[]
}

const worlds = new Map<Part, Promise<World>>()

/** Fonts, digits and backgrounds of a part; nothing of one part is in the other. Loaded once. */
export function loadWorld(part: Part): Promise<World> {
  const known = worlds.get(part) ?? makeWorld(part)
  worlds.set(part, known)
  return known
}

async function makeWorld(part: Part): Promise<World> {
  return {
    part,
    fonts: await fontFaces(part),
    photographed: await photographedFaces(part),
    handwritten: await handwrittenFace(part, part === 'train' ? 80 : 40),
    drawn: drawnTextures(part),
    photographs: await photographTextures(part),
  }
}

/** What a generator makes besides numbers in the real set's distribution. */
export interface GeneratorOptions {
  /** Share of pictures without a digit; 0 by default. */
  readonly empty?: number
  /** Share of numbers with six or seven digits; 0 by default. */
  readonly tooLong?: number
  /** Pushes lengths towards more digits: every length gets that share of an even distribution. 0 by default. */
  readonly evenLengths?: number
}

/** Lengths of the numbers of SVHN's training part (Netzer et al., 2011): 1 … 5 digits. */
const lengths = [0.06, 0.38, 0.49, 0.0695, 0.0005]

/** Where a digit stands on its plate, in heights of a digit. */
interface Placed {
  readonly glyph: Glyph
  /** Left edge and top of the ink. */
  readonly x: number
  readonly y: number
  readonly size: number
}

const TEXTURE_MASK = SIDE - 1
/** How often a number is drawn anew, at most, that could not be read: about one in fifteen cannot. */
const ATTEMPTS = 20
const FONT_SHARE = { photographed: 0.12, handwritten: 0.04 }

/**
 * Draws crops of house numbers: side × side greys 0 … 1, cut as the real ones are by the box around all digits and a
 * margin of 30 %. A picture depends on seed and index alone.
 */
export class NumberGenerator {
  private readonly camera: Camera
  private readonly buffer: Float32Array
  /** What the digits add to the picture, as sharp as they were drawn, and as they are left in the finished picture. */
  private readonly drawn: Float32Array
  private readonly left: Float32Array
  private readonly placed: Placed[] = []
  /**
   * Digit heights a plate's point is away from the picture's left top corner, and so on: plate ← picture, as a
   * projective matrix.
   */
  private readonly inverse = new Float64Array(9)
  private slant = 0
  private stretch = 1

  constructor(
    private readonly world: World,
    readonly side: number,
    private readonly seed: number,
    private readonly options: GeneratorOptions = {},
  ) {
    this.camera = new Camera(side, Random.at(seed, -1))
    this.buffer = new Float32Array(side * side)
    this.drawn = new Float32Array(side * side)
    this.left = new Float32Array(side * side)
  }

  /** Draws picture `index` into `out` from `offset` on and returns its digits: none, or up to seven. */
  draw(index: number, out: Float32Array, offset: number): number[] {
    const random = Random.at(this.seed, index)
    const digits = this.digitsOf(random)
    const { buffer } = this
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const box = this.lay(random, digits.length === 0 ? [8, 8] : digits)
      this.project(random, box)
      const contrast = this.paint(random, box, digits.length > 0)
      this.degrade(random, box, contrast)
      if (digits.length === 0 || legible(buffer, this.drawn, this.left, this.side)) break
    }
    for (let i = 0; i < buffer.length; i++) out[offset + i] = Math.round(255 * clamp(buffer[i], 0, 1)) / 255
    return digits
  }

  private digitsOf(random: Random): number[] {
    const { empty = 0, tooLong = 0, evenLengths = 0 } = this.options
    const share = random.uniform()
    if (share < empty) return []
    let length = 1
    if (share < empty + tooLong) length = 6 + random.integer(2)
    else if (random.chance(evenLengths)) length = 1 + random.integer(5)
    else for (let left = random.uniform() - lengths[0]; left > 0 && length < 5; length++) left -= lengths[length]
    // Numbers do not begin with 0 (few real ones do).
    return Array.from({ length }, (_, i) =>
      i === 0 && random.chance(0.97) ? 1 + random.integer(9) : random.integer(10),
    )
  }

  private faceOf(random: Random): Face {
    const { fonts, photographed, handwritten } = this.world
    const share = random.uniform()
    if (share < FONT_SHARE.photographed && photographed.length > 0)
      return photographed[random.integer(photographed.length)]
    if (share > 1 - FONT_SHARE.handwritten && handwritten) return handwritten
    return fonts[random.integer(fonts.length)]
  }

  /** Sets the digits side by side; returns their common box: left, top, right, bottom. */
  private lay(random: Random, digits: readonly number[]): [number, number, number, number] {
    const face = this.faceOf(random)
    const cover = face.digits[0][0].kind === 'cover'
    const { placed } = this
    placed.length = 0
    this.slant = cover ? 0 : random.chance(0.12) ? random.between(-0.1, 0.35) : 0.05 * random.normal()
    this.stretch = exp((cover ? 0.1 : 0.2) * clamp(random.normal(), -2, 2))
    const gap = random.chance(0.15)
      ? random.between(0.15, 0.6)
      : cover
        ? random.between(-0.02, 0.1)
        : random.between(0.02, 0.2)
    const slope = random.chance(0.12) ? random.between(-0.5, 0.5) : 0
    const loose = random.chance(0.1) ? 0.1 : 0.015
    let x = 0
    for (const digit of digits) {
      const glyph = glyphOf(face, digit, random)
      const size = exp(loose * clamp(random.normal(), -2, 2))
      const width = glyph.aspect * this.stretch * size
      const y = slope * (x + width / 2) + loose * random.normal() + (1 - size) / 2
      placed.push({ glyph, x, y, size })
      x += width + gap + loose * random.normal()
    }
    return this.boxOf(placed)
  }

  private boxOf(placed: readonly Placed[]): [number, number, number, number] {
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity]
    for (const { glyph, x, y, size } of placed) {
      const lean = (this.slant * size) / 2
      left = Math.min(left, x - Math.abs(lean))
      right = Math.max(right, x + glyph.aspect * this.stretch * size + Math.abs(lean))
      top = Math.min(top, y)
      bottom = Math.max(bottom, y + size)
    }
    return [left, top, right, bottom]
  }

  /**
   * Chooses how the plate is seen, and cuts the picture as a person with a mouse would: the box around all digits, and
   * 15 % on each side.
   */
  private project(random: Random, box: [number, number, number, number]): void {
    const [left, top, right, bottom] = box
    const [u0, v0] = [(left + right) / 2, (top + bottom) / 2]
    const angle = random.chance(0.15) ? 0.2 * clamp(random.normal(), -2, 2) : 0.06 * random.normal()
    const [c, s] = [cos(angle), sin(angle)]
    const across = 0.06 * clamp(random.normal(), -2.5, 2.5)
    const [p, q] = [across / Math.max(1, right - left), 0.05 * clamp(random.normal(), -2.5, 2.5)]
    const skew = 0.06 * random.normal()
    // picture ← plate, with the plate's middle at the origin
    const h = [c, -s, 0, s + skew * c, c - skew * s, 0, p, q, 1]
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity]
    for (const { glyph, x, y, size } of this.placed) {
      const [width, lean] = [glyph.aspect * this.stretch * size, (this.slant * size) / 2]
      for (const [u, v] of [
        [x + lean, y],
        [x + width + lean, y],
        [x - lean, y + size],
        [x + width - lean, y + size],
      ]) {
        const w = p * (u - u0) + q * (v - v0) + 1
        const X = (h[0] * (u - u0) + h[1] * (v - v0)) / w
        const Y = (h[3] * (u - u0) + h[4] * (v - v0)) / w
        ;[x0, x1] = [Math.min(x0, X), Math.max(x1, X)]
        ;[y0, y1] = [Math.min(y0, Y), Math.max(y1, Y)]
      }
    }
    const [width, height] = [x1 - x0, y1 - y0]
    const wrong = () => 0.04 * clamp(random.normal(), -2.5, 2.5)
    x0 += (wrong() - 0.15) * width
    x1 += (wrong() + 0.15) * width
    y0 += (wrong() - 0.15) * height
    y1 += (wrong() + 0.15) * height
    const [sx, sy] = [this.side / (x1 - x0), this.side / (y1 - y0)]
    // pixels ← plate
    const m = [
      ...[sx * (h[0] - x0 * p), sx * (h[1] - x0 * q), -sx * x0],
      ...[sy * (h[3] - y0 * p), sy * (h[4] - y0 * q), -sy * y0],
      ...[p, q, 1],
    ]
    const i = this.inverse
    i[0] = m[4] * m[8] - m[5] * m[7]
    i[1] = m[2] * m[7] - m[1] * m[8]
    i[2] = m[1] * m[5] - m[2] * m[4]
    i[3] = m[5] * m[6] - m[3] * m[8]
    i[4] = m[0] * m[8] - m[2] * m[6]
    i[5] = m[2] * m[3] - m[0] * m[5]
    i[6] = m[3] * m[7] - m[4] * m[6]
    i[7] = m[1] * m[6] - m[0] * m[7]
    i[8] = m[0] * m[4] - m[1] * m[3]
    // The origin goes back to where the plate's coordinates have it.
    for (let k = 0; k < 3; k++) {
      i[k] += u0 * i[6 + k]
      i[3 + k] += v0 * i[6 + k]
    }
  }

  private texture(random: Random): Texture {
    const { drawn, photographs } = this.world
    const list = photographs.length > 0 && random.chance(0.4) ? photographs : drawn
    return list[random.integer(list.length)]
  }

  /** Paints wall, plate and digits; returns the difference of greys between digits and ground. */
  private paint(random: Random, [left, top, right, bottom]: [number, number, number, number], ink: boolean): number {
    const { side, buffer, placed, inverse: m } = this
    const contrast = clamp(0.28 * exp(0.48 * random.normal()), 0.13, 0.85)
    const ground = random.between(0.08, 0.9)
    const up = ground + contrast > 1 ? false : ground - contrast < 0 ? true : random.chance(0.5)
    const tone = up ? Math.min(1, ground + contrast) : Math.max(0, ground - contrast)
    const plate = random.chance(0.55)
    const wall = plate ? random.between(0.05, 0.95) : ground
    const ellipse = plate && random.chance(0.1)
    const [mx, my] = [random.between(0.04, 0.5), random.between(0.04, 0.45)]
    const [cu, cv] = [(left + right) / 2 + 0.05 * random.normal(), (top + bottom) / 2 + 0.04 * random.normal()]
    const grow = ellipse ? 1.35 : 1
    const [ru, rv] = [((right - left) / 2 + mx) * grow, ((bottom - top) / 2 + my) * grow]
    const frame = plate && random.chance(0.3)
    const [frameFrom, frameTo] = [random.between(0, 0.1), random.between(0.02, 0.08)]
    const frameTone = random.chance(0.7) ? tone : random.uniform()
    const bolts = random.chance(0.2) ? (random.chance(0.5) ? 2 : 4) : 0
    const boltTone = random.uniform()
    const boltSize = random.between(0.03, 0.07)
    const [boltU, boltV] = [ru * random.between(0.8, 0.97), bolts === 4 ? rv * random.between(0.75, 0.92) : 0]
    const outer = this.texture(random)
    const inner = this.texture(random)
    const wallAmount =
      contrast * (random.chance(0.2) ? random.between(0.2, plate ? 0.9 : 0.45) : random.between(0, 0.3))
    const innerAmount = contrast * (plate ? random.between(0, 0.2) : random.between(0, 0.35))
    const inkAmount = contrast * random.between(0, 0.25)
    const [tx, ty] = [random.integer(SIDE), random.integer(SIDE)]
    const step = random.between(8, 100) / side
    const stepY = step * random.between(0.5, 1.5)
    // The distance in pixels that a digit's height is: as much blur as one pixel makes by itself.
    const sharp = 0.8 * side * Math.min(1, 1 / Math.max(1, right - left)) * 1.5
    const bold = 0.012 * random.normal() + 0.008
    const outline = random.chance(0.07) ? random.between(0.03, 0.07) : 0
    const outlineTone = random.uniform()
    const shadow = random.chance(0.18) ? random.between(0.3, 0.9) : 0
    const [su, sv] = [random.between(-0.08, 0.08), random.between(0.0, 0.09)]
    const shadowTone = random.chance(0.8) ? Math.max(0, ground - 0.3) : Math.min(1, ground + 0.3)
    const hollow = random.chance(0.03) ? random.between(0.03, 0.05) : 0
    if (ink && random.chance(0.08)) this.addNeighbour(random, left, right)
    const o = this.slant
    for (let y = 0, at = 0; y < side; y++) {
      for (let x = 0; x < side; x++, at++) {
        const px = x + 0.5
        const py = y + 0.5
        const w = 1 / (m[6] * px + m[7] * py + m[8])
        const u = (m[0] * px + m[1] * py + m[2]) * w
        const v = (m[3] * px + m[4] * py + m[5]) * w
        const place = (((ty + y * stepY) & TEXTURE_MASK) * SIDE + ((tx + x * step) & TEXTURE_MASK)) | 0
        let value = wall + wallAmount * outer.data[place]
        if (plate) {
          const du = Math.abs(u - cu)
          const dv = Math.abs(v - cv)
          // Positive inside the plate, in heights of a digit.
          const depth = ellipse
            ? (1 - Math.sqrt((du / ru) * (du / ru) + (dv / rv) * (dv / rv))) * Math.min(ru, rv)
            : Math.min(ru - du, rv - dv)
          const share = clamp(0.5 + depth * sharp, 0, 1)
          if (share > 0) {
            let surface = ground + innerAmount * inner.data[place]
            if (frame && depth > frameFrom && depth < frameFrom + frameTo) surface = frameTone
            value += share * (surface - value)
          }
        }
        if (bolts > 0) {
          const du = Math.abs(u - cu) - boltU
          const dv = bolts === 4 ? Math.abs(v - cv) - boltV : v - cv
          if (du * du + dv * dv < boltSize * boltSize) value = boltTone
        }
        const bare = value
        if (ink) {
          if (shadow > 0) {
            const dark = this.inkAt(u - su, v - sv, o, bold, sharp)
            if (dark > 0) value += shadow * dark * (shadowTone - value)
          }
          if (outline > 0) {
            const around = this.inkAt(u, v, o, bold + outline, sharp)
            if (around > 0) value += around * (outlineTone - value)
          }
          let share = this.inkAt(u, v, o, bold, sharp)
          if (hollow > 0 && share > 0) share -= 0.8 * Math.max(0, this.inkAt(u, v, o, bold - hollow, sharp))
          if (share !== 0) value += share * (tone + inkAmount * outer.data[place] - value)
        }
        buffer[at] = value
        this.drawn[at] = value - bare
      }
    }
    placed.length = 0
    return contrast
  }

  /** Half a digit at the left or right edge: that of the number beside it. */
  private addNeighbour(random: Random, left: number, right: number): void {
    const face = this.faceOf(random)
    const glyph = glyphOf(face, random.integer(10), random)
    const width = glyph.aspect * this.stretch
    const gap = random.between(0.1, 0.16) * Math.max(1, right - left)
    this.placed.push({
      glyph,
      x: random.chance(0.5) ? left - gap - width : right + gap,
      y: random.between(-0.1, 0.1),
      size: 1,
    })
  }

  /** The share of ink at a place of the plate, by the digit that covers most. */
  private inkAt(u: number, v: number, slant: number, bold: number, sharp: number): number {
    const { placed, stretch } = this
    let most = 0
    for (let i = 0; i < placed.length; i++) {
      const { glyph, x, y, size } = placed[i]
      const gv = (v - y) / size
      const fy = MARGIN - 0.5 + gv * ROWS
      if (fy < 0 || fy >= ROWS + 2 * MARGIN - 1) continue
      const fx = MARGIN - 0.5 + ((u - x - slant * size * (0.5 - gv)) / (size * stretch)) * ROWS
      const { columns, data } = glyph
      if (fx < 0 || fx >= columns - 1) continue
      const ix = fx | 0
      const iy = fy | 0
      const s = fx - ix
      const t = fy - iy
      const at = iy * columns + ix
      const value =
        (1 - t) * ((1 - s) * data[at] + s * data[at + 1]) +
        t * ((1 - s) * data[at + columns] + s * data[at + columns + 1])
      const share = glyph.kind === 'cover' ? value : clamp(0.5 + (value + bold) * size * sharp, 0, 1)
      if (Math.abs(share) > Math.abs(most)) most = share
    }
    return most
  }

  /** Light, a small sensor, blur, noise and JPEG. */
  private degrade(random: Random, box: [number, number, number, number], contrast: number): void {
    const { side, buffer, camera } = this
    this.left.set(this.drawn)
    this.light(random, contrast)
    const [wide, high] = [box[2] - box[0], box[3] - box[1]]
    const digits = Math.max(1, Math.round(wide / 0.6))
    // Heights of real digits: 33 pixels in the middle, 15 and 150 at the ends.
    const height = Math.max(33 * exp(0.6 * clamp(random.normal(), -2.2, 2.6)), (6.5 * digits) / wide)
    const toWidth = Math.round(clamp(1.3 * height * wide, 8, side))
    const toHeight = Math.round(clamp(1.3 * height * high, 12, side))
    if (toWidth < side || toHeight < side)
      for (const plane of [buffer, this.left]) camera.resize(plane, side, side, toWidth, toHeight)
    // Never so much that a stroke is wider than the digits' distance.
    const most = 0.09 * (toWidth / 1.3 / digits)
    const sigma = Math.min(most, random.chance(0.25) ? random.between(0.8, 2.5) : random.between(0.1, 1))
    const blurX = random.chance(0.15) ? Math.min(most, sigma + random.between(0, 1.5)) : sigma
    if (sigma > 0.2) for (const plane of [buffer, this.left]) camera.blur(plane, toWidth, toHeight, blurX, sigma)
    const noise = 0.004 + contrast * (random.chance(0.15) ? random.between(0.05, 0.15) : random.between(0, 0.05))
    camera.addNoise(buffer, toWidth * toHeight, noise, random)
    // What is faint would not be left at all.
    const least = clamp(95 - 170 * contrast, 35, 80)
    if (random.chance(0.6)) camera.jpeg(buffer, toWidth, toHeight, random.between(least, 92))
    if (toWidth < side || toHeight < side)
      for (const plane of [buffer, this.left]) camera.resize(plane, toWidth, toHeight, side, side)
  }

  /**
   * A gradient of brightness; at times the edge of a shadow or a gleam, neither stronger than lets the digits be read;
   * the camera's exposure.
   */
  private light(random: Random, contrast: number): void {
    const { side, buffer, left } = this
    const angle = random.between(0, 2 * Math.PI)
    const [c, s] = [cos(angle), sin(angle)]
    const slope = 0.12 * clamp(random.normal(), -2.5, 2.5)
    const edge = random.chance(0.08) ? 1 - random.between(0.1, Math.min(0.5, 0.1 + contrast)) : 1
    const where = random.between(-0.4, 0.4)
    const softness = random.between(5, 40)
    const gleam = random.chance(0.04) ? random.between(0.1, 1) * Math.min(0.35, contrast) : 0
    const [gx, gy, spread] = [random.uniform(), random.uniform(), random.between(0.05, 0.2)]
    let brightest = 0
    for (let y = 0, at = 0; y < side; y++) {
      for (let x = 0; x < side; x++, at++) {
        const dx = (x + 0.5) / side - 0.5
        const dy = (y + 0.5) / side - 0.5
        const along = c * dx + s * dy
        let factor = 1 + slope * along * 2
        if (edge < 1) factor *= edge + (1 - edge) * clamp(0.5 + (along - where) * softness, 0, 1)
        buffer[at] *= factor
        left[at] *= factor
        brightest = Math.max(brightest, buffer[at])
        if (gleam > 0) {
          const far = ((dx + 0.5 - gx) ** 2 + (dy + 0.5 - gy) ** 2) / (spread * spread)
          if (far < 4) buffer[at] += gleam * (1 - far / 4) * (1 - far / 4)
        }
      }
    }
    // What is lit well is not blown out.
    if (brightest <= 1) return
    for (const plane of [buffer, left]) for (let at = 0; at < plane.length; at++) plane[at] /= brightest
  }
}

function clamp(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value
}

/** The labels of a number: how many digits, then the digits. */
export function labelsOf(digits: readonly number[]): number[] {
  const tooMany = digits.length > HEADS - 1
  return [
    tooMany ? TOO_MANY : digits.length,
    ...Array.from({ length: HEADS - 1 }, (_, i) => (tooMany ? NO_DIGIT : (digits[i] ?? NO_DIGIT))),
  ]
}

/** Generated pictures as examples: `image` [1, side, side] of 0 … 1 and `label` [6], drawn when they are asked for. */
export class GeneratedNumbers implements Dataset {
  private readonly generator: NumberGenerator

  /** @param seed - another seed, other pictures; validation takes another than training. */
  constructor(
    world: World,
    readonly side: number,
    readonly length: number,
    seed: number,
    options: GeneratorOptions = {},
  ) {
    this.generator = new NumberGenerator(world, side, seed, options)
  }

  get(index: number): Fields {
    return onlyExample(this.batch([index]))
  }

  batch(indices: ArrayLike<number>): Fields {
    const area = this.side * this.side
    const image = new Float32Array(indices.length * area)
    const label = new Int32Array(indices.length * HEADS)
    for (let i = 0; i < indices.length; i++)
      label.set(labelsOf(this.generator.draw(indices[i], image, i * area)), i * HEADS)
    return {
      image: new Tensor('float32', image, [indices.length, 1, this.side, this.side]),
      label: new Tensor('int32', label, [indices.length, HEADS]),
    }
  }
}
