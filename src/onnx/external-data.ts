import { LanewiseError } from '../core/errors.js'
import { bytesIn } from '../core/realm.js'
import type { TensorProto } from './schema/onnx.js'

/** Where the bytes of tensors come from that a model keeps outside its own file. */
export interface ExternalData {
  /**
   * `length` bytes of the file at `location` (relative to the model, already checked by {@link checkLocation}), from
   * byte `offset`.
   *
   * @throws LanewiseError `E_EXTERNAL` if there is no such file, it may not be read, or it ends before
   *   `offset + length`.
   */
  read(location: string, offset: number, length: number): Uint8Array
}

/** The entries of `TensorProto.external_data`, checked. */
export interface ExternalReference {
  location: string
  offset: number
  /** Undefined where the model does not say: then it is what the tensor's shape needs. */
  length: number | undefined
}

function refuse(message: string, cause?: unknown): never {
  throw new LanewiseError('E_EXTERNAL', message, { cause })
}

/**
 * Normalises the path of an external file: `./a//b` becomes `a/b`. What could leave the model's folder on any system is
 * refused, whatever system this is, so that a model is accepted everywhere or nowhere.
 *
 * @throws LanewiseError `E_EXTERNAL`.
 */
export function checkLocation(location: string): string {
  const shown = JSON.stringify(location)
  if (location.includes('\0')) refuse(`the external data path ${shown} contains a NUL`)
  if (location.includes('\\')) refuse(`the external data path ${shown} contains a backslash; ONNX paths use "/"`)
  if (location.startsWith('/')) refuse(`the external data path ${shown} is absolute; it must be relative to the model`)
  if (/^[a-z]:/i.test(location))
    refuse(`the external data path ${shown} names a drive; it must be relative to the model`)
  const parts = location.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) refuse(`the external data path ${shown} contains ".."`)
  if (parts.length === 0) refuse(`the external data path ${shown} names no file`)
  return parts.join('/')
}

function parseCount(key: string, text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    refuse(`external data ${key} ${JSON.stringify(text)} is not a number of bytes`)
  }
  return value
}

/**
 * The external reference of a tensor.
 *
 * @throws LanewiseError `E_EXTERNAL` for an unknown or repeated key, a missing or unsafe path, an offset or length that
 *   is no count.
 */
export function parseExternal(tensor: Pick<TensorProto, 'externalData'>): ExternalReference {
  const entries = new Map<string, string>()
  for (const { key, value } of tensor.externalData) {
    // `checksum` is an optional SHA-1 of the file; nothing here relies on it.
    if (key !== 'location' && key !== 'offset' && key !== 'length' && key !== 'checksum') {
      refuse(`unknown external data key ${JSON.stringify(key)}`)
    }
    if (entries.has(key)) refuse(`external data key "${key}" appears twice`)
    entries.set(key, value)
  }
  const location = entries.get('location')
  if (location === undefined) refuse('external data without a location')
  const offset = parseCount('offset', entries.get('offset') ?? '0')
  const lengthText = entries.get('length')
  const length = lengthText === undefined ? undefined : parseCount('length', lengthText)
  return { location: checkLocation(location), offset, length }
}

/** Checks that `offset + length` lies within a file of `size` bytes. @throws LanewiseError `E_EXTERNAL`. */
export function checkRange(location: string, size: number, offset: number, length: number): void {
  // Both are safe integers, so the sum is exact where it matters: any sum past 2^53 is past every file's end.
  if (offset + length > size) {
    refuse(`external data "${location}" has ${size} bytes; bytes ${offset} to ${offset + length} were asked for`)
  }
}

/** One external file handed in as bytes, as in onnxruntime-web's `externalData` session option. */
export interface ExternalFile {
  path: string
  data: Uint8Array | ArrayBuffer
}

/**
 * External data from bytes in memory: works everywhere. Reads are views.
 *
 * @throws LanewiseError `E_EXTERNAL` for a path that {@link checkLocation} refuses or that is given twice.
 */
export function memoryExternalData(files: readonly ExternalFile[]): ExternalData {
  const byPath = new Map<string, Uint8Array>()
  for (const { path, data } of files) {
    const location = checkLocation(path)
    if (byPath.has(location)) refuse(`external data "${location}" is given twice`)
    const bytes = bytesIn(data)
    if (!bytes) refuse(`external data "${location}" must be bytes`)
    byPath.set(location, bytes)
  }
  return {
    read(location, offset, length) {
      const bytes = byPath.get(location)
      if (bytes === undefined) {
        const known = [...byPath.keys()].map((path) => `"${path}"`).join(', ')
        refuse(`the model needs the external file "${location}"; externalData has ${known === '' ? 'no files' : known}`)
      }
      checkRange(location, bytes.length, offset, length)
      return new Uint8Array(bytes.buffer, bytes.byteOffset + offset, length)
    },
  }
}

/** What stands in where a model came as bytes alone: says how to pass its external files. */
export const noExternalData: ExternalData = {
  read(location) {
    refuse(
      `the model keeps tensors in the file "${location}": pass ` +
        `externalData: [{ path: ${JSON.stringify(location)}, data: bytes }], or give the model's path`,
    )
  },
}
