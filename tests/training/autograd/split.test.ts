import { expect, test } from 'vitest'
import '../../../src/node.js'
import { Device } from '../../../src/autograd/device.js'
import { builds } from '../../support/wasm.js'
import { windowEntries, type WindowOfTest } from '../../kernels/window.js'
import { seeded } from '../../support/random.js'

// What a scheduler relies on: kernels may be called for any part of their outermost axis, and no bit depends on the
// parts.
test.each(builds)('weight gradients do not depend on how their rows are split (%s)', async (build) => {
  const device = await Device.create({ build })
  try {
    const random = seeded(5)
    const reserve = (count: number) => device.context.alloc(4 * count)
    const filled = (count: number) => {
      const at = reserve(count)
      ;(device.context.view('float32', at, count) as Float32Array).set(
        Float32Array.from({ length: count }, () => random() * 2 - 1),
      )
      return at
    }
    const [images, size, inputs, outputs, groups] = [3, 11, 30, 13, 2]
    const rows = groups * 9 * inputs
    const x = filled(images * size * size * inputs * groups)
    const dy = filled(images * size * size * outputs * groups)
    const scratch = device.context.alloc(device.kernels.gemm_tn_scratch_size(outputs))
    const table = (window: WindowOfTest) => {
      const entries = windowEntries(window)
      const at = device.context.alloc(entries.byteLength)
      ;(device.context.view('int32', at, entries.length) as Int32Array).set(entries)
      return at
    }
    const image = { images, x: [size, size], y: [size, size] }
    const window = { ...image, kernel: [3, 3], begin: [1, 1] }
    const whole3x3 = table({ ...window, groups, inputs, outputs })
    const gradient = (cuts: readonly number[]) => {
      const dw = reserve(rows * outputs)
      for (let i = 1; i < cuts.length; i++) {
        device.kernels.conv_weight_gradient_f32(x, dy, dw, whole3x3, cuts[i - 1], cuts[i], scratch)
      }
      return (device.context.view('float32', dw, rows * outputs) as Float32Array).slice()
    }
    const whole = gradient([0, rows])
    expect(whole.some((value) => value !== 0)).toBe(true)
    expect(gradient([0, 1, 100, 269, 271, 500, rows])).toEqual(whole)
    const perChannel = table({ ...window, groups: inputs * groups })
    const taps = (cuts: readonly number[]) => {
      const channels = inputs * groups
      const dw = reserve(9 * channels)
      for (let i = 1; i < cuts.length; i++) {
        device.kernels.depthwise_weight_gradient_f32(x, x, dw, perChannel, cuts[i - 1], cuts[i])
      }
      return (device.context.view('float32', dw, 9 * channels) as Float32Array).slice()
    }
    expect(taps([0, 2, 3, 9])).toEqual(taps([0, 9]))
    // In Winograd's domain: the same sums but for rounding, whatever scratch holds before.
    const channels = inputs * groups
    for (const [m, r] of [
      [4, 3],
      [2, 5],
    ]) {
      const [count, pad] = [r * r * channels * outputs, (r - 1) / 2]
      const ungrouped = table({
        ...{ ...image, inputs: channels, outputs, yPitch: outputs * groups },
        ...{ kernel: [r, r], begin: [pad, pad] },
      })
      const bytes = device.kernels.winograd_weight_gradient_scratch_size(m, images, channels, outputs, size, size)
      const used = device.context.alloc(bytes)
      const transformed = (cuts: readonly number[]) => {
        const dw = reserve(count)
        for (let i = 1; i < cuts.length; i++) {
          device.context.bytes(used, bytes).fill(255)
          device.kernels.winograd_weight_gradient_f32(m, x, dy, dw, ungrouped, cuts[i - 1], cuts[i], used)
        }
        return (device.context.view('float32', dw, count) as Float32Array).slice()
      }
      const all = transformed([0, channels])
      expect(transformed([0, 1, 7, 29, channels])).toEqual(all)
      const dw = reserve(count)
      device.kernels.conv_weight_gradient_f32(x, dy, dw, ungrouped, 0, r * r * channels, scratch)
      const expected = device.context.view('float32', dw, count) as Float32Array
      expect(Math.hypot(...all.map((value, i) => value - expected[i])) / Math.hypot(...expected)).toBeLessThan(4e-6)
    }
  } finally {
    device.dispose()
  }
})
