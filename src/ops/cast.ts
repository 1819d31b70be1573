import type { KernelName } from '../../bindings/module.js'
import { byteSize, dtypeFromOnnx, isBig, isFloat, isUnsigned, type DType } from '../dtype.js'
import { LanewiseError } from '../errors.js'
import { isSmallFloat, encodeFloats, wrapIntegers, type NarrowInteger, type RoundMode } from '../floats.js'
import { follow } from '../graph/layout.js'
import { hostZeros, type HostTensor } from '../host.js'
import { int, required, string } from './attributes.js'
import { floatsOf } from './host-floats.js'
import { defineOp, type Emitter } from './op.js'

type CastKernel = Extract<KernelName, `cast_${string}`>

const names: Partial<Record<DType, string>> = {
  float16: 'f16',
  bfloat16: 'bf16',
  float32: 'f32',
  float64: 'f64',
  int8: 'i8',
  uint8: 'u8',
  bool: 'bool',
  int32: 'i32',
  int64: 'i64',
}

const kernels: ReadonlySet<string> = new Set<CastKernel>([
  'cast_bf16_f32',
  'cast_f16_f32',
  'cast_f32_bf16',
  'cast_f32_bool',
  'cast_f32_f16',
  'cast_f32_f64',
  'cast_f32_i32',
  'cast_f32_i64',
  'cast_f32_i8',
  'cast_f32_u8',
  'cast_f64_f32',
  'cast_i32_f32',
  'cast_i32_i64',
  'cast_i64_f32',
  'cast_i64_i32',
  'cast_i8_f32',
  'cast_u8_f32',
])

/** The kernel that converts, if there is one; a bool is read as the byte it is. */
function kernelFor(from: DType, to: DType): CastKernel | undefined {
  const source = from === 'bool' ? 'u8' : names[from]
  const name = `cast_${source}_${names[to]}`
  return kernels.has(name) ? (name as CastKernel) : undefined
}

function emitCast(e: Emitter<unknown>): void {
  const x = e.input(0)
  const to = e.outputs[0]!.dtype
  if (to === x.dtype) return e.view(0, 0)
  e.call(kernelFor(x.dtype, to)!, x.at, e.output(0).at, x.size)
}

const castAttributes = { saturate: int(1), round_mode: string('up') }
interface CastOptions {
  readonly saturate: number
  readonly round_mode: string
}

/**
 * Converts as onnxruntime's WebAssembly build does. A float that does not fit an integer saturates at 32 or 64 bits (NaN is 0, and so is a
 * negative number as unsigned) and loses its high bits if the type is narrower; integers wrap; anything but 0 is true.
 */
function convert(x: HostTensor, to: DType, { saturate, round_mode: roundMode }: CastOptions): HostTensor {
  const { dtype: from, shape } = x
  if (from === to) return x
  if (from === 'string') return parseStrings(x, to, { saturate, round_mode: roundMode })
  if (to === 'string') return { dtype: to, shape, data: formatStrings(x) }
  if (from.startsWith('complex') || to.startsWith('complex')) throw new LanewiseError('E_UNSUPPORTED', `${from} is not converted to ${to}`, { expected: to, actual: from })
  const values = isFloat(from) ? floatsOf(x) : (x.data as unknown as ArrayLike<number | bigint>)
  if (isSmallFloat(to)) {
    return { dtype: to, shape, data: encodeFloats(to, Float32Array.from(values as ArrayLike<number>, Number), saturate !== 0, roundModeOf(roundMode)) }
  }
  const y = hostZeros(to, shape)
  const data = y.data as { [i: number]: number | bigint }
  if (isFloat(to)) for (let i = 0; i < values.length; i++) data[i] = Number(values[i])
  else if (to === 'bool') for (let i = 0; i < values.length; i++) data[i] = Number(values[i]) === 0 ? 0 : 1
  else if (isNarrow(to)) return { dtype: to, shape, data: wrapIntegers(to, isFloat(from) ? saturated(values as ArrayLike<number>, to) : (values as number[])) }
  else if (isBig(to)) for (let i = 0; i < values.length; i++) data[i] = typeof values[i] === 'number' ? bigOf(values[i] as number, to) : values[i]
  else if (isFloat(from)) saturated(values as ArrayLike<number>, to).forEach((value, i) => (data[i] = value))
  else for (let i = 0; i < values.length; i++) data[i] = Number(BigInt.asIntN(32, BigInt(values[i])))
  return y
}

function isNarrow(dtype: DType): dtype is NarrowInteger {
  return dtype === 'int2' || dtype === 'uint2' || dtype === 'int4' || dtype === 'uint4'
}

function roundModeOf(name: string): RoundMode {
  if (name === 'up' || name === 'down' || name === 'nearest') return name
  throw new LanewiseError('E_VALUE', `round_mode must be up, down or nearest, got ${name}`)
}

/** Floats as 32-bit integers, of which a narrower type takes the low bits. */
function saturated(values: ArrayLike<number>, to: DType): Int32Array | Uint32Array {
  const unsigned = isUnsigned(to)
  const [least, most] = unsigned ? [0, 2 ** 32 - 1] : [-(2 ** 31), 2 ** 31 - 1]
  const result = unsigned ? new Uint32Array(values.length) : new Int32Array(values.length)
  for (let i = 0; i < values.length; i++) result[i] = Math.min(Math.max(values[i], least), most)
  return result
}

function bigOf(value: number, to: DType): bigint {
  if (Number.isNaN(value)) return 0n
  const [least, most] = isUnsigned(to) ? [0n, 2n ** 64n - 1n] : [-(2n ** 63n), 2n ** 63n - 1n]
  if (value <= Number(least)) return least
  return value >= Number(most) ? most : BigInt(Math.trunc(value))
}

/** Numbers as text, with the digits that tell neighbouring values of the type apart. */
function formatStrings(x: HostTensor): string[] {
  if (!isFloat(x.dtype)) return Array.from(x.data as ArrayLike<number | bigint>, x.dtype === 'bool' ? (value) => (value ? 'True' : 'False') : String)
  return Array.from(floatsOf(x), (value) => {
    if (Number.isNaN(value)) return 'NaN'
    if (!Number.isFinite(value)) return value > 0 ? 'INF' : '-INF'
    return byteSize(x.dtype) === 8 ? String(value) : shortest(value)
  })
}

/** The shortest decimal that float32 reads back as the same number. */
function shortest(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const text = value.toPrecision(digits)
    if (Math.fround(Number(text)) === value) return String(Number(text))
  }
  return String(Number(value.toPrecision(9)))
}

function parseStrings(x: HostTensor, to: DType, options: CastOptions): HostTensor {
  const numbers = Float64Array.from(x.data as string[], (text) => {
    const trimmed = text.trim()
    const infinite = /^([+-]?)inf(inity)?$/i.exec(trimmed)
    const value = infinite ? (infinite[1] === '-' ? -Infinity : Infinity) : /^nan$/i.test(trimmed) ? NaN : trimmed === '' ? undefined : Number(trimmed)
    if (value === undefined || (Number.isNaN(value) && !/^nan$/i.test(trimmed))) {
      throw new LanewiseError('E_VALUE', `"${text.slice(0, 40)}" is not a number`, { expected: to, actual: text.slice(0, 40) })
    }
    return value
  })
  if (isBig(to) && (x.data as string[]).every((text) => /^\s*[+-]?\d+\s*$/.test(text))) {
    const y = hostZeros(to, x.shape)
    ;(x.data as string[]).forEach((text, i) => ((y.data as BigInt64Array)[i] = BigInt(text.trim())))
    return y
  }
  return convert({ dtype: 'float64', shape: x.shape, data: numbers }, to, options)
}

export const Cast = defineOp({
  name: 'Cast',
  arity: 1,
  attributes: { to: required(int()), ...castAttributes },
  infer: ({ attributes: { to }, inputs: [x] }) => [{ dtype: targetOf(to), shape: x!.shape }],
  layout: follow,
  kernel: ([from], { to }) => from !== undefined && (from === targetOf(to) || kernelFor(from, targetOf(to)) !== undefined),
  emit: emitCast,
  compute: ({ attributes, inputs: [x] }) => [convert(x!, targetOf(attributes.to), attributes)],
})

/** The dtype of a `to` attribute. */
function targetOf(code: number): DType {
  const dtype = dtypeFromOnnx(code)
  if (!dtype) throw new LanewiseError('E_UNSUPPORTED', `the tensor type ${code} is not known`, { actual: String(code) })
  return dtype
}

export const CastLike = defineOp({
  name: 'CastLike',
  arity: 2,
  attributes: castAttributes,
  infer: ({ inputs: [x, like] }) => [{ dtype: like!.dtype, shape: x!.shape }],
  layout: follow,
  kernel: ([from, to]) => from !== undefined && to !== undefined && (from === to || kernelFor(from, to) !== undefined),
  emit: emitCast,
  compute: ({ attributes, inputs: [x, like] }) => [convert(x!, like!.dtype, attributes)],
})
