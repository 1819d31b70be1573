import { execFileSync, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Device } from '../../../src/autograd/device.js'
import { Parameter, type Variable } from '../../../src/autograd/variable.js'
import { hostFrom, type HostTensor } from '../../../src/core/host.js'
import { F } from '../../../src/train.js'
import { expectError } from '../../support/expect-error.js'
import { functions, host, storedText, type Applied, type Packed, type Run } from './functions.js'

/** Debian's python3-torch is one for the system's Python; another may be named. */
const python = process.env.LANEWISE_PYTHON ?? '/usr/bin/python3'
const probe = spawnSync(python, ['-c', 'import torch'], { encoding: 'utf8' })
const missing = probe.error?.message ?? (probe.status === 0 ? undefined : probe.stderr.trim().split('\n').at(-1))
if (missing)
  console.log(`functions are compared with what PyTorch 1.13 gave, anew only where ${python} has it: ${missing}`)

let device: Device
beforeAll(async () => {
  device = Device.current = await Device.create({ build: 'simd', seed: 1 })
})
afterAll(() => device.dispose())

function agree(actual: Variable, expected: Packed, what: string): void {
  const wanted = host(expected)
  expect([actual.dtype, [...actual.shape]], what).toEqual([wanted.dtype, wanted.shape])
  const got = actual.data()
  const largest = [...(wanted.data as Float32Array)].map(Number).filter(Number.isFinite)
  const scale = largest.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  for (let i = 0; i < got.length; i++) {
    const [a, b] = [Number(got[i]), Number(wanted.data[i])]
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue
    if (!(Math.abs(a - b) <= 1e-5 * Math.abs(b) + 3e-6 * scale))
      expect.fail(`${what}: element ${i} is ${a}, PyTorch's ${b} (${[...got].join(' ')})`)
  }
}

describe('as PyTorch', () => {
  let reference: Readonly<Record<string, Run>>
  beforeAll(() => {
    const script = fileURLToPath(new URL('pytorch-functions.py', import.meta.url))
    const text = missing ? storedText() : execFileSync(python, [script], { encoding: 'utf8', maxBuffer: 1 << 28 })
    reference = JSON.parse(text) as typeof reference
  }, 120_000)

  test('both know the same functions', () => expect(Object.keys(functions)).toEqual(Object.keys(reference)))

  test.each(Object.keys(functions))('%s', (name) => {
    const run = reference[name]
    const inputs = run.inputs.map((input) =>
      input.dtype === 'float32' ? device.parameter(host(input)) : device.parameter(host(input), { trainable: false }),
    )
    device.step(() => {
      const result = functions[name](...inputs)
      const outputs = Array.isArray(result) ? (result as readonly Variable[]) : [result as Variable]
      expect(outputs.length).toBe(run.outputs.length)
      outputs.forEach((output, i) => agree(output, run.outputs[i], `output ${i}`))
      const parts = outputs
        .filter((output) => output.requiresGrad)
        .map((output) =>
          F.sum(F.mul(output, F.reshape(F.cast(F.arange(1, output.size + 1, { device }), 'float32'), output.shape))),
        )
      if (parts.length === 0) return
      parts.reduce((a, b) => F.add(a, b)).backward()
      run.gradients.forEach((gradient, i) => {
        const own = inputs[i].grad
        if (gradient && own) agree(own, gradient, `gradient by input ${i}`)
        else expect(own, `gradient by input ${i}`).toBeUndefined()
      })
    })
    for (const input of inputs) input.dispose()
  })
})

describe('functions refuse what they cannot do', () => {
  const x = () => device.tensor(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3])
  const refused = (code: Parameters<typeof expectError>[0], work: () => unknown, message: RegExp) =>
    device.step(() => expectError(code, work, message))

  test('with the reason', () => {
    refused('E_VALUE', () => F.clip(x()), /needs a bound/)
    refused('E_VALUE', () => F.add(1, 2), /must be a tensor/)
    refused('E_VALUE', () => F.add(device.tensor(Int32Array.of(1)), 0.5), /0.5 is no int32/)
    refused('E_VALUE', () => F.cat([]), /at least one tensor/)
    refused('E_SHAPE', () => F.stack([x(), F.flatten(x(), 0)]), /one shape/)
    refused('E_VALUE', () => F.split(x(), 0), /a part/)
    refused('E_VALUE', () => F.chunk(x(), 1.5), /no 1.5 parts/)
    refused('E_VALUE', () => F.cumsum(x(), 2), /no axis 2/)
    refused('E_VALUE', () => F.pad(x(), [1]), /1 pads do not fit/)
    refused('E_VALUE', () => F.pad(x(), [1, 1, 1, 1, 1, 1]), /6 pads do not fit/)
    refused('E_VALUE', () => F.topk(x(), 4), /k is 4/)
    refused('E_VALUE', () => F.topk(x(), 1.5), /whole number/)
    refused('E_VALUE', () => F.arange(0, 5, -1, { device }), /no numbers lead/)
    refused('E_VALUE', () => F.arange(0, 5, 0, { device }), /no numbers lead/)
    refused('E_SHAPE', () => F.layerNorm(x(), 2), /last axes must be \[2\]/)
    refused('E_VALUE', () => F.interpolate(x(), {}), /size or scaleFactor/)
    refused('E_SHAPE', () => F.conv2d(x(), x()), /must have 4 axes/)
  })
})

describe('gradients at corners are those of PyTorch', () => {
  /** The gradients of Σ i·yᵢ, i from 1. */
  function gradientsOf(apply: Applied, ...inputs: readonly (readonly number[] | HostTensor)[]): number[][] {
    const parameters = inputs.map((input) =>
      device.parameter('dtype' in input ? input : hostFrom('float32', [input.length], input)),
    )
    const result = device.step(() => {
      const y = apply(...parameters) as Variable
      const factors = F.reshape(F.cast(F.arange(1, y.size + 1, { device }), 'float32'), y.shape)
      F.sum(F.mul(y, factors)).backward()
      return parameters.map((parameter) => [...parameter.grad!.data()].map((value) => Math.fround(Number(value))))
    })
    for (const parameter of parameters) parameter.dispose()
    return result
  }
  const matrix = (...rows: number[][]) => hostFrom('float32', [rows.length, rows[0].length], rows.flat())

  test('of folds', () => {
    expect(gradientsOf((x) => F.norm(x, [1]), matrix([0, 0], [3, 4]))).toEqual([[0, 0, 1.2, 1.6].map(Math.fround)])
    const rows = matrix([-Infinity, -Infinity], [-Infinity, 1], [-Infinity, 2])
    expect(gradientsOf((x) => F.logsumexp(x, [1]), rows)).toEqual([[0, 0, 0, 2, 0, 3]])
    expect(gradientsOf((x) => F.std(x), [2, 2, 2])).toEqual([[0, 0, 0]])
    expect(gradientsOf((x) => F.amax(x, [1]), matrix([1, 2, 2], [3, 3, 3]))).toEqual([
      [0, 0.5, 0.5, 2 / 3, 2 / 3, 2 / 3].map(Math.fround),
    ])
  })

  test('of equal operands', () => {
    for (const apply of [F.maximum, F.minimum] as Applied[])
      expect(gradientsOf(apply, [2, 1, 4], [2, 1, 4])).toEqual([
        [0.5, 1, 1.5],
        [0.5, 1, 1.5],
      ])
    const three: Applied = (...x) => F.op('Max', x)[0]
    expect(gradientsOf(three, [1, 2, 3, 3], [1, 2, 0, 3], [1, 0, 1, 3])).toEqual([
      [1 / 3, 1, 3, 4 / 3].map(Math.fround),
      [1 / 3, 1, 0, 4 / 3].map(Math.fround),
      [1 / 3, 0, 0, 4 / 3].map(Math.fround),
    ])
    expect(gradientsOf(F.maximum, [NaN, 1], [0, NaN])).toEqual([
      [1, 2],
      [1, 2],
    ])
  })

  test('of activations', () => {
    expect(gradientsOf((x) => F.elu(x, 0.5), [0, -0, 1])).toEqual([[0.5, 1, 3]])
    expect(gradientsOf(F.hardswish, [-4, -3, 3, 4])).toEqual([[0, -1, 4.5, 4]])
    expect(gradientsOf(F.prelu, [0, 1, -2], [0.25])).toEqual([[0.25, 2, 0.75], [-6]])
    const [[selu]] = gradientsOf(F.selu, [0])
    expect(selu).toBeCloseTo(1.7580993, 6)
  })

  test('of NaN', () => {
    expect(gradientsOf(F.relu, [NaN, 1])).toEqual([[1, 2]])
    expect(gradientsOf(F.abs, [NaN, -1])).toEqual([[0, -2]])
    expect(gradientsOf(F.hardswish, [NaN])).toEqual([[1]])
    expect(gradientsOf(F.prelu, [NaN], [0.25])).toEqual([[0.25], [NaN]])
    expect(gradientsOf((x) => F.elu(x), [NaN])).toEqual([[1]])
  })

  test('of powers', () => {
    expect(gradientsOf(F.pow, [0, 0, -2], [2, 0, 2])).toEqual([
      [0, 0, -12],
      [0, 0, NaN],
    ])
  })
})

describe('parameters', () => {
  test('a 3×3 Laplacian over a 6×6 picture', () => {
    const picture = [
      [3, 0, 1, 2, 7, 4],
      [1, 5, 8, 9, 3, 1],
      [2, 7, 2, 5, 1, 3],
      [0, 1, 3, 1, 7, 8],
      [4, 2, 1, 6, 2, 8],
      [2, 4, 5, 2, 3, 9],
    ]
    // 9 · the middle − the sum of the nine.
    const expected = [0, 1, 2, 3].map((y) =>
      [0, 1, 2, 3].map((x) => {
        const nine = [0, 1, 2].flatMap((dy) => picture[y + dy].slice(x, x + 3))
        return 9 * picture[y + 1][x + 1] - nine.reduce((a, b) => a + b)
      }),
    )
    expect(expected[0]).toEqual([16, 33, 43, -8])
    device.step(() => {
      const filter = device.tensor(Float32Array.of(-1, -1, -1, -1, 8, -1, -1, -1, -1), [1, 1, 3, 3])
      const y = F.conv2d(device.tensor(Float32Array.from(picture.flat()), [1, 1, 6, 6]), filter)
      expect(y.shape).toEqual([1, 1, 4, 4])
      expect([...y.data()]).toEqual(expected.flat())
    })
  })

  test('stay parameters under functions that give a tensor back as it is', () => {
    const x = device.parameter(hostFrom('float32', [2], [1, 2]))
    device.step(() => expect(F.cast(x, 'float32')).toBeInstanceOf(Parameter))
    x.dispose()
  })
})

test('linear over a sequence in either order of its axes: the same numbers, and no gradient of the weights for each example', async () => {
  const [batch, length, input, output] = [6, 5, 40, 30]
  const random = (size: number) => Float32Array.from({ length: size }, () => device.random.between(-1, 1))
  const [data, weights, biases] = [batch * length * input, output * input, output].map(random)
  const factors = random(batch * length * output)
  // Rows of a sequence that lies [length, batch, …] in memory, as recurrent layers leave it.
  const turned = Float32Array.from(data, (_, i) => {
    const [t, n, k] = [Math.floor(i / (batch * input)), Math.floor(i / input) % batch, i % input]
    return data[(n * length + t) * input + k]
  })
  const run = async (lying: Float32Array, shape: readonly number[]) => {
    const own = await Device.create({ build: 'simd' })
    const parameter = (values: Float32Array, ...sizes: number[]) =>
      own.parameter({ dtype: 'float32', shape: sizes, data: values })
    const x = parameter(lying, ...shape)
    const [weight, bias] = [parameter(weights, output, input), parameter(biases, output)]
    const y = own.step(() => {
      const y = F.linear(shape[0] === batch ? x : F.transpose(x, [1, 0, 2]), weight, bias)
      F.sum(F.mul(y, own.tensor(factors, [batch, length, output]))).backward()
      return y.data() as Float32Array
    })
    const [dx, dw, db] = [x, weight, bias].map(({ grad }) => grad?.data() as Float32Array)
    const { step } = own.memory
    own.dispose()
    return { y, dx, dw, db, step }
  }
  const [plain, other] = [await run(data, [batch, length, input]), await run(turned, [length, batch, input])]
  expect(other.y).toEqual(plain.y)
  expect(other.dx).toEqual(
    turned.map(
      (_, i) =>
        plain.dx[
          (Math.floor(i / input) % batch) * length * input + Math.floor(i / (batch * input)) * input + (i % input)
        ],
    ),
  )
  for (const name of ['dw', 'db'] as const)
    plain[name].forEach((value, i) => expect(other[name][i], `${name}[${i}]`).toBeCloseTo(value, 4))
  expect(other.step).toBeLessThan(plain.step + 4 * batch * length * output * 4)
})
