import { isFloat, isInteger, type DType } from '../../core/dtype.js'
import { LanewiseError, present } from '../../core/errors.js'
import type { TensorType } from '../../ir/op.js'

/** The type that all operands share, those left out aside. @throws LanewiseError `E_SHAPE` if they do not. */
export function sameType(inputs: readonly (TensorType | undefined)[]): DType {
  const { dtype } = present(
    inputs.find((input) => input),
    'input',
  )
  const other = inputs.find((input) => input && input.dtype !== dtype)
  if (other) {
    throw new LanewiseError('E_SHAPE', `operands of type ${dtype} and ${other.dtype} do not go together`, {
      expected: dtype,
      actual: other.dtype,
    })
  }
  return dtype
}

/** Whether TypeScript can do arithmetic on a type as it is. */
export function isArithmetic(dtype: DType): boolean {
  return isInteger(dtype) || dtype === 'float32' || dtype === 'float64'
}

/**
 * @throws LanewiseError `E_UNSUPPORTED` for a type whose elements JavaScript cannot calculate with as they are stored.
 */
export function requireArithmetic(dtype: DType): void {
  if (isArithmetic(dtype)) return
  throw new LanewiseError('E_UNSUPPORTED', `not supported for ${dtype}`, { actual: dtype })
}

/** @throws LanewiseError `E_TENSOR` for an operand that is there and does not hold integers (or truth values). */
export function requireIntegers(what: string, type: TensorType | undefined): void {
  if (!type || isInteger(type.dtype) || type.dtype === 'bool') return
  throw new LanewiseError('E_TENSOR', `${what} must hold integers, got ${type.dtype}`, { actual: type.dtype })
}

/** @throws LanewiseError `E_UNSUPPORTED` for an operand that is there and does not hold floats. */
export function requireFloats(...types: readonly (TensorType | undefined)[]): void {
  for (const type of types) if (type) requireFloat(type.dtype)
}

/** @throws LanewiseError `E_UNSUPPORTED` for a type that is no float. */
export function requireFloat(dtype: DType): void {
  if (!isFloat(dtype))
    throw new LanewiseError('E_UNSUPPORTED', `not supported for ${dtype}`, { expected: 'a float type', actual: dtype })
}
