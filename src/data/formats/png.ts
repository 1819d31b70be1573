import { LanewiseError } from '../../core/errors.js'
import { inflate } from '../../platform/node-files.js'

// Sections are those of the Portable Network Graphics Specification, third edition: https://www.w3.org/TR/png-3/

/** What a PNG says of its pixels before any is unpacked. */
export interface PngHeader {
  readonly width: number
  readonly height: number
  /** Bits of a sample. */
  readonly depth: number
  /** 0 grey, 2 colour, 3 indexed, 4 grey with alpha, 6 colour with alpha (11.2.1). */
  readonly colourType: number
  /** Red, green and blue of each index. */
  readonly palette: Uint8Array | undefined
  /** Alpha of the first indices; or the one grey value or colour that is transparent, as samples (11.3.1.1). */
  readonly transparency: readonly number[] | undefined
  /**
   * The file without all that does not make its pixels: texts and profiles, which may unpack to anything, and what
   * follows the end.
   */
  readonly bare: Uint8Array
}

const channels: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }
const depths: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
}

/**
 * Reads the chunks of a PNG and unpacks its data as far as the size allows.
 *
 * @param check - is given width and height before anything else is looked at.
 * @throws LanewiseError `E_PARSE` if chunks contradict each other, are cut off, or hold more or less data than there
 *   are pixels.
 */
export function readPng(bytes: Uint8Array, what: string, check: (width: number, height: number) => void): PngHeader {
  const fail = (reason: string): never => {
    throw new LanewiseError('E_PARSE', `${what}: the PNG cannot be decoded (${reason})`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const kept: Uint8Array[] = [bytes.subarray(0, 8)]
  const data: Uint8Array[] = []
  let header: { width: number; height: number; depth: number; colourType: number; interlaced: boolean } | undefined
  let palette: Uint8Array | undefined
  let transparency: number[] | undefined
  for (let at = 8, ended = false; !ended;) {
    if (at + 12 > bytes.length) throw new LanewiseError('E_PARSE', `${what}: the PNG is cut off`)
    const length = view.getUint32(at)
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    const end = at + 12 + length
    if (end > bytes.length) throw new LanewiseError('E_PARSE', `${what}: the PNG is cut off`)
    const body = bytes.subarray(at + 8, at + 8 + length)
    if (!header && type !== 'IHDR') fail('it does not begin with IHDR')
    if (type === 'IHDR') {
      if (header || length !== 13) fail('IHDR')
      const [width, height] = [view.getUint32(at + 8), view.getUint32(at + 12)]
      const [depth, colourType, , , interlace] = body.subarray(8)
      check(width, height)
      if (width === 0 || height === 0 || !depths[colourType]?.includes(depth) || interlace > 1)
        fail(`${width} × ${height} pixels of type ${colourType} with ${depth} bits`)
      header = { width, height, depth, colourType, interlaced: interlace === 1 }
    } else if (type === 'PLTE' && header?.colourType === 3) {
      if (palette || data.length > 0 || length === 0 || length % 3 !== 0 || length > 3 * 2 ** header.depth) fail('PLTE')
      palette = body
    } else if (type === 'tRNS' && header) {
      const samples = { 0: 1, 2: 3 }[header.colourType]
      const fits = samples ? length === 2 * samples : palette && length <= palette.length / 3
      if (!fits || transparency || data.length > 0) fail('tRNS')
      transparency = samples
        ? Array.from({ length: samples }, (_, i) => view.getUint16(at + 8 + 2 * i))
        : Array.from(body)
    } else if (type === 'IDAT') data.push(body)
    else if (type === 'IEND') ended = true
    if (['IHDR', 'IDAT', 'IEND'].includes(type) || body === palette) kept.push(bytes.subarray(at, end))
    at = end
  }
  if (!header) return fail('it does not begin with IHDR')
  if (header.colourType === 3 && !palette) fail('it has no PLTE')
  checkData(header, data, fail)
  const { width, height, depth, colourType } = header
  return { width, height, depth, colourType, palette, transparency, bare: joined(kept) }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

/** Data that unpack to more than the pixels take are a bomb, or a way to carry something along. */
function checkData(
  header: { width: number; height: number; depth: number; colourType: number; interlaced: boolean },
  data: readonly Uint8Array[],
  fail: (reason: string) => never,
): void {
  const size = dataSize(header)
  const packed = joined(data)
  // Deflate packs at most 1032 bytes into one.
  if (size > 1032 * packed.length) fail('its data are cut off')
  let unpacked: Uint8Array
  try {
    unpacked = inflate(packed, size)
  } catch (error) {
    if (error instanceof LanewiseError) throw error
    const more = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    return fail(more ? 'it has more data than pixels' : (error as Error).message)
  }
  if (unpacked.length < size) fail('it has less data than pixels')
}

/** Bytes of all rows, each after one that names its filter; interlaced ones come in seven passes (section 8). */
function dataSize({
  width,
  height,
  depth,
  colourType,
  interlaced,
}: {
  width: number
  height: number
  depth: number
  colourType: number
  interlaced: boolean
}): number {
  const rows = (w: number, h: number) =>
    w > 0 && h > 0 ? h * (1 + Math.ceil((w * channels[colourType] * depth) / 8)) : 0
  if (!interlaced) return rows(width, height)
  const passes = [
    [0, 8, 0, 8],
    [4, 8, 0, 8],
    [0, 4, 4, 8],
    [2, 4, 0, 4],
    [0, 2, 2, 4],
    [1, 2, 0, 2],
    [0, 1, 1, 2],
  ]
  return passes.reduce(
    (sum, [x, dx, y, dy]) => sum + rows(Math.ceil((width - x) / dx), Math.ceil((height - y) / dy)),
    0,
  )
}
