import { schemasOf } from './schemas.js'

/** The oldest operator set that is read and written. */
export const OLDEST_OPSET = 7

/**
 * The operator set that exported files import: what today's runtimes read. Every definition's newest semantics is valid
 * there.
 */
export const EXPORT_OPSET = 21

/** The newest operator set that can be written. */
export const NEWEST_WRITTEN = 28

/** Operators that meant something else when they came, which is not written: the first set with today's meaning. */
const meant: Readonly<Record<string, number>> = { Scan: 9 }

/**
 * The first operator set of its domain in which an operator can be written; {@link OLDEST_OPSET} for older ones of
 * ai.onnx.
 */
export function introducedAt(domain: string, name: string): number {
  const first = schemasOf(domain, name).find(({ deprecated }) => !deprecated)?.since ?? 1
  return domain ? first : Math.max(OLDEST_OPSET, meant[name] ?? first)
}
