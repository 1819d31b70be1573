import { execFileSync, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Device } from '../../../src/autograd/device.js'
import { Parameter, type Variable } from '../../../src/autograd/variable.js'
import type { TypedArray } from '../../../src/core/dtype.js'
import { hostFrom, type HostTensor } from '../../../src/core/host.js'
import { F } from '../../../src/train.js'
import { expectError } from '../../support/expect-error.js'

interface Packed {
  readonly dtype: 'float32' | 'int64' | 'bool'
  readonly shape: readonly number[]
  readonly data: string
}
interface Run {
  readonly inputs: readonly Packed[]
  readonly outputs: readonly Packed[]
  readonly gradients: readonly (Packed | null)[]
}

/** Debian's python3-torch is one for the system's Python; another may be named. */
const python = process.env.LANEWISE_PYTHON ?? '/usr/bin/python3'
const probe = spawnSync(python, ['-c', 'import torch'], { encoding: 'utf8' })
const missing = probe.error?.message ?? (probe.status === 0 ? undefined : probe.stderr.trim().split('\n').at(-1))
if (missing) console.log(`functions are compared with PyTorch only where ${python} has it: ${missing}`)

let device: Device
beforeAll(async () => {
  device = await Device.create({ build: 'simd', seed: 1 })
})
afterAll(() => device.dispose())

type Applied = (...inputs: Variable[]) => Variable | readonly Variable[]

/** The functions of pytorch-functions.py, by its names. */
const functions: Readonly<Record<string, Applied>> = {
  clip: (x) => F.clip(x, -0.5, 0.5),
  'clip, low': (x) => F.clip(x, 0),
  'clip, special': (x) => F.clip(x, -3, 3),
  maximum: F.maximum,
  'maximum, ties': F.maximum,
  'maximum, ties, broadcast': F.maximum,
  'minimum, ties': F.minimum,
  where: F.where,
  maskedFill: (x, mask) => F.maskedFill(x, mask, 7),
  eq: F.eq,
  ne: F.ne,
  lt: F.lt,
  le: F.le,
  gt: F.gt,
  ge: F.ge,
  'gt, number': (x) => F.gt(x, 0),
  'eq, whole numbers': (x) => F.eq(x, 2),
  logicalAnd: F.logicalAnd,
  logicalOr: F.logicalOr,
  logicalXor: F.logicalXor,
  logicalNot: F.logicalNot,
  isnan: F.isnan,
  isinf: F.isinf,
  isfinite: F.isfinite,
  'cast, int64': (x) => F.cast(F.mul(x, 3), 'int64'),
  'cast, float32': (x) => F.cast(x, 'float32'),
  round: F.round,
  floor: F.floor,
  ceil: F.ceil,
  sign: F.sign,
  fmod: F.fmod,
  remainder: F.remainder,
  argmax: (x) => F.argmax(x),
  'argmax, axis': (x) => F.argmax(x, 1),
  'argmax, kept': (x) => F.argmax(x, -1, true),
  'argmin, axis': (x) => F.argmin(x, 0),
  amax: (x) => F.amax(x, [1]),
  'amin, all': (x) => F.amin(x),
  prod: (x) => F.prod(x, [1]),
  logsumexp: (x) => F.logsumexp(x, [0, 2]),
  'logsumexp, kept': (x) => F.logsumexp(x, [1], true),
  'logsumexp, -inf': (x) => F.logsumexp(x, [1]),
  'logsumexp, inf': (x) => F.logsumexp(x, [1]),
  norm: (x) => F.norm(x, [1]),
  'norm, 0': (x) => F.norm(x, [1]),
  std: (x) => F.std(x, [0, 2]),
  'std, equal': (x) => F.std(x, [1]),
  'std, population': (x) => F.std(x, [1], true, 0),
  var: (x) => F.var(x, [1]),
  'var, all': (x) => F.var(x),
  cumsum: (x) => F.cumsum(x, 1),
  cumprod: (x) => F.cumprod(x, -1),
  topk: (x) => F.topk(x, 2, 1),
  'topk, smallest': (x) => F.topk(x, 3, -1, { largest: false }),
  sort: (x) => F.sort(x, 1),
  'sort, descending': (x) => F.sort(x, -1, { descending: true }),
  argsort: (x) => F.argsort(x, 1),
  normalize: (x) => F.normalize(x, 2),
  cosineSimilarity: (a, b) => F.cosineSimilarity(a, b),
  gather: (x, indices) => F.gather(x, 1, indices),
  indexSelect: (x, indices) => F.indexSelect(x, 2, indices),
  scatter: (x, _, y) => F.scatter(x, 1, device.tensor(hostFrom('int64', [2, 2], [0, 2, 1, 0])), y),
  'scatter, add': (x, indices, y) => F.scatter(x, 1, indices, y, 'add'),
  nonzero: F.nonzero,
  pad: (x) => F.pad(x, [1, 2, 0, 1], { value: 3 }),
  'pad, negative': (x) => F.pad(x, [-1, 1]),
  'pad, reflect': (x) => F.pad(x, [2, 1], { mode: 'reflect' }),
  'pad, replicate': (x) => F.pad(x, [2, 1], { mode: 'replicate' }),
  'pad, circular': (x) => F.pad(x, [2, 1], { mode: 'circular' }),
  stack: (a, b) => F.stack([a, b], 1),
  'stack, last': (a, b) => F.stack([a, b], -1),
  cat: (a, b) => F.cat([a, b], 1),
  split: (x) => F.split(x, 2, 1),
  'split, sizes': (x) => F.split(x, [1, 3], 1),
  chunk: (x) => F.chunk(x, 2, 2),
  flip: (x) => F.flip(x, [0, 2]),
  repeat: (x) => F.repeat(x, [2, 3]),
  oneHot: (indices) => F.oneHot(indices, 4),
  tril: (x) => F.tril(x),
  'tril, above': (x) => F.tril(x, 1),
  'triu, below': (x) => F.triu(x, -1),
  arange: () => F.arange(5, { device }),
  'arange, steps': () => F.arange(2, 9, 3, { device }),
  'arange, fractions': () => F.arange(1, 0, -0.25, { device }),
  zerosLike: F.zerosLike,
  onesLike: F.onesLike,
  einsum: (a, b) => F.einsum('ij,kj->ik', a, b),
  matmul: F.matmul,
  conv1d: (x, w, b) => F.conv1d(x, w, b, { stride: 2, padding: 1 }),
  conv2d: (x, w, b) => F.conv2d(x, w, b, { padding: 1 }),
  'conv2d, groups': (x, w) => F.conv2d(x, w, undefined, { stride: [2, 1], dilation: [1, 2], groups: 2 }),
  conv3d: (x, w) => F.conv3d(x, w),
  convTranspose: (x, w) => F.convTranspose(x, w, undefined, { stride: 2, padding: 1, outputPadding: 1 }),
  maxPool1d: (x) => F.maxPool1d(x, 3, { stride: 2 }),
  maxPool2d: (x) => F.maxPool2d(x, 2),
  'maxPool2d, padded': (x) => F.maxPool2d(x, 3, { stride: 2, padding: 1, ceilMode: true }),
  maxPool3d: (x) => F.maxPool3d(x, 2),
  avgPool1d: (x) => F.avgPool1d(x, 2),
  avgPool2d: (x) => F.avgPool2d(x, [3, 2], { stride: 2, padding: [1, 0] }),
  'avgPool2d, padding left out': (x) => F.avgPool2d(x, 3, { padding: 1, countIncludePad: false }),
  avgPool3d: (x) => F.avgPool3d(x, 2),
  layerNorm: (x, w, b) => F.layerNorm(x, 5, w, b),
  'layerNorm, plain': (x) => F.layerNorm(x, [4, 5], undefined, undefined, 1e-3),
  attention: (q, k, v) => F.scaledDotProductAttention(q, k, v),
  'attention, mask': (q, k, v, attnMask) => F.scaledDotProductAttention(q, k, v, { attnMask }),
  'attention, causal, scale': (q, k, v) => F.scaledDotProductAttention(q, k, v, { isCausal: true, scale: 0.3 }),
  'attention, no heads': (q, k, v) => F.scaledDotProductAttention(q, k, v),
  interpolate: (x) => F.interpolate(x, { scaleFactor: 2 }),
  'interpolate, size': (x) => F.interpolate(x, { size: [5, 3] }),
  'interpolate, bilinear': (x) => F.interpolate(x, { scaleFactor: [2, 1.5], mode: 'bilinear' }),
  'interpolate, corners': (x) => F.interpolate(x, { size: [5, 7], mode: 'bilinear', alignCorners: true }),
  'interpolate, bicubic': (x) => F.interpolate(x, { size: [6, 8], mode: 'bicubic' }),
  'interpolate, linear': (x) => F.interpolate(x, { size: 7, mode: 'linear' }),
  'interpolate, trilinear': (x) => F.interpolate(x, { scaleFactor: 2, mode: 'trilinear' }),
  'prelu, special': F.prelu,
  pow: F.pow,
  'abs, special': F.abs,
  'celu, special': (x) => F.celu(x, 0.7),
  'elu, special': (x) => F.elu(x),
  'elu, alpha, special': (x) => F.elu(x, 0.4),
  'hardsigmoid, special': F.hardsigmoid,
  'hardswish, special': F.hardswish,
  'leakyRelu, special': (x) => F.leakyRelu(x, 0.1),
  'relu, special': F.relu,
  'selu, special': F.selu,
  'softplus, special': F.softplus,
  'sqrt, special': F.sqrt,
  'tanh, special': F.tanh,
  'sigmoid, special': F.sigmoid,
  'silu, special': F.silu,
  'floor, special': F.floor,
}

function host({ dtype, shape, data }: Packed): HostTensor {
  const bytes = Uint8Array.from(Buffer.from(data, 'base64'))
  const elements =
    dtype === 'float32' ? new Float32Array(bytes.buffer) : dtype === 'int64' ? new BigInt64Array(bytes.buffer) : bytes
  return { dtype, shape, data: elements as TypedArray }
}

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

describe.skipIf(missing)('as PyTorch', () => {
  let reference: Readonly<Record<string, Run>>
  beforeAll(() => {
    const script = fileURLToPath(new URL('pytorch-functions.py', import.meta.url))
    reference = JSON.parse(execFileSync(python, [script], { encoding: 'utf8', maxBuffer: 1 << 28 })) as typeof reference
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
