import { deflateSync } from 'node:zlib'

/** The checksum of a PNG's chunks (https://www.w3.org/TR/png-3/#D-CRCAppendix). */
export function crc32Of(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return (crc ^ 0xffffffff) >>> 0
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const out = Buffer.alloc(body.length + 8)
  out.writeUInt32BE(data.length, 0)
  out.set(body, 4)
  out.writeUInt32BE(crc32Of(body), 4 + body.length)
  return out
}

/**
 * A PNG as it is asked for, right or wrong.
 *
 * @param rows - each after the byte that names its filter.
 * @param before - further chunks between header and data, in this order.
 */
export function pngOf(
  width: number,
  height: number,
  depth: number,
  colourType: number,
  rows: Uint8Array,
  { before = {} }: { readonly before?: Readonly<Record<string, Uint8Array>> } = {},
): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([depth, colourType, 0, 0, 0], 8)
  return Buffer.concat([
    Buffer.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10),
    chunk('IHDR', header),
    ...Object.entries(before).map(([type, data]) => chunk(type, data)),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', new Uint8Array(0)),
  ])
}
