import { expect } from 'vitest'
import { LanewiseError, type ErrorCode } from '../../src/core/errors.js'

/** Runs `work`, which must throw a LanewiseError, and returns that. */
export function thrownBy(work: () => unknown): LanewiseError {
  let thrown: unknown
  try {
    work()
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeInstanceOf(LanewiseError)
  return thrown as LanewiseError
}

/** As {@link thrownBy}, with an error of that code. */
export function expectError(code: ErrorCode, work: () => unknown, message?: RegExp): LanewiseError {
  const error = thrownBy(work)
  expect(error.code, error.message).toBe(code)
  if (message !== undefined) expect(error.message).toMatch(message)
  return error
}

/** As {@link expectError}, for what ends later. */
export async function expectRejects(
  code: ErrorCode,
  work: () => Promise<unknown>,
  message?: RegExp,
): Promise<LanewiseError> {
  let ended: () => unknown = () => undefined
  try {
    await work()
  } catch (error) {
    ended = () => {
      throw error
    }
  }
  return expectError(code, ended, message)
}
