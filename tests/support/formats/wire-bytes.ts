/** Protobuf by hand, for files that no writer would make. */

export function varint(value: number | bigint): number[] {
  const out: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  while (rest > 0x7fn) {
    out.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  out.push(Number(rest))
  return out
}

export function tag(number: number, type: number): number[] {
  return varint(number * 8 + type)
}

/** A length-delimited field. */
export function lengthField(number: number, body: ArrayLike<number>): Uint8Array {
  const head = [...tag(number, 2), ...varint(body.length)]
  const out = new Uint8Array(head.length + body.length)
  out.set(head)
  out.set(body, head.length)
  return out
}

export function varintField(number: number, value: number | bigint): Uint8Array {
  return Uint8Array.from([...tag(number, 0), ...varint(value)])
}

export function bytes(...parts: (number | ArrayLike<number>)[]): Uint8Array {
  const lists = parts.map((part) => (typeof part === 'number' ? [part] : part))
  const out = new Uint8Array(lists.reduce((sum, list) => sum + list.length, 0))
  let at = 0
  for (const list of lists) {
    out.set(list, at)
    at += list.length
  }
  return out
}

export function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** `unit` again and again. */
export function repeat(unit: readonly number[], times: number): Uint8Array {
  const out = new Uint8Array(unit.length * times)
  out.set(unit.slice(0, out.length))
  for (let filled = unit.length; filled < out.length; filled *= 2) out.copyWithin(filled, 0, filled)
  return out
}
