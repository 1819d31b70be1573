import { describe, expect, test } from 'vitest'
import { readWav, resample } from '../../src/data/formats/wav.js'
import { expectError } from '../support/expect-error.js'

interface Layout {
  readonly codec: number
  readonly channels?: number
  readonly rate?: number
  readonly bits: number
  /** Chunks before the samples. */
  readonly before?: readonly [string, number[]][]
  readonly extensible?: boolean
  /** What the header says of the length of the samples. */
  readonly announced?: number
  readonly tag?: string
}

/** A WAV file around bytes of samples. */
function wav(samples: Uint8Array, layout: Layout): Uint8Array {
  const { codec, channels = 1, rate = 16_000, bits, before = [], extensible, announced, tag = 'RIFF' } = layout
  const block = channels * Math.ceil(bits / 8)
  const numbers = (...pairs: [number, number][]) =>
    pairs.flatMap(([value, bytes]) => Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) % 256))
  const text = (name: string) => Array.from(name, (letter) => letter.charCodeAt(0))
  const format = numbers(
    [extensible ? 0xfffe : codec, 2],
    [channels, 2],
    [rate, 4],
    [rate * block, 4],
    [block, 2],
    [bits, 2],
  )
  if (extensible) format.push(...numbers([22, 2], [bits, 2], [0, 4], [codec, 2]), ...Array<number>(14).fill(1))
  const chunk = (name: string, body: number[], size = body.length) => [
    ...text(name),
    ...numbers([size, 4]),
    ...body,
    ...(body.length % 2 ? [0] : []),
  ]
  const body = [
    ...text('WAVE'),
    ...chunk('fmt ', format),
    ...before.flatMap(([name, bytes]) => chunk(name, bytes)),
    ...chunk('data', Array.from(samples), announced),
  ]
  return Uint8Array.from([...text(tag), ...numbers([body.length, 4]), ...body])
}

const bytesOf = (data: ArrayBufferView) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
const read = (file: Uint8Array) => readWav(file).channels.map((samples) => [...samples])

describe('samples', () => {
  test.each<[string, Uint8Array, Layout, number[]]>([
    ['8 bits, unsigned', Uint8Array.of(0, 128, 192, 255), { codec: 1, bits: 8 }, [-1, 0, 0.5, 127 / 128]],
    ['16 bits', bytesOf(Int16Array.of(-32768, 0, 16384)), { codec: 1, bits: 16 }, [-1, 0, 0.5]],
    [
      '24 bits',
      Uint8Array.of(0, 0, 0x80, 0, 0, 0x40, 0xff, 0xff, 0xff),
      { codec: 1, bits: 24 },
      [-1, 0.5, -1 / 2 ** 23],
    ],
    ['20 bits in three bytes', Uint8Array.of(0, 0, 0x80, 0, 0, 0x40), { codec: 1, bits: 20 }, [-1, 0.5]],
    ['32 bits', bytesOf(Int32Array.of(-(2 ** 31), 2 ** 30)), { codec: 1, bits: 32 }, [-1, 0.5]],
    ['floats', bytesOf(Float32Array.of(-1, 0.25, 1.5)), { codec: 3, bits: 32 }, [-1, 0.25, 1.5]],
    ['wide floats', bytesOf(Float64Array.of(-1, 0.25)), { codec: 3, bits: 64 }, [-1, 0.25]],
    // ITU-T G.711, tables 1 and 2: the largest and the smallest of both signs.
    [
      'A-law',
      Uint8Array.of(0xaa, 0x2a, 0xd5, 0x55),
      { codec: 6, bits: 8 },
      [32256, -32256, 8, -8].map((x) => x / 32768),
    ],
    [
      'μ-law',
      Uint8Array.of(0x80, 0x00, 0xff, 0x7f),
      { codec: 7, bits: 8 },
      [32124, -32124, 0, -0].map((x) => x / 32768),
    ],
    ['a format with a GUID', bytesOf(Int16Array.of(8192)), { codec: 1, bits: 16, extensible: true }, [0.25]],
    [
      'chunks of odd lengths before them',
      bytesOf(Int16Array.of(8192)),
      { codec: 1, bits: 16, before: [['LIST', [1, 2, 3]]] },
      [0.25],
    ],
    [
      'a length that is not known',
      bytesOf(Int16Array.of(8192, 0)),
      { codec: 1, bits: 16, announced: 0xffffffff },
      [0.25, 0],
    ],
    ['RF64', bytesOf(Int16Array.of(8192)), { codec: 1, bits: 16, announced: 0xffffffff, tag: 'RF64' }, [0.25]],
  ])('of %s', (_, samples, layout, expected) => {
    expect(read(wav(samples, layout))[0]).toEqual(expected.map(Math.fround))
  })

  test('of several channels, at their rate', () => {
    const file = wav(bytesOf(Int16Array.of(0, 16384, -16384, 8192)), { codec: 1, bits: 16, channels: 2, rate: 44_100 })
    expect(readWav(file).rate).toBe(44_100)
    expect(read(file)).toEqual([
      [0, -0.5],
      [0.5, 0.25],
    ])
  })
})

describe('what is no sound', () => {
  const good = wav(bytesOf(Int16Array.of(1, 2, 3)), { codec: 1, bits: 16 })

  test('cut anywhere is refused', () => {
    for (let length = 0; length < good.length; length++) expectError('E_PARSE', () => readWav(good.subarray(0, length)))
  })

  test.each<[string, Layout]>([
    ['no channels', { codec: 1, bits: 16, channels: 0 }],
    ['no rate', { codec: 1, bits: 16, rate: 0 }],
    ['no bits', { codec: 1, bits: 0 }],
    ['floats of 16 bits', { codec: 3, bits: 16 }],
    ['a million channels', { codec: 1, bits: 16, channels: 65_535 }],
  ])('%s', (_, layout) => {
    expectError('E_PARSE', () => readWav(wav(new Uint8Array(8), layout)))
  })

  test('other codecs are named', () => {
    expectError('E_UNSUPPORTED', () => readWav(wav(new Uint8Array(8), { codec: 0x55, bits: 16 })), /codec 85/)
  })
})

describe('another rate', () => {
  const tone = (hertz: number, rate: number, seconds = 0.2) =>
    Float32Array.from({ length: rate * seconds }, (_, i) => Math.sin((2 * Math.PI * hertz * i) / rate))
  /** The largest difference, the ends left out, where the sound begins and breaks off. */
  const apart = (a: Float32Array, b: Float32Array) =>
    a.reduce((most, x, i) => (i < 400 || i > a.length - 400 ? most : Math.max(most, Math.abs(x - b[i]))), 0)

  test.each([
    [44_100, 16_000],
    [48_000, 16_000],
    [16_000, 44_100],
    [8000, 16_000],
    [22_050, 16_000],
    [16_000, 15_999],
  ])('from %s to %s Hz keeps a tone', (from, to) => {
    const result = resample(tone(997, from), from, to)
    expect(result).toHaveLength(Math.round(0.2 * to))
    expect(apart(result, tone(997, to))).toBeLessThan(1e-3)
  })

  test('drops what it cannot hold', () => {
    expect(apart(resample(tone(12_000, 48_000), 48_000, 16_000), new Float32Array(3200))).toBeLessThan(1e-3)
  })

  test('that is the same changes nothing, and shares nothing', () => {
    const samples = Float32Array.of(1, 2, 3)
    expect(resample(samples, 8000, 8000)).toEqual(samples)
    expect(resample(samples, 8000, 8000).buffer).not.toBe(samples.buffer)
  })
})
