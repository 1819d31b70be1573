/**
 * What a value is, whichever JavaScript realm made it: an iframe, `node:vm`, a test runner's sandbox. `instanceof`
 * knows the classes of one realm only; what is asked here is what the engine itself knows of the object.
 */

const typedArrayName = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag,
)?.get as (this: unknown) => string | undefined
const mapSize = Object.getOwnPropertyDescriptor(Map.prototype, 'size')?.get as (this: unknown) => number

/** "Float32Array" and so on of a typed array; undefined for anything else. */
export function arrayNameOf(value: unknown): string | undefined {
  return typedArrayName.call(value)
}

/** What an object calls itself: "ArrayBuffer", "URL" … Only a hint: objects may say what they like. */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1)
}

/** A map of this realm with the entries of any realm's; undefined for anything else. */
export function mapOf(value: unknown): Map<unknown, unknown> | undefined {
  try {
    mapSize.call(value)
  } catch {
    return undefined
  }
  return new Map(Map.prototype.entries.call(value))
}

/** The bytes of a buffer, or of a view of one; undefined for anything else. They are shared, not copied. */
export function bytesIn(value: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  if (!isBuffer(value)) return undefined
  return new Uint8Array(value)
}

/** A buffer, shared or not. */
function isBuffer(value: unknown): value is ArrayBufferLike {
  return typeof value === 'object' && value !== null && /^(Shared)?ArrayBuffer$/.test(tagOf(value))
}

/** An error by the name of its class. */
export function isErrorNamed(error: unknown, ...names: string[]): error is Error {
  return typeof error === 'object' && error !== null && names.includes((error as Error).name)
}
