import { inflateRawSync } from 'node:zlib'
import { LanewiseError } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import { readNpy } from './npy.js'

const END_OF_DIRECTORY = 0x06054b50
const DIRECTORY_ENTRY = 0x02014b50
const LOCAL_HEADER = 0x04034b50

/**
 * The arrays of a NumPy .npz file, by name. Names in the file end in ".npy", the keys do not.
 *
 * @throws LanewiseError `E_TENSOR` if it is no zip archive of arrays.
 */
export function readNpz(bytes: Uint8Array, what: string): Map<string, HostTensor> {
  const arrays = new Map<string, HostTensor>()
  for (const [name, data] of zipEntries(bytes, what)) {
    if (name.endsWith('.npy')) arrays.set(name.slice(0, -4), readNpy(data, `${what}: ${name}`))
  }
  return arrays
}

/** Files of a zip archive, stored or deflated (APPNOTE.TXT 4.3; neither encryption nor archives over 4 GiB). */
function* zipEntries(bytes: Uint8Array, what: string): Generator<[string, Uint8Array]> {
  const fail = (reason: string): never => {
    throw new LanewiseError('E_TENSOR', `${what}: ${reason}`, { tensor: what })
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const has = (at: number, length: number) => at >= 0 && at + length <= bytes.length
  let end = bytes.length - 22
  while (end >= 0 && view.getUint32(end, true) !== END_OF_DIRECTORY) end--
  if (end < 0) fail('this is not an .npz file')
  let at = view.getUint32(end + 16, true)
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    if (!has(at, 46) || view.getUint32(at, true) !== DIRECTORY_ENTRY) fail('the directory of the archive is damaged')
    const method = view.getUint16(at + 10, true)
    const packed = view.getUint32(at + 20, true)
    const size = view.getUint32(at + 24, true)
    const nameLength = view.getUint16(at + 28, true)
    const local = view.getUint32(at + 42, true)
    if (packed === 0xffffffff || local === 0xffffffff) fail('archives over 4 GiB are not supported')
    const name = Buffer.from(bytes.subarray(at + 46, at + 46 + nameLength)).toString('utf8')
    if (!has(local, 30) || view.getUint32(local, true) !== LOCAL_HEADER) fail(`the entry ${name} is damaged`)
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true)
    if (!has(start, packed)) fail(`the entry ${name} is cut off`)
    const body = bytes.subarray(start, start + packed)
    if (method === 0) yield [name, body]
    else if (method === 8) yield [name, inflate(body, size, () => fail(`the entry ${name} cannot be unpacked`))]
    else fail(`the entry ${name} is packed by method ${method}`)
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
  }
}

function inflate(body: Uint8Array, size: number, fail: () => never): Uint8Array {
  try {
    return inflateRawSync(body, { maxOutputLength: Math.max(size, 1) })
  } catch {
    return fail()
  }
}
