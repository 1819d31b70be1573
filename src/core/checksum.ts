const P1 = 0x9e3779b1
const P2 = 0x85ebca77
const TURN = 13
const LANES = 16

/** Bytes per call: an engine switches to the optimised version of a kernel only when the kernel is called again. */
const PIECE = 2 ** 16

/**
 * The checksum of bytes, from those of their pieces.
 *
 * @param sumOf - the checksum of assembly/lib/checksum.ts of the bytes from a place to another; of bytes in WebAssembly
 *   memory by that kernel.
 * @returns a signed number of 32 bits.
 */
export function checksum(
  bytes: Uint8Array,
  sumOf = (from: number, to: number): number => pieceSum(bytes.subarray(from, to)),
): number {
  const { length } = bytes
  let hash = 0
  for (let from = 0; from < length; from += PIECE) hash = mix(hash, sumOf(from, Math.min(length, from + PIECE)))
  return hash
}

/** What the kernel computes. */
function pieceSum(bytes: Uint8Array): number {
  const { byteLength } = bytes
  const whole = byteLength - (byteLength % (4 * LANES))
  const lanes = new Int32Array(LANES)
  // Numbers in WebAssembly memory are little-endian, and so are those of every machine that runs it; only their place
  // has to be right.
  const { buffer, byteOffset } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
  const words = new Int32Array(buffer, byteOffset, whole / 4)
  for (let i = 0; i < words.length; i += LANES)
    for (let lane = 0; lane < LANES; lane++) lanes[lane] = mix(lanes[lane], words[i + lane])
  let hash = byteLength | 0
  for (const lane of lanes) hash = mix(hash, lane)
  for (let i = whole; i < byteLength; i++) hash = mix(hash, bytes[i])
  return hash
}

function mix(hash: number, word: number): number {
  const x = (hash + Math.imul(word, P2)) | 0
  return Math.imul((x << TURN) | (x >>> (32 - TURN)), P1)
}
