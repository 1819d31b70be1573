import { checkArguments } from '../core/arguments.js'
import { LanewiseError, present } from '../core/errors.js'
import { loadOptional } from '../platform/optional.js'
import type { Box } from './picture-labels.js'
import { readPng } from './formats/png.js'

/** A picture: rows from the top, `channels` values 0 … 1 for each pixel side by side. */
export interface Picture {
  /** Columns. */
  readonly width: number
  /** Rows. */
  readonly height: number
  /** 1 for grey, 3 for red, green and blue. */
  readonly channels: 1 | 3
  /** height · width · channels values. */
  readonly data: Float32Array<ArrayBuffer>
}

/** No picture that is meant has more pixels. */
export const MAX_PIXELS = 2 ** 27
/** Baseline JPEG packs at most 512 pixels into a byte, and half as many again where colours are coarser. */
const MOST_PER_BYTE = 1024

/**
 * Decodes a PNG (with the package fast-png) or JPEG file (with sharp). Transparency is put on white.
 *
 * @param channels - 1: grey (ITU-R BT.601 weights), 3: red, green, blue.
 * @throws LanewiseError `E_PARSE` if the bytes are no picture, `E_BUDGET` beyond 2^27 pixels, `E_UNSUPPORTED` if the
 *   package is not installed.
 */
export async function decodePicture(bytes: Uint8Array, channels: 1 | 3, what = 'picture'): Promise<Picture> {
  checkArguments('decodePicture', { bytes, channels, what }, 'bytes', 'number', 'string?')

  const png = bytes[0] === 0x89 && bytes[1] === 0x50 && bytes[2] === 0x4e && bytes[3] === 0x47
  const jpeg = bytes[0] === 0xff && bytes[1] === 0xd8
  if (!png && !jpeg) throw new LanewiseError('E_PARSE', `${what}: this is neither PNG nor JPEG`)
  const picture = png ? await decodePng(bytes, what) : await decodeJpeg(bytes, what)
  return { width: picture.width, height: picture.height, channels, data: coloured(picture, channels) }
}

interface Pixels {
  readonly width: number
  readonly height: number
  readonly channels: number
  readonly data: ArrayLike<number>
  /** The value of white. */
  readonly top: number
}

/** @throws LanewiseError `E_BUDGET` for more pixels than anybody means. */
export function checkPixels(width: number, height: number, what: string): void {
  if (width * height > MAX_PIXELS)
    throw new LanewiseError('E_BUDGET', `${what}: ${width} × ${height} pixels are too many`, {
      expected: `<= ${MAX_PIXELS}`,
      actual: String(width * height),
    })
}

async function decodePng(bytes: Uint8Array, what: string): Promise<Pixels> {
  const { width, height, depth, colourType, palette, transparency, bare } = readPng(bytes, what, (w, h) =>
    checkPixels(w, h, what),
  )
  const { decode } = await fastPng()
  let data: ArrayLike<number>
  try {
    data = decode(bare, { checkCrc: true }).data
  } catch (cause) {
    throw new LanewiseError('E_PARSE', `${what}: the PNG cannot be decoded (${(cause as Error).message})`, { cause })
  }
  if (depth < 8) data = unpacked(data, width, height, depth)
  const top = 2 ** depth - 1
  if (palette) return { width, height, channels: 4, data: looked(data, palette, transparency ?? [], what), top: 255 }
  const given = present({ 0: 1, 2: 3, 4: 2, 6: 4 }[colourType], 'colour type')
  if (!transparency) return { width, height, channels: given, data, top }
  return { width, height, channels: given + 1, data: withAlpha(data, given, transparency, top), top }
}

/** The colours of indices, with alpha. */
function looked(indices: ArrayLike<number>, palette: Uint8Array, alphas: readonly number[], what: string): Uint8Array {
  const out = new Uint8Array(4 * indices.length)
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]
    if (3 * index >= palette.length)
      throw new LanewiseError('E_PARSE', `${what}: the PNG has a pixel of colour ${index}, beyond its palette`)
    for (let c = 0; c < 3; c++) out[4 * i + c] = palette[3 * index + c]
    out[4 * i + 3] = alphas[index] ?? 255
  }
  return out
}

/** Samples with alpha: nothing where they are the transparent colour. */
function withAlpha(
  data: ArrayLike<number>,
  channels: number,
  transparent: readonly number[],
  top: number,
): Uint8Array | Uint16Array {
  const pixels = Math.floor(data.length / channels)
  const out = new (top > 255 ? Uint16Array : Uint8Array)(pixels * (channels + 1))
  for (let i = 0; i < pixels; i++) {
    let same = true
    for (let c = 0; c < channels; c++) {
      const sample = (out[i * (channels + 1) + c] = data[i * channels + c])
      // Only as many bits count as a sample has.
      if (sample !== (transparent[c] & top)) same = false
    }
    out[i * (channels + 1) + channels] = same ? 0 : top
  }
  return out
}

/** Grey values of 1, 2 or 4 bits, several in a byte, the first in the high bits; each row begins a byte. */
function unpacked(data: ArrayLike<number>, width: number, height: number, depth: number): Uint8Array {
  const stride = Math.ceil((width * depth) / 8)
  const values = new Uint8Array(width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth
      values[y * width + x] = (data[y * stride + (bit >> 3)] >> (8 - depth - (bit & 7))) & ((1 << depth) - 1)
    }
  }
  return values
}

async function decodeJpeg(bytes: Uint8Array, what: string): Promise<Pixels> {
  const { default: sharp } = await loadOptional<typeof import('sharp')>('sharp', 'reading JPEG files')
  const options = { failOn: 'error', limitInputPixels: MAX_PIXELS } as const
  try {
    const { width, height } = await sharp(bytes, { ...options, limitInputPixels: false }).metadata()
    checkPixels(width, height, what)
    // After a header alone, every pixel would be made up.
    if (width * height > MOST_PER_BYTE * bytes.length) throw new Error('it is cut off')
    const { data, info } = await sharp(bytes, options)
      .rotate()
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true })
    return { width: info.width, height: info.height, channels: info.channels, data, top: 255 }
  } catch (cause) {
    if (cause instanceof LanewiseError) throw cause
    throw new LanewiseError('E_PARSE', `${what}: the JPEG cannot be decoded (${(cause as Error).message})`, { cause })
  }
}

/** @throws LanewiseError `E_UNSUPPORTED` saying what to install. @internal */
export async function fastPng(): Promise<typeof import('fast-png')> {
  try {
    // By its name and not through loadOptional, so that a bundler puts it into the program.
    return await import('fast-png')
  } catch (cause) {
    throw new LanewiseError(
      'E_UNSUPPORTED',
      'PNG files need the package fast-png, which is not installed: npm i fast-png',
      { cause },
    )
  }
}

function coloured({ channels: given, data, top }: Pixels, wanted: 1 | 3): Float32Array<ArrayBuffer> {
  const pixels = Math.floor(data.length / given)
  const out = new Float32Array(pixels * wanted)
  // What most photographs are, without a closure for each pixel.
  if (given === 3 && wanted === 3) {
    for (let i = 0; i < out.length; i++) out[i] = data[i] / top
    return out
  }
  const colours = given >= 3 ? 3 : 1
  for (let i = 0; i < pixels; i++) {
    const at = i * given
    const opacity = given > colours ? data[at + colours] / top : 1
    const value = (channel: number) => (data[at + (colours === 3 ? channel : 0)] / top) * opacity + (1 - opacity)
    if (wanted === 3) for (let c = 0; c < 3; c++) out[i * 3 + c] = value(c)
    else out[i] = colours === 3 ? 0.299 * value(0) + 0.587 * value(1) + 0.114 * value(2) : value(0)
  }
  return out
}

/**
 * A picture in another size: linear between pixels when it grows, the mean over a triangle as wide as the ratio when it
 * shrinks, so that no pixel is passed over (Turkowski, "Filters for common resampling tasks", 1990).
 */
export function resizedPicture(picture: Picture, width: number, height: number): Picture {
  checkArguments('resizedPicture', { picture, width, height }, 'object', 'number', 'number')

  const { channels } = picture
  const across = resampled(picture.data, picture.height, picture.width, width, channels)
  const down = resampled(across, 1, picture.height, height, width * channels)
  return { width, height, channels, data: down }
}

/**
 * A rectangle of a picture, to the nearest pixels. What is outside of the picture repeats its edge.
 *
 * @throws LanewiseError `E_VALUE` for a rectangle without area, `E_BUDGET` for one that is absurdly large.
 */
export function croppedPicture(picture: Picture, box: Box): Picture {
  checkArguments('croppedPicture', { picture, box }, 'object', 'object')

  const { channels, data } = picture
  const [left, top] = [Math.round(box.left), Math.round(box.top)]
  const width = Math.max(1, Math.round(box.left + box.width) - left)
  const height = Math.max(1, Math.round(box.top + box.height) - top)
  if (!(box.width > 0 && box.height > 0) || !Number.isFinite(width * height))
    throw new LanewiseError('E_VALUE', `a picture cannot be cut to ${box.width} × ${box.height} pixels`)
  checkPixels(width, height, 'a part of a picture')
  const out = new Float32Array(width * height * channels)
  for (let y = 0; y < height; y++) {
    const row = Math.min(picture.height - 1, Math.max(0, top + y)) * picture.width
    for (let x = 0; x < width; x++) {
      const from = (row + Math.min(picture.width - 1, Math.max(0, left + x))) * channels
      for (let c = 0; c < channels; c++) out[(y * width + x) * channels + c] = data[from + c]
    }
  }
  return { width, height, channels, data: out }
}

/** Pixels with their channels side by side as one plane after the other. */
export function planesOf(data: Float32Array, channels: number): Float32Array<ArrayBuffer> {
  const area = data.length / channels
  const planes = new Float32Array(data.length)
  for (let c = 0; c < channels; c++) for (let i = 0; i < area; i++) planes[c * area + i] = data[i * channels + c]
  return planes
}

/** Resamples the middle axis of [outer, from, inner]. */
function resampled(
  data: Float32Array,
  outer: number,
  from: number,
  to: number,
  inner: number,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(outer * to * inner)
  const ratio = from / to
  const reach = Math.max(1, ratio)
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * ratio - 0.5
    const taps: [place: number, weight: number][] = []
    for (let k = Math.ceil(centre - reach); k <= Math.floor(centre + reach); k++) {
      const weight = 1 - Math.abs(k - centre) / reach
      if (weight > 0) taps.push([Math.min(from - 1, Math.max(0, k)), weight])
    }
    const total = taps.reduce((sum, [, weight]) => sum + weight, 0)
    for (let o = 0; o < outer; o++) {
      for (let j = 0; j < inner; j++) {
        let sum = 0
        for (const [place, weight] of taps) sum += weight * data[(o * from + place) * inner + j]
        out[(o * to + i) * inner + j] = sum / total
      }
    }
  }
  return out
}
