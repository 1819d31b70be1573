import { describe, expect, test } from 'vitest'
import { checksum } from '../../../src/core/checksum.js'
import { expectNear, randomF32 } from '../reference.js'
import { builds, Wasm } from '../../support/wasm.js'

describe.each(builds)('%s', (build) => {
  test.each([0, 1, 63, 64, 65, 4099])('the checksum of %i bytes is that of the plain version', (length) => {
    const wasm = new Wasm(build)
    const bytes = Uint8Array.from(randomF32(length, 3), (value) => value * 1e6)
    const at = wasm.u8(bytes)
    expect(checksum(bytes, (from, to) => wasm.kernels.checksum(at + from, to - from))).toBe(checksum(bytes))
  })

  test('what measures the machine makes every operation', () => {
    const wasm = new Wasm(build, undefined, 'train')
    const { peak_add, peak_madd, peak_read } = wasm.kernels
    // The first lanes of its thirteen registers.
    const registers = Array.from({ length: 13 }, (_, i) => 1 + i / 16)
    const total = (of: (register: number) => number) => registers.reduce((sum, register) => sum + of(register), 0)
    for (const iterations of [1, 2, 5]) {
      // x/2 + 1, three times: half as far from 2 each time.
      const near = total((x) => 2 + (x - 2) / 8 ** iterations)
      expectNear([peak_madd(iterations), peak_add(iterations)], [near, total((x) => x + iterations)], 3e-7, 0)
    }
    // Every first word of sixteen bytes has a bit of its own.
    const words = Int32Array.from({ length: 96 }, (_, i) => (i % 4 === 0 ? 1 << (i / 4) : 0))
    expect(peak_read(wasm.i32(words), 384)).toBe(new Float32Array(Int32Array.of(2 ** 24 - 1).buffer)[0])
  })
})
