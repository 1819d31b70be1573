import { expect } from 'vitest'
import type { Build } from '../../bindings/module.js'
import { apply } from '../../src/autograd/apply.js'
import { Device } from '../../src/autograd/device.js'
import type { Parameter } from '../../src/autograd/variable.js'
import { gradients } from '../../src/ops/gradients.js'
import { findOp } from '../../src/ir/registry.js'
import { sizeOf } from '../../src/core/shape.js'
import { plain, type Case, type Plain } from '../ops/case.js'
import { inputsOf } from './case-model.js'
import { seeded } from './random.js'

/** Central differences in float64 are good to about 1e-8 with this step. */
const STEP = 1e-4
/** Elements of each input that are differentiated, all of a small one: fewer where the naive reference takes long, but at least so many. */
const ELEMENTS = 48
const LEAST_ELEMENTS = 4
const MILLISECONDS = 400

/**
 * Compares the gradient of a random weighting of a case's outputs, by every float32 input, with finite differences of the float64 reference.
 */
export async function checkGradient(test: Case, build: Build): Promise<void> {
  const device = await Device.create({ build, accuracy: 'exact' })
  try {
    const hosts = inputsOf(test)
    const inputs = hosts.map((host) => (host?.dtype === 'float32' ? device.parameter(host) : host))
    const count = test.outputs ?? 1
    const expected = test.reference(hosts.map((host) => host && plain(host)) as Plain[], test.attributes ?? {})
    const random = seeded(hosts.length * 7 + sizeOf(expected[0].shape))
    const weights = expected
      .slice(0, count)
      .map(({ shape }) => Float32Array.from({ length: sizeOf(shape) }, () => random() * 2 - 1))
    const found = device.step(() => {
      const variables = inputs.map((input) =>
        input === undefined || 'device' in input ? input : device.constant(input),
      )
      const outputs = apply(device, findOp(test.domain ?? '', test.op)!, variables, test.attributes, count)
      // Σ weights · outputs, one output after the other; gradients of several add up.
      outputs.forEach((output, i) => {
        if (output.dtype !== 'float32') return
        const again =
          i === 0 ? output : apply(device, findOp(test.domain ?? '', test.op)!, variables, test.attributes, count)[i]
        again.backward(device.tensor({ dtype: 'float32', shape: output.shape, data: weights[i] }))
      })
      return inputs.map((input) => (input && 'device' in input ? input.grad?.data() : undefined))
    })
    const floats = expected
      .slice(0, count)
      .map((_, i) => i)
      .filter((i) => weights[i].length > 0)
    const lossOf = (plains: (Plain | undefined)[]) => {
      const outputs = test.reference(plains as Plain[], test.attributes ?? {})
      return floats.reduce((sum, i) => sum + outputs[i].data.reduce((s, value, k) => s + value * weights[i][k], 0), 0)
    }
    const plains = hosts.map((host) => host && plain(host))
    inputs.forEach((input, i) => {
      if (!input || !('device' in input) || input.size === 0) return
      compare(test, i, input, found[i] as Float32Array | undefined, plains, lossOf, random)
    })
  } finally {
    device.dispose()
  }
}

function compare(
  test: Case,
  index: number,
  input: Parameter,
  gradient: Float32Array | undefined,
  plains: readonly (Plain | undefined)[],
  lossOf: (plains: (Plain | undefined)[]) => number,
  random: () => number,
): void {
  const differentiable = gradients.find(({ op }) => (op as unknown) === findOp(test.domain ?? '', test.op))?.inputs ?? [
    index,
  ]
  if (!differentiable.includes(index) || (test.gradient && !test.gradient.inputs.includes(index))) return
  expect(gradient, `${test.op} ${test.name}: no gradient by input ${index}`).toBeDefined()
  const given = plains[index]!
  const start = performance.now()
  const here = lossOf([...plains])
  const elements = Math.max(
    LEAST_ELEMENTS,
    Math.min(ELEMENTS, Math.floor(MILLISECONDS / (2 * (performance.now() - start)))),
  )
  const places =
    given.data.length <= elements
      ? given.data.map((_, k) => k)
      : Array.from({ length: elements }, () => Math.floor(random() * given.data.length))
  const largest = gradient!.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  for (const place of places) {
    const at = (delta: number) =>
      lossOf(
        plains.map((p, k) =>
          k === index ? { ...given, data: given.data.map((value, j) => (j === place ? value + delta : value)) } : p,
        ),
      )
    const [right, left] = [(at(STEP) - here) / STEP, (here - at(-STEP)) / STEP]
    const slope = (right + left) / 2
    // At a kink, or where the loss is not finite, there is nothing to compare with.
    if (!Number.isFinite(slope) || Math.abs(right - left) > 0.02 * Math.max(Math.abs(slope), largest, 1)) continue
    const error = Math.abs(gradient![place] - slope)
    expect(
      error,
      `${test.op} ${test.name}: gradient by element ${place} of input ${index} of ${input.shape.join('×')} is ${gradient![place]}, should be ${slope}`,
    ).toBeLessThanOrEqual(1e-3 * Math.abs(slope) + 1e-5 * largest + 1e-7)
  }
}
