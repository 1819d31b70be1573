import { constants, inflateRawSync } from 'node:zlib'
import { LanewiseError } from '../../core/errors.js'
import type { HostTensor } from '../../core/host.js'
import { npyBytes, readNpy } from './npy.js'

const END_OF_DIRECTORY = 0x06054b50
const DIRECTORY_ENTRY = 0x02014b50
const LOCAL_HEADER = 0x04034b50

/** All arrays of a file together; what they say of themselves is believed no further. */
const MAX_BYTES = 2 ** 32
/** So many packed bytes hold the header of an array, and unpack to 128 times the longest one at most. */
const HEADER_BYTES = 2 ** 13
/** What may follow the elements of an array. */
const MOST_AFTER = 2 ** 16

/**
 * The arrays of a NumPy .npz file, by name: each is unpacked when it is called for. Names in the file end in ".npy",
 * the keys do not.
 *
 * @throws LanewiseError `E_TENSOR` if it is no zip archive, or two of its entries share bytes or a name; a call, also
 *   if the entry is no array; `E_BUDGET` if all that was called for takes more than 4 GiB.
 */
export function readNpz(bytes: Uint8Array, what: string): Map<string, () => HostTensor> {
  const arrays = new Map<string, () => HostTensor>()
  let total = 0
  for (const { name, size, beginning, unpack } of zipEntries(bytes, what)) {
    if (!name.endsWith('.npy')) continue
    const read = (): HostTensor => {
      total += size
      if (total > MAX_BYTES)
        throw new LanewiseError('E_BUDGET', `${what}: the arrays take more than ${MAX_BYTES} bytes`, { tensor: what })
      const array = `${what}: ${name}`
      // An entry of any other kind is not unpacked to find that out.
      const expected = npyBytes(beginning(), size, array)
      if (expected < size - MOST_AFTER)
        throw new LanewiseError('E_TENSOR', `${array}: the array takes ${expected} bytes, its entry ${size}`, {
          tensor: what,
          expected: String(expected),
          actual: String(size),
        })
      return readNpy(unpack(), array)
    }
    arrays.set(name.slice(0, -4), read)
  }
  return arrays
}

interface Entry {
  readonly name: string
  /** Bytes when it is unpacked. */
  readonly size: number
  /** Its first bytes, at least as many as the header of an array may have. */
  beginning(): Uint8Array
  unpack(): Uint8Array
}

/** Files of a zip archive, stored or deflated (APPNOTE.TXT 4.3; neither encryption nor archives over 4 GiB). */
function zipEntries(bytes: Uint8Array, what: string): Entry[] {
  const fail = (reason: string): never => {
    throw new LanewiseError('E_TENSOR', `${what}: ${reason}`, { tensor: what })
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const has = (at: number, length: number) => at >= 0 && at + length <= bytes.length
  // Behind the end of the directory only a comment may stand, of up to 65535 bytes.
  let end = bytes.length - 22
  const first = Math.max(0, end - 0xffff)
  while (end >= first && view.getUint32(end, true) !== END_OF_DIRECTORY) end--
  if (end < first) fail('this is not an .npz file')
  const entries: Entry[] = []
  const names = new Set<string>()
  const places: { name: string; start: number; end: number }[] = []
  let at = view.getUint32(end + 16, true)
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    if (!has(at, 46) || view.getUint32(at, true) !== DIRECTORY_ENTRY) fail('the directory of the archive is damaged')
    const flags = view.getUint16(at + 8, true)
    const method = view.getUint16(at + 10, true)
    const packed = view.getUint32(at + 20, true)
    const size = view.getUint32(at + 24, true)
    const nameLength = view.getUint16(at + 28, true)
    const local = view.getUint32(at + 42, true)
    if (packed === 0xffffffff || local === 0xffffffff) fail('archives over 4 GiB are not supported')
    const name = Buffer.from(bytes.subarray(at + 46, at + 46 + nameLength)).toString('utf8')
    if (names.has(name)) fail(`two entries are called ${name}`)
    names.add(name)
    if (!has(local, 30) || view.getUint32(local, true) !== LOCAL_HEADER) fail(`the entry ${name} is damaged`)
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true)
    if (!has(start, packed)) fail(`the entry ${name} is cut off`)
    places.push({ name, start: local, end: start + packed })
    const body = bytes.subarray(start, start + packed)
    const damaged = () => fail(`the entry ${name} cannot be unpacked`)
    const stored = () => {
      if (flags & 1) fail(`the entry ${name} is encrypted`)
      if (method !== 0 && method !== 8) fail(`the entry ${name} is packed by method ${method}`)
      return method === 0
    }
    entries.push({
      name,
      size: method === 0 ? packed : size,
      beginning: () => (stored() ? body : inflateBeginning(body, damaged)),
      unpack: () => (stored() ? body : inflate(body, size, damaged)),
    })
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
  }
  // A small file unpacks to any size if its entries share their bytes (Fifield, "A better zip bomb", 2019).
  places.sort((a, b) => a.start - b.start)
  for (let i = 1; i < places.length; i++)
    if (places[i].start < places[i - 1].end) fail(`the entries ${places[i - 1].name} and ${places[i].name} overlap`)
  return entries
}

function inflate(body: Uint8Array, size: number, fail: () => never): Uint8Array {
  try {
    const data = inflateRawSync(body, { maxOutputLength: Math.max(size, 1) })
    if (data.length === size) return data
  } catch {
    // As with another size.
  }
  return fail()
}

/** What the first packed bytes hold. */
function inflateBeginning(body: Uint8Array, fail: () => never): Uint8Array {
  try {
    return inflateRawSync(body.subarray(0, HEADER_BYTES), { finishFlush: constants.Z_SYNC_FLUSH })
  } catch {
    return fail()
  }
}
