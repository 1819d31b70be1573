// FIPS 180-4, section 6.2: for where the platform has none that answers at once.

/** The first 32 bits of the fractional parts of the roots of the first primes: square roots (8), cube roots (64). */
function roots(count: number, power: number): Uint32Array {
  const found = new Uint32Array(count)
  for (let candidate = 2, at = 0; at < count; candidate++) {
    let prime = true
    for (let divisor = 2; divisor * divisor <= candidate && prime; divisor++) prime = candidate % divisor !== 0
    if (prime) found[at++] = fraction(BigInt(candidate), power)
  }
  return found
}

/** ⌊n^(1/power) · 2³²⌋ mod 2³², exactly: by halving an interval of whole numbers. */
function fraction(n: bigint, power: number): number {
  const target = n << BigInt(32 * power)
  let [low, high] = [0n, 1n << 40n]
  while (high - low > 1n) {
    const middle = (low + high) >> 1n
    if (middle ** BigInt(power) <= target) low = middle
    else high = middle
  }
  return Number(low & 0xffffffffn)
}

let constants: { readonly start: Uint32Array; readonly rounds: Uint32Array } | undefined

/** SHA-256 of bytes that come piece by piece. */
export class Sha256 {
  private readonly state: Uint32Array
  private readonly rounds: Uint32Array
  private readonly block = new Uint8Array(64)
  private readonly words = new Uint32Array(64)
  private filled = 0
  private bytes = 0

  constructor() {
    constants ??= { start: roots(8, 2), rounds: roots(64, 3) }
    this.state = constants.start.slice()
    this.rounds = constants.rounds
  }

  update(bytes: Uint8Array): void {
    this.bytes += bytes.length
    for (let at = 0; at < bytes.length;) {
      if (this.filled === 0 && bytes.length - at >= 64) {
        this.compress(bytes, at)
        at += 64
        continue
      }
      const count = Math.min(64 - this.filled, bytes.length - at)
      this.block.set(bytes.subarray(at, at + count), this.filled)
      this.filled += count
      at += count
      if (this.filled === 64) {
        this.compress(this.block, 0)
        this.filled = 0
      }
    }
  }

  /** Ends it. @returns 64 hexadecimal digits. */
  hex(): string {
    const { block } = this
    const bits = BigInt(this.bytes) * 8n
    block[this.filled++] = 0x80
    if (this.filled > 56) {
      this.compress(block.fill(0, this.filled), 0)
      this.filled = 0
    }
    block.fill(0, this.filled)
    new DataView(block.buffer).setBigUint64(56, bits)
    this.compress(block, 0)
    return Array.from(this.state, (word) => word.toString(16).padStart(8, '0')).join('')
  }

  private compress(bytes: Uint8Array, from: number): void {
    const { words: w, rounds: k, state } = this
    for (let i = 0, at = from; i < 16; i++, at += 4)
      w[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
    for (let i = 16; i < 64; i++) {
      const [x, y] = [w[i - 15], w[i - 2]]
      w[i] = w[i - 16] + (turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)) + w[i - 7] + (turn(y, 17) ^ turn(y, 19) ^ (y >>> 10))
    }
    let [a, b, c, d, e, f, g, h] = state
    for (let i = 0; i < 64; i++) {
      const first = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + k[i] + w[i]) | 0
      const second = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0
      h = g
      g = f
      f = e
      e = (d + first) | 0
      d = c
      c = b
      b = a
      a = (first + second) | 0
    }
    const added = [a, b, c, d, e, f, g, h]
    for (let i = 0; i < 8; i++) state[i] += added[i]
  }
}

function turn(x: number, by: number): number {
  return (x >>> by) | (x << (32 - by))
}
