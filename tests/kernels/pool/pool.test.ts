import { describe, expect, test } from 'vitest'
import { randomF32, withPitch, withoutPitch, expectGaps, expectNear, expectSame } from '../reference.js'
import { builds, Wasm } from '../../support/wasm.js'
import { windowEntries } from '../window.js'

interface Case {
  n: number
  size: [number, number, number]
  channels: number
  out: [number, number, number]
  kernel: [number, number, number]
  strides: [number, number, number]
  dilations: [number, number, number]
  /** front, top, left, back, bottom, right */
  pads: [number, number, number, number, number, number]
  extra?: number
}

const base: Case = {
  n: 1,
  size: [1, 9, 11],
  channels: 16,
  out: [1, 5, 6],
  kernel: [1, 3, 3],
  strides: [1, 2, 2],
  dilations: [1, 1, 1],
  pads: [0, 1, 1, 0, 1, 1],
}

/** Output sizes by the ONNX formula; `ceil` keeps a window that starts inside the input or its leading pads. */
function make(more: Partial<Omit<Case, 'out'>>, ceil = false): Case {
  const s = { ...base, ...more }
  const out = s.size.map((size, i) => {
    const span = (size + s.pads[i] + s.pads[i + 3] - (s.kernel[i] - 1) * s.dilations[i] - 1) / s.strides[i]
    let o = (ceil ? Math.ceil(span) : Math.floor(span)) + 1
    if (ceil && (o - 1) * s.strides[i] >= size + s.pads[i]) o--
    return o
  }) as [number, number, number]
  return { ...s, out }
}

const cases: Record<string, Case> = {
  '3x3 stride 2': make({}),
  '2x2 stride 2, two images, 35 channels': make({ n: 2, channels: 35, kernel: [1, 2, 2], pads: [0, 0, 0, 0, 0, 0] }),
  '2x2 stride 2, ceil': make({ kernel: [1, 2, 2], pads: [0, 0, 0, 0, 0, 0] }, true),
  '3x3 stride 2, ceil with pads': make({ channels: 6, size: [1, 8, 8], pads: [0, 1, 1, 0, 0, 1] }, true),
  '3x3 stride 1, asymmetric pads, pitches': make({
    channels: 21,
    strides: [1, 1, 1],
    pads: [0, 2, 0, 0, 1, 2],
    extra: 3,
  }),
  dilated: make({ channels: 3, dilations: [1, 2, 3], strides: [1, 1, 2], pads: [0, 2, 1, 0, 2, 3] }),
  'one row': make({ channels: 5, size: [1, 1, 30], kernel: [1, 1, 4], strides: [1, 1, 3], pads: [0, 0, 1, 0, 0, 2] }),
  'one pixel, one channel': make({ channels: 1, size: [1, 1, 1] }),
  'three axes': make({
    n: 2,
    channels: 19,
    size: [5, 6, 7],
    kernel: [2, 3, 2],
    strides: [2, 1, 2],
    dilations: [2, 1, 1],
    pads: [1, 1, 0, 1, 0, 1],
  }),
}

/** Calls `each` for every output pixel and channel with the offsets of its taps inside the input. */
function windows(s: Case, each: (taps: number[], output: number, counted: number) => void): void {
  const [depth, height, width] = s.size
  let output = 0
  for (let n = 0; n < s.n; n++) {
    for (let z = 0; z < s.out[0]; z++)
      for (let i = 0; i < s.out[1]; i++)
        for (let j = 0; j < s.out[2]; j++) {
          for (let c = 0; c < s.channels; c++) {
            const taps: number[] = []
            let counted = 0
            const start = [z, i, j].map((o, axis) => o * s.strides[axis] - s.pads[axis])
            for (let k = 0; k < s.kernel[0] * s.kernel[1] * s.kernel[2]; k++) {
              const rest = Math.floor(k / s.kernel[2])
              const [a, b, e] = [Math.floor(rest / s.kernel[1]), rest % s.kernel[1], k % s.kernel[2]]
              const at = [a, b, e].map((t, axis) => start[axis] + t * s.dilations[axis])
              if (at.every((p, axis) => p < s.size[axis] + s.pads[axis + 3])) counted++
              if (at.some((p, axis) => p < 0 || p >= s.size[axis])) continue
              taps.push((((n * depth + at[0]) * height + at[1]) * width + at[2]) * s.channels + c)
            }
            each(taps, output++, counted)
          }
        }
  }
}

function run(
  wasm: Wasm,
  s: Case,
  kernel: string,
  x: Float32Array,
  options: number[] = [],
  before: number[] = [],
  splits = 1,
): Float32Array {
  const extra = s.extra ?? 0
  const pitch = s.channels + extra
  const pixels = s.n * s.out[0] * s.out[1] * s.out[2]
  const rows = s.n * s.out[0] * s.out[1]
  const reach = x.length + (x.length / s.channels - 1) * extra
  const xAt = wasm.f32(withPitch(x, s.channels, pitch, NaN).subarray(0, reach))
  const y = wasm.f32(new Float32Array(pixels * pitch).fill(7))
  const window = wasm.i32(
    windowEntries({
      ...{ xPitch: pitch, yPitch: pitch, inputs: s.channels, outputs: s.channels, images: s.n, x: s.size, y: s.out },
      ...{ kernel: s.kernel, strides: s.strides, dilations: s.dilations },
      ...{ begin: s.pads.slice(0, 3), end: s.pads.slice(3) },
    }),
  )
  for (let i = 0; i < splits; i++) {
    const [begin, end] = [Math.floor((rows * i) / splits), Math.floor((rows * (i + 1)) / splits)]
    wasm.kernels[kernel](xAt, y, ...before, window, ...options, begin, end)
  }
  expect(wasm.overruns()).toEqual([])
  const all = wasm.viewF32(y, pixels * pitch)
  expectGaps(all, s.channels, pitch, 7)
  return withoutPitch(all, s.channels, pitch)
}

function expected(s: Case, f: (taps: number[], counted: number) => number): Float64Array {
  const y = new Float64Array(s.n * s.out[0] * s.out[1] * s.out[2] * s.channels)
  windows(s, (taps, at, counted) => {
    y[at] = f(taps, counted)
  })
  return y
}

describe.each(builds)('pooling, %s build', (build) => {
  const wasm = new Wasm(build)
  describe.each(Object.entries(cases))('%s', (_, s) => {
    const shape = [s.n, ...s.out, s.channels]
    const x = randomF32(s.n * s.size[0] * s.size[1] * s.size[2] * s.channels, 1)
    const largest = (taps: number[]) => taps.reduce((m, t) => Math.max(m, x[t]), -Infinity)

    test('max', () => {
      wasm.reset()
      const whole = run(wasm, s, 'max_pool_f32', x)
      expectNear(whole, expected(s, largest), 0, 0, shape)
      expectSame(run(wasm, s, 'max_pool_f32', x, [], [], 3), whole, shape, 'in three ranges')
    })

    test('max of NaN and infinities', () => {
      wasm.reset()
      const clean = x.slice()
      for (let i = 0; i < x.length; i += 13) x[i] = [NaN, -Infinity, Infinity][i % 3]
      const result = run(wasm, s, 'max_pool_f32', x)
      expectNear(result, expected(s, largest), 0, 0, shape)
      expect(result.some((v) => v !== v)).toBe(true)
      x.set(clean)
    })

    test('max with indices', () => {
      const outputs = s.n * s.out[0] * s.out[1] * s.out[2] * s.channels
      const spatial = s.size[0] * s.size[1] * s.size[2]
      for (const columnMajor of [0, 1]) {
        wasm.reset()
        const at = wasm.alloc(outputs * 8)
        expectNear(run(wasm, s, 'max_pool_indices_f32', x, [columnMajor], [at]), expected(s, largest), 0, 0, shape)
        const indices = wasm.viewI64(at, outputs)
        const wanted = new BigInt64Array(outputs)
        windows(s, (taps, output) => {
          const best = taps.find((t) => x[t] === largest(taps))
          if (best === undefined) {
            wanted[output] = -1n
            return
          }
          const pixel = Math.floor(best / s.channels)
          const image = Math.floor(pixel / spatial)
          const w = pixel % s.size[2]
          const h = Math.floor(pixel / s.size[2]) % s.size[1]
          const d = Math.floor((pixel % spatial) / (s.size[1] * s.size[2]))
          const inside = columnMajor ? (w * s.size[1] + h) * s.size[0] + d : pixel % spatial
          wanted[output] = BigInt((image * s.channels + (best % s.channels)) * spatial + inside)
        })
        expectSame(indices, wanted, shape, 'indices')
      }
    })

    test.each([0, 1])('average, count_include_pad %i', (countPads) => {
      wasm.reset()
      const mean = expected(s, (taps, counted) => {
        return taps.reduce((sum, t) => sum + x[t], 0) / (countPads ? counted : taps.length)
      })
      expectNear(run(wasm, s, 'average_pool_f32', x, [countPads]), mean, 1e-6, 3e-7, shape)
    })

    test.each([1, 2, 3, 4])('Lp, p = %i', (p) => {
      wasm.reset()
      const norm = expected(s, (taps) => taps.reduce((sum, t) => sum + Math.abs(x[t]) ** p, 0) ** (1 / p))
      expectNear(run(wasm, s, 'lp_pool_f32', x, [p]), norm, 5e-7, 1e-12, shape)
    })
  })

  test.each([1, 6, 16, 39])('global pools of %i channels', (channels) => {
    const pixels = 301
    const pitch = channels + 2
    const x = randomF32(2 * pixels * channels, 3)
    x[5 * channels] = NaN
    for (const kernel of ['global_average_pool_f32', 'global_max_pool_f32']) {
      wasm.reset()
      const xAt = wasm.f32(withPitch(x, channels, pitch, NaN).subarray(0, x.length + (2 * pixels - 1) * 2))
      const y = wasm.f32(new Float32Array(2 * pitch).fill(7))
      wasm.kernels[kernel](xAt, pitch, y, pitch, pixels, channels, 0, 1)
      wasm.kernels[kernel](xAt, pitch, y, pitch, pixels, channels, 1, 2)
      const reference = Float64Array.from({ length: 2 * channels }, (_, k) => {
        const image = Math.floor(k / channels)
        const values = Array.from({ length: pixels }, (_, i) => x[(image * pixels + i) * channels + (k % channels)])
        return kernel.includes('max') ? Math.max(...values) : values.reduce((m, v) => m + v) / pixels
      })
      expectNear(withoutPitch(wasm.viewF32(y, 2 * pitch), channels, pitch), reference, 1e-6, 1e-7, [2, channels])
      expectGaps(wasm.viewF32(y, 2 * pitch), channels, pitch, 7)
      expect(wasm.overruns()).toEqual([])
    }
  })
})
