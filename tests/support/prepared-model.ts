import { checksum } from '../../src/core/checksum.js'
import { dataStart } from '../../src/api/prepared/format.js'

type Header = Record<string, never> & { variants: Record<string, never>[] }

/**
 * A prepared model whose header says something else, with the checksum of that: as somebody would write it who means to
 * mislead.
 */
export function withHeader(file: Uint8Array, change: (header: Header) => unknown): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset)
  const [length, beginning] = [view.getUint32(12, true), view.getUint32(20, true)]
  const header = JSON.parse(new TextDecoder().decode(file.subarray(32, 32 + length))) as Header
  const text = new TextEncoder().encode(JSON.stringify(change(header) ?? header))
  const [before, after] = [dataStart(length), dataStart(text.length)]
  const changed = new Uint8Array(after + file.length - before)
  changed.set(file.subarray(0, 32))
  changed.set(text, 32)
  changed.set(file.subarray(before), after)
  const written = new DataView(changed.buffer)
  written.setUint32(12, text.length, true)
  written.setUint32(16, checksum(text), true)
  written.setUint32(20, beginning + after - before, true)
  written.setFloat64(24, changed.length, true)
  return changed
}
