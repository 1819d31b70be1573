import { readFileSync } from 'node:fs'
import { inflateRawSync } from 'node:zlib'
import type { HostTensor } from '../../../src/core/host.js'
import { readNpy } from './npy.js'

/** The files of a zip archive, stored or deflated, as its central directory lists them (PKWARE APPNOTE 4.3). */
function readZip(file: Uint8Array): Map<string, Uint8Array> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  let end = file.length - 22
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--
  if (end < 0) throw new Error('not a zip archive')
  const entries = new Map<string, Uint8Array>()
  let at = view.getUint32(end + 16, true)
  for (let count = view.getUint16(end + 10, true); count > 0; count--) {
    if (view.getUint32(at, true) !== 0x02014b50) throw new Error('broken zip directory')
    const method = view.getUint16(at + 10, true)
    const nameLength = view.getUint16(at + 28, true)
    const extraLength = view.getUint16(at + 30, true)
    const name = new TextDecoder().decode(file.subarray(at + 46, at + 46 + nameLength))
    const packed = view.getUint32(at + 20, true)
    const local = view.getUint32(at + 42, true)
    if (packed === 0xffffffff || local === 0xffffffff) throw new Error('zip64 archives are not read')
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true)
    const data = file.subarray(start, start + packed)
    if (method !== 0 && method !== 8) throw new Error(`zip method ${method} is not read`)
    entries.set(name, method === 0 ? data : inflateRawSync(data))
    at += 46 + nameLength + extraLength + view.getUint16(at + 32, true)
  }
  return entries
}

/** The arrays of a NumPy .npz file. */
export function readNpz(path: string): Map<string, HostTensor> {
  const arrays = new Map<string, HostTensor>()
  for (const [name, bytes] of readZip(readFileSync(path))) arrays.set(name.replace(/\.npy$/, ''), readNpy(bytes))
  return arrays
}

/** A recorded run of a model: arrays `in__NAME` and `out__NAME`, "/" in a name written "|". */
export function readReferenceRun(path: string): { inputs: Map<string, HostTensor>; outputs: Map<string, HostTensor> } {
  const inputs = new Map<string, HostTensor>()
  const outputs = new Map<string, HostTensor>()
  for (const [key, tensor] of readNpz(path)) {
    const [, side, name] = /^(in|out)__(.*)$/s.exec(key) ?? []
    if (side === undefined) throw new Error(`${path}: array "${key}" is neither input nor output`)
    const target = side === 'in' ? inputs : outputs
    target.set(name.replaceAll('|', '/'), tensor)
  }
  return { inputs, outputs }
}
