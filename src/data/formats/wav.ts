import { LanewiseError } from '../../core/errors.js'
import { cos, sin } from '../../core/scalar-functions.js'

/** Sound as numbers, −1 … 1. */
export interface Sound {
  /** Samples per second. */
  readonly rate: number
  /** The samples of each channel. */
  readonly channels: readonly Float32Array<ArrayBuffer>[]
}

const PCM = 1
const FLOAT = 3
const A_LAW = 6
const MU_LAW = 7
const EXTENSIBLE = 0xfffe
/** What a writer that does not know the length yet says of it. */
const UNKNOWN_SIZE = 0xffffffff
const MOST_CHANNELS = 64

/**
 * Reads a WAV file: PCM of 8 to 32 bits, floats of 32 and 64 bits, A-law and μ-law (ITU-T G.711), with any number of
 * channels; also RF64.
 *
 * @throws LanewiseError `E_PARSE` for what is no WAV file, `E_UNSUPPORTED` for other codecs.
 */
export function readWav(bytes: Uint8Array, what = 'sound'): Sound {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const refuse = (why: string): never => {
    throw new LanewiseError('E_PARSE', `${what}: ${why}`)
  }
  const tag = (at: number): string => (at + 4 <= bytes.length ? String.fromCharCode(...bytes.subarray(at, at + 4)) : '')
  if (!['RIFF', 'RF64'].includes(tag(0)) || tag(8) !== 'WAVE') refuse('this is no WAV file')
  let format: Format | undefined
  for (let at = 12; at + 8 <= bytes.length;) {
    const name = tag(at)
    const size = view.getUint32(at + 4, true)
    at += 8
    const there = bytes.length - at
    if (name === 'fmt ') {
      if (size < 16 || size > there) refuse('its format is cut off')
      format = formatAt(view, at, size, what)
    }
    if (name === 'data') {
      if (!format) return refuse('its format does not stand before its samples')
      if (size > there && size !== UNKNOWN_SIZE) refuse(`${size} bytes of samples are announced, ${there} are there`)
      return { rate: format.rate, channels: samplesAt(view, at, Math.min(size, there), format) }
    }
    at += size + (size & 1)
  }
  return refuse('it has no samples')
}

interface Format {
  readonly codec: number
  readonly channels: number
  readonly rate: number
  /** Bytes of one sample. */
  readonly width: number
}

function formatAt(view: DataView, at: number, size: number, what: string): Format {
  let codec = view.getUint16(at, true)
  const channels = view.getUint16(at + 2, true)
  const rate = view.getUint32(at + 4, true)
  const block = view.getUint16(at + 12, true)
  const bits = view.getUint16(at + 14, true)
  // The codec is then the beginning of a GUID.
  if (codec === EXTENSIBLE && size >= 40) codec = view.getUint16(at + 24, true)
  const widths: Partial<Record<number, readonly number[]>> = {
    [PCM]: [8, 16, 24, 32],
    [FLOAT]: [32, 64],
    [A_LAW]: [8],
    [MU_LAW]: [8],
  }
  const allowed = widths[codec]
  if (!allowed) throw new LanewiseError('E_UNSUPPORTED', `${what}: samples of codec ${codec} are not read, only PCM`)
  // Samples of 12 or 20 bits stand in whole bytes, at the upper end.
  const width = Math.ceil(bits / 8)
  const fits = channels >= 1 && channels <= MOST_CHANNELS && rate >= 1 && block === width * channels
  if (!fits || !allowed.includes(8 * width))
    throw new LanewiseError(
      'E_PARSE',
      `${what}: ${channels} channels of ${bits} bits at ${rate} Hz in blocks of ${block} bytes`,
    )
  return { codec, channels, rate, width }
}

function samplesAt(view: DataView, from: number, bytes: number, format: Format): Float32Array<ArrayBuffer>[] {
  const { channels, width } = format
  const length = Math.floor(bytes / (width * channels))
  const read = readerOf(view, format)
  return Array.from({ length: channels }, (_, c) => {
    const samples = new Float32Array(length)
    for (let i = 0; i < length; i++) samples[i] = read(from + (i * channels + c) * width)
    return samples
  })
}

function readerOf(view: DataView, { codec, width }: Format): (at: number) => number {
  if (codec === FLOAT) return (at) => (width === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true))
  if (codec === A_LAW) return (at) => fromALaw(view.getUint8(at)) / 32768
  if (codec === MU_LAW) return (at) => fromMuLaw(view.getUint8(at)) / 32768
  // Only samples of one byte are unsigned.
  if (width === 1) return (at) => (view.getUint8(at) - 128) / 128
  if (width === 2) return (at) => view.getInt16(at, true) / 32768
  if (width === 3) return (at) => (view.getUint8(at) + 256 * view.getInt16(at + 1, true)) / 2 ** 23
  return (at) => view.getInt32(at, true) / 2 ** 31
}

/** G.711: every other bit turned, then sign, exponent and mantissa. */
function fromALaw(byte: number): number {
  const code = byte ^ 0x55
  const exponent = (code >> 4) & 7
  const mantissa = ((code & 15) << 4) + 8
  const size = exponent === 0 ? mantissa : (mantissa + 256) << (exponent - 1)
  return code & 0x80 ? size : -size
}

/** G.711: all bits turned, then sign, exponent and mantissa over a bias. */
function fromMuLaw(byte: number): number {
  const code = ~byte & 0xff
  const size = ((((code & 15) << 3) + 132) << ((code >> 4) & 7)) - 132
  return code & 0x80 ? -size : size
}

/** Zero crossings of the sinc on each side: enough for −80 dB beside the cut with a Hann window. */
const CROSSINGS = 24
/** Kept free below half of the lower rate, where the filter falls off. */
const PASSED = 0.94

/**
 * Samples at another rate, by a windowed sinc that cuts off what the lower of the two rates cannot hold.
 *
 * @param from - samples per second of the input, `to` of the result.
 */
export function resample(samples: Float32Array, from: number, to: number): Float32Array<ArrayBuffer> {
  if (from === to) return Float32Array.from(samples)
  const length = Math.round((samples.length * to) / from)
  const result = new Float32Array(length)
  const cut = PASSED * Math.min(1, to / from)
  const reach = CROSSINGS / cut
  // Outputs whose places between two samples are the same share their weights.
  const phases = to / divisor(from, to)
  const weights = new Map<number, Float64Array>()
  for (let i = 0; i < length; i++) {
    const place = (i * from) / to
    const first = Math.ceil(place - reach)
    let filter = weights.get(i % phases)
    if (!filter) {
      filter = filterAt(place - first, reach, cut)
      weights.set(i % phases, filter)
    }
    let sum = 0
    for (let k = 0; k < filter.length; k++) {
      const at = first + k
      if (at >= 0 && at < samples.length) sum += filter[k] * samples[at]
    }
    result[i] = sum
  }
  return result
}

/** Weights of the samples around a place, which lies `offset` after the first of them; their sum is 1. */
function filterAt(offset: number, reach: number, cut: number): Float64Array {
  const filter = new Float64Array(Math.floor(offset + reach) + 1)
  let sum = 0
  for (let k = 0; k < filter.length; k++) {
    const x = k - offset
    const turn = Math.PI * cut * x
    const window = 0.5 + 0.5 * cos((Math.PI * x) / reach)
    filter[k] = (x === 0 ? 1 : sin(turn) / turn) * window
    sum += filter[k]
  }
  return filter.map((weight) => weight / sum)
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b)
}
