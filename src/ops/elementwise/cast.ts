import type { KernelName } from '../../../bindings/module.js'
import { dtypeFromOnnx, isBig, isFloat, isInteger, makeData, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { encodeFloats, isSmallFloat, wrapIntegers, type NarrowInteger, type RoundMode } from '../../core/floats.js'
import { follow } from '../../core/layout.js'
import { hostZeros, saturatedBigInt, type HostTensor } from '../../core/host.js'
import { sizeOf } from '../../core/shape.js'
import { int, required, string } from '../../ir/attributes.js'
import { numbersOf } from '../shared/scalar-floats.js'
import type { Operand, PackEmitter } from '../../ir/emitter.js'
import { defineOp } from '../../ir/op.js'

/** Conversions that have a kernel, as from/to. */
const kernels = new Map<string, KernelName>([
  ['float32/float64', 'cast_f32_f64'],
  ['float32/int32', 'cast_f32_i32'],
  ['float32/int64', 'cast_f32_i64'],
  ['float32/int8', 'cast_f32_i8'],
  ['float32/uint8', 'cast_f32_u8'],
  ['float32/bool', 'cast_f32_bool'],
  ['float32/float16', 'cast_f32_f16'],
  ['float32/bfloat16', 'cast_f32_bf16'],
  ['float64/float32', 'cast_f64_f32'],
  ['float16/float32', 'cast_f16_f32'],
  ['bfloat16/float32', 'cast_bf16_f32'],
  ['int32/float32', 'cast_i32_f32'],
  ['int32/int64', 'cast_i32_i64'],
  ['int64/float32', 'cast_i64_f32'],
  ['int64/int32', 'cast_i64_i32'],
  ['int8/float32', 'cast_i8_f32'],
  ['uint8/float32', 'cast_u8_f32'],
  ['bool/float32', 'cast_u8_f32'],
])

/** Records the conversion of `x` to the type of `y`, for which there must be a kernel. */
export function emitCast(e: PackEmitter, x: Operand, y: Operand): void {
  const kernel = kernels.get(`${x.dtype}/${y.dtype}`) as 'cast_f32_f64'
  if (x.size > 0) e.call(kernel, x.at, y.at, x.size)
}

export const Cast = defineOp({
  name: 'Cast',
  arity: 1,
  attributes: { to: required(int()), saturate: int(1), round_mode: string('up') },
  infer: ({ attributes, inputs: [x] }) => [{ dtype: targetType(attributes.to), shape: x.shape }],
  layout: follow,
  kernel([type], { to }) {
    const target = targetType(to)
    return type === target || kernels.has(`${type}/${target}`)
  },
  emit(e) {
    const x = e.input(0)
    if (x.dtype === e.outputs[0]?.dtype) return e.view(0, 0)
    emitCast(e, x, e.output(0))
  },
  compute: ({ attributes: { to, saturate, round_mode }, inputs: [x] }) => [
    castTensor(x, targetType(to), saturate !== 0, round_mode as RoundMode),
  ],
  // Before opset 6 the type was named.
  upgrades: [
    {
      below: 6,
      apply({ attributes }) {
        const to = attributes.get('to')
        if (to?.kind === 'string')
          attributes.set('to', { kind: 'int', value: BigInt(oldNames.indexOf(to.value.toUpperCase())) })
      },
    },
  ],
})

export const CastLike = defineOp({
  name: 'CastLike',
  arity: 2,
  attributes: { saturate: int(1), round_mode: string('up') },
  infer: ({ inputs: [x, like] }) => [{ dtype: like.dtype, shape: x.shape }],
  kernel: ([type, target]) => type === target || kernels.has(`${type}/${target}`),
  emit(e) {
    const x = e.input(0)
    if (x.dtype === e.outputs[0]?.dtype) return e.view(0, 0)
    emitCast(e, x, e.output(0))
  },
  compute: ({ attributes: { saturate, round_mode }, inputs: [x, like] }) => [
    castTensor(x, like.dtype, saturate !== 0, round_mode as RoundMode),
  ],
})

/** `TensorProto.DataType` names in the order of their numbers. */
const oldNames = [
  'UNDEFINED',
  'FLOAT',
  'UINT8',
  'INT8',
  'UINT16',
  'INT16',
  'INT32',
  'INT64',
  'STRING',
  'BOOL',
  'FLOAT16',
  'DOUBLE',
  'UINT32',
  'UINT64',
]

function targetType(to: number): DType {
  const dtype = dtypeFromOnnx(to)
  if (!dtype || dtype.startsWith('complex'))
    throw new LanewiseError('E_UNSUPPORTED', `cannot cast to ${dtype ?? `type ${to}`}`)
  return dtype
}

/**
 * A tensor's elements as another type (ONNX Cast). Floats become integers by truncation; NaN and what does not fit
 * saturates as the kernels do (NaN is 0). Integers wrap. Small floats follow ONNX's tables with `saturate`.
 */
export function castTensor(x: HostTensor, dtype: DType, saturate = true, roundMode: RoundMode = 'up'): HostTensor {
  const { shape } = x
  if (x.dtype === dtype) return x
  if (x.dtype === 'string') return { dtype, shape, data: fromStrings(x.data as string[], dtype) }
  if (dtype === 'string') return { dtype, shape, data: toStrings(x) }
  if (isSmallFloat(dtype)) {
    const values = Float64Array.from(numbersOf(x))
    return {
      dtype,
      shape,
      data: encodeFloats(dtype, x.dtype === 'float32' ? Float32Array.from(values) : values, saturate, roundMode),
    }
  }
  if (dtype === 'bool') {
    const y = hostZeros(dtype, shape)
    const from = isBig(x.dtype) ? x.data : numbersOf(x)
    for (let i = 0; i < sizeOf(shape); i++) y.data[i] = Number(from[i]) !== 0 ? 1 : 0
    return y
  }
  if (isNarrow(dtype)) {
    const from = isFloat(x.dtype) ? Float64Array.from(numbersOf(x), truncated) : (x.data as ArrayLike<number>)
    return { dtype, shape, data: wrapIntegers(dtype, from) }
  }
  const y = hostZeros(dtype, shape)
  const to = y.data as { [i: number]: number | bigint }
  if (isBig(x.dtype)) {
    const from = x.data as BigInt64Array
    for (let i = 0; i < from.length; i++)
      to[i] = isBig(dtype) ? from[i] : isInteger(dtype) ? Number(BigInt.asIntN(32, from[i])) : Number(from[i])
    return y
  }
  const from = numbersOf(x)
  const floating = isFloat(x.dtype)
  const fit = isInteger(dtype) && floating ? fitter(dtype) : undefined
  for (let i = 0; i < from.length; i++) {
    if (isBig(dtype)) to[i] = floating ? saturatedBigInt(from[i], dtype) : BigInt(from[i])
    else to[i] = fit ? fit(from[i]) : from[i]
  }
  return y
}

function isNarrow(dtype: DType): dtype is NarrowInteger {
  return dtype === 'int4' || dtype === 'uint4' || dtype === 'int2' || dtype === 'uint2'
}

function truncated(value: number): number {
  return Number.isFinite(value) ? Math.trunc(value) : 0
}

/** Truncation into 32 bits; narrower types keep the low bits of that, as the kernels do. */
function fitter(dtype: DType): (value: number) => number {
  const [least, most] = dtype.startsWith('uint') ? [0, 2 ** 32 - 1] : [-(2 ** 31), 2 ** 31 - 1]
  return (value) => (Number.isNaN(value) ? 0 : Math.min(Math.max(Math.trunc(value), least), most))
}

function fromStrings(texts: readonly string[], dtype: DType): HostTensor['data'] {
  const data = makeData(isSmallFloat(dtype) ? 'float64' : dtype, texts.length) as { [i: number]: number | bigint }
  texts.forEach((text, i) => {
    const trimmed = text.trim()
    if (isBig(dtype)) {
      if (!/^[+-]?\d+$/.test(trimmed)) throw new LanewiseError('E_VALUE', `"${text}" is not an integer`)
      data[i] = BigInt(trimmed)
      return
    }
    const value = /^[+-]?inf(inity)?$/i.test(trimmed)
      ? trimmed.startsWith('-')
        ? -Infinity
        : Infinity
      : /^[+-]?nan$/i.test(trimmed)
        ? NaN
        : Number(trimmed)
    if (trimmed === '' || (Number.isNaN(value) && !/nan/i.test(trimmed)))
      throw new LanewiseError('E_VALUE', `"${text}" is not a number`)
    data[i] = dtype === 'bool' ? (value !== 0 ? 1 : 0) : value
  })
  if (isSmallFloat(dtype)) return encodeFloats(dtype, data as unknown as Float64Array)
  return data as unknown as HostTensor['data']
}

function toStrings(x: HostTensor): string[] {
  if (isBig(x.dtype)) return Array.from(x.data as BigInt64Array, String)
  const single = x.dtype === 'float32' || isSmallFloat(x.dtype)
  return Array.from(numbersOf(x), (value) => {
    if (Number.isNaN(value)) return 'NaN'
    if (!Number.isFinite(value)) return value > 0 ? 'INF' : '-INF'
    // The fewest digits that give the same float32 again.
    return single ? shortest(value) : String(value)
  })
}

function shortest(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const text = String(Number(value.toPrecision(digits)))
    if (Math.fround(Number(text)) === value) return text
  }
  return String(Number(value.toPrecision(9)))
}
