/** A zip archive of stored entries. `at` puts an entry's local header where another's is. */
export function zip(
  entries: readonly { name: string; data: Uint8Array; at?: number; size?: number; method?: number }[],
): Uint8Array {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let length = 0
  for (const { name, data, at, size = data.length, method = 0 } of entries) {
    const local = Buffer.alloc(30)
    local.writeUInt32LE(0x04034b50, 0)
    local.writeUInt16LE(name.length, 26)
    const central = Buffer.alloc(46)
    central.writeUInt32LE(0x02014b50, 0)
    central.writeUInt16LE(method, 10)
    central.writeUInt32LE(data.length, 20)
    central.writeUInt32LE(size, 24)
    central.writeUInt16LE(name.length, 28)
    central.writeUInt32LE(at ?? length, 42)
    directory.push(central, Buffer.from(name))
    if (at !== undefined) continue
    parts.push(local, Buffer.from(name), Buffer.from(data))
    length += 30 + name.length + data.length
  }
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(length, 16)
  return Buffer.concat([...parts, ...directory, end])
}
