import { LanewiseError } from '../../core/errors.js'

/** What to say where the operators outside the common set cannot be had. */
export const RARE = "; import 'lanewise/ops/all' adds the rare ones"

/** Imports a model; an error about operators says how to have more of them, if there is a way. */
export function sayingWhatToImport<T>(hint: string | undefined, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (hint && error instanceof LanewiseError && error.code === 'E_UNSUPPORTED') error.message += hint
    throw error
  }
}
