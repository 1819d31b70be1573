import { expect, test, describe } from 'vitest'
import { decodeFloat, encodeFloat } from '../../../src/core/floats.js'
import { seeded } from '../../support/random.js'
import { builds, Wasm } from '../../support/wasm.js'
import { expectNear, expectSame } from '../reference.js'

describe.each(builds)('%s', (build) => {
  test.each([
    ['f16', 'float16'],
    ['bf16', 'bfloat16'],
  ] as const)('every %s as float32 and back', (short, dtype) => {
    const wasm = new Wasm(build)
    const n = 65536
    const [x, y, z] = [wasm.alloc(n * 2), wasm.alloc(n * 4), wasm.alloc(n * 2)]
    wasm.viewU16(x, n).set(Uint16Array.from({ length: n }, (_, i) => i))
    wasm.kernels[`cast_${short}_f32`](x, y, n)
    wasm.viewF32(y, n).forEach((value, code) => {
      if (!Object.is(value, decodeFloat(dtype, code)))
        throw new Error(`${code} became ${value}, should be ${decodeFloat(dtype, code)}`)
    })
    wasm.kernels[`cast_f32_${short}`](y, z, n)
    const [floats, codes] = [wasm.viewF32(y, n), wasm.viewU16(z, n)]
    // The payload of a NaN may change.
    const kept = Array.from(codes, (code, i) =>
      Number.isNaN(floats[i]) && Number.isNaN(decodeFloat(dtype, code)) ? i : code,
    )
    expectSame(kept, [...kept.keys()])
  })

  test.each([
    ['f16', 'float16'],
    ['bf16', 'bfloat16'],
  ] as const)('float32 rounds to the nearest %s, halves to even', (short, dtype) => {
    const wasm = new Wasm(build)
    const random = seeded(7)
    const edges = [
      65504,
      65519.99,
      65520,
      65536,
      6.1e-5,
      5.96e-8,
      2.98e-8,
      2.9802324e-8,
      1e-10,
      -0,
      0,
      Infinity,
      -Infinity,
      3.4e38,
      1.00048828125,
      1.00146484375,
      1.00390625,
      1.01171875,
    ]
    const values = Float32Array.from([
      ...edges,
      ...Array.from({ length: 20001 }, () => (random() - 0.5) * 2 ** Math.floor(random() * 40 - 24)),
    ])
    const [x, y] = [wasm.f32(values), wasm.alloc(values.length * 2)]
    wasm.kernels[`cast_f32_${short}`](x, y, values.length)
    expectSame(
      wasm.viewU16(y, values.length),
      Array.from(values, (value) => encodeFloat(dtype, value)),
    )
    expect(wasm.overruns()).toEqual([])
  })

  // What onnxruntime-web 1.30 answers.
  const floats = [NaN, Infinity, -Infinity, 3e9, -3e9, 1e20, -1e20, 300.7, -1.5, 70000.5, -0, 0.5, -0.4]
  const max = 2 ** 31 - 1
  test.each([
    ['i32', 'viewI32', [0, max, -max - 1, max, -max - 1, max, -max - 1, 300, -1, 70000, 0, 0, 0]],
    ['u8', 'viewU8', [0, 255, 0, 0, 0, 255, 0, 44, 0, 112, 0, 0, 0]],
    ['bool', 'viewU8', [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1]],
  ] as const)('floats that do not fit, as %s', (to, view, expected) => {
    const wasm = new Wasm(build)
    const [x, y] = [wasm.f32(floats), wasm.alloc(floats.length * 4)]
    wasm.kernels[`cast_f32_${to}`](x, y, floats.length)
    expectSame(wasm[view](y, floats.length), expected)
  })

  test('floats that do not fit, as int8 and int64', () => {
    const wasm = new Wasm(build)
    const [x, y] = [wasm.f32(floats), wasm.alloc(floats.length * 8)]
    wasm.kernels.cast_f32_i8(x, y, floats.length)
    expect(Array.from(wasm.viewU8(y, floats.length), (v) => (v << 24) >> 24)).toEqual([
      0, -1, 0, -1, 0, -1, 0, 44, -1, 112, 0, 0, 0,
    ])
    wasm.kernels.cast_f32_i64(x, y, floats.length)
    expect(Array.from(wasm.viewI64(y, 8))).toEqual([
      0n,
      2n ** 63n - 1n,
      -(2n ** 63n),
      3000000000n,
      -3000000000n,
      2n ** 63n - 1n,
      -(2n ** 63n),
      300n,
    ])
  })

  test.each([0, 1, 3, 4, 1003])('%i int32 as float32 and int64', (n) => {
    const wasm = new Wasm(build)
    const random = seeded(9)
    const values = Int32Array.from({ length: n }, (_, i) => (i === 0 ? -(2 ** 31) : (random() - 0.5) * 2 ** 32))
    const [x, y, z] = [wasm.i32(values), wasm.alloc(n * 4), wasm.alloc(n * 8)]
    wasm.kernels.cast_i32_f32(x, y, n)
    expectNear(wasm.viewF32(y, n), Float32Array.from(values), 0, 0)
    wasm.kernels.cast_i32_i64(x, z, n)
    expectNear(Array.from(wasm.viewI64(z, n), Number), values, 0, 0)
    expect(wasm.overruns()).toEqual([])
  })
})
