import { expect } from 'vitest'
import type { Build } from '../../../bindings/module.js'
import { apply } from '../../../src/autograd/apply.js'
import { Device } from '../../../src/autograd/device.js'
import type { HostTensor } from '../../../src/core/host.js'
import { gradients } from '../../../src/ops/gradients.js'
import { findOp } from '../../../src/ir/registry.js'
import { knowEveryGradient } from '../../../src/nn/functional/every-operator.js'
import { sizeOf } from '../../../src/core/shape.js'
import { plain, type Case, type Plain } from '../../ops/case.js'
import { inputsOf } from './case-model.js'
import { concerns, families } from './called-kernels.js'
import { commandFor, describeFailure, type Wrong } from '../failure.js'
import { seeded } from '../random.js'

knowEveryGradient()

/** Central differences in float64 are good to about 1e-8 with this step. */
const STEP = 1e-4
/**
 * Elements of each input that are differentiated, all of a small one: fewer where the naive reference takes long, but
 * at least so many.
 */
const ELEMENTS = 48
// `npm run test:kernels` has to answer soon: it looks at fewer elements of what takes long.
const [LEAST_ELEMENTS, MILLISECONDS] = families.length > 0 ? [2, 8] : [4, 100]

/** A random weighting of a case's outputs, and its gradient by each float32 input. */
interface Weighted {
  readonly inputs: readonly (HostTensor | undefined)[]
  readonly weights: readonly Float32Array[]
  readonly gradients: readonly (Float32Array | undefined)[]
  readonly random: () => number
}

/**
 * Compares the gradient of a random weighting of a case's outputs, by every float32 input, with finite differences of
 * the float64 reference. That of the relaxed build is compared, in every element, with that of the other one, which is
 * so compared: differences of a naive reference take the longest of all.
 */
export async function checkGradient(test: Case, build: Build): Promise<void> {
  const [{ inputs, weights, gradients, random }, concerned] = await concerns(() => weighted(test, build))
  if (!concerned) return
  const other = build === 'relaxed' ? await weighted(test, 'simd') : undefined
  const plains = inputs.map((host) => host && plain(host))
  const lossOf = (changed: readonly (Plain | undefined)[]) => {
    const outputs = test.reference(changed as Plain[], test.attributes ?? {})
    return weights.reduce((sum, own, i) => sum + own.reduce((s, weight, k) => s + outputs[i].data[k] * weight, 0), 0)
  }
  for (const [i, input] of inputs.entries()) {
    if (input?.dtype !== 'float32' || input.data.length === 0 || !hasGradient(test, i)) continue
    const gradient = gradients[i]
    expect(gradient, `${test.op} ${test.name}: no gradient by input ${i}`).toBeDefined()
    const slopes = other ? other.gradients[i]!.entries() : differences(plains, i, gradient!, lossOf, random)
    const largest = gradient!.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    const wrong: Wrong[] = []
    for (const [index, expected] of slopes) {
      const got = gradient![index]
      if (Object.is(got, expected)) continue
      const excess = Math.abs(got - expected) - (1e-3 * Math.abs(expected) + 1e-5 * largest + 1e-7)
      // A NaN on one side alone is as far off as can be.
      if (!(excess <= 0)) wrong.push({ index, got, expected, excess: Number.isNaN(excess) ? Infinity : excess })
    }
    const what = `${test.op} ${test.name}: gradient by input ${i}, of the elements that were looked at`
    const command = commandFor('tests/ops/gradients.test.ts', `${test.op} ${build} ${test.name}`, build)
    if (wrong.length > 0) expect.fail(describeFailure({ what, build, command }, input.shape, wrong))
  }
}

async function weighted(test: Case, build: Build): Promise<Weighted> {
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
    const gradients = device.step(() => {
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
      return inputs.map((input) =>
        input && 'device' in input ? (input.grad?.data() as Float32Array | undefined)?.slice() : undefined,
      )
    })
    return { inputs: hosts, weights, gradients, random }
  } finally {
    device.dispose()
  }
}

/** Whether a case says that there is a gradient by an input. */
function hasGradient(test: Case, index: number): boolean {
  const op = findOp(test.domain ?? '', test.op)
  const rule = gradients.find((one) => (one.op as unknown) === op)
  return (rule?.inputs ?? [index]).includes(index) && (!test.gradient || test.gradient.inputs.includes(index))
}

/**
 * Elements of an input, and the slope of the loss by each; without those at a kink, or where the loss is not finite.
 */
function* differences(
  plains: readonly (Plain | undefined)[],
  index: number,
  gradient: Float32Array,
  lossOf: (plains: readonly (Plain | undefined)[]) => number,
  random: () => number,
): Generator<[place: number, slope: number]> {
  const given = plains[index]!
  const start = performance.now()
  const here = lossOf(plains)
  const elements = Math.max(
    LEAST_ELEMENTS,
    Math.min(ELEMENTS, Math.floor(MILLISECONDS / (2 * (performance.now() - start)))),
  )
  const places =
    given.data.length <= elements
      ? given.data.keys()
      : Array.from({ length: elements }, () => Math.floor(random() * given.data.length))
  const largest = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const changed = { ...given, data: [...given.data] }
  const among = plains.with(index, changed)
  for (const place of places) {
    const at = (delta: number) => {
      changed.data[place] = given.data[place] + delta
      return lossOf(among)
    }
    const [right, left] = [(at(STEP) - here) / STEP, (here - at(-STEP)) / STEP]
    changed.data[place] = given.data[place]
    const slope = (right + left) / 2
    if (!Number.isFinite(slope) || Math.abs(right - left) > 0.02 * Math.max(Math.abs(slope), largest, 1)) continue
    yield [place, slope]
  }
}
