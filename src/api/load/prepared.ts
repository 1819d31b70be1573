import type { ConstantBytes, PreparedForms } from '../../plan/weights.js'
import type { ValueMetadata } from '../value.js'

/**
 * What a prepared model begins with. Nothing that is text, and a line end of each kind, which transfers as text would
 * change.
 */
export const PREPARED_MAGIC: readonly number[] = [0x89, 0x4c, 0x57, 0x4d, 0x0d, 0x0a, 0x1a, 0x0a]

/** Whether bytes begin as a prepared model does: so few of them that a truncated one is told from other files, too. */
export function isPrepared(bytes: Uint8Array): boolean {
  return bytes[0] === 0x89 && bytes[1] === 0x4c && bytes[2] === 0x57
}

/** What a session has of a prepared model besides the graph. */
export interface Prepared {
  /** Of the model that it was made of: which kernels are chosen depends on them. */
  readonly constants: ConstantBytes
  readonly forms: PreparedForms
  readonly outputs: readonly ValueMetadata[]
}
