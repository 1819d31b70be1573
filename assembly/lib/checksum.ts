// A checksum of what lies in memory: rounds as in xxHash32 (Collet) over sixteen lanes, so that the order of words
// counts and that a change of a single word is always seen. src/core/checksum.ts is the same in TypeScript.
const P1: i32 = 0x9e3779b1;
const P2: i32 = 0x85ebca77;
const TURN = 13;

@inline
function round(lanes: v128, words: v128): v128 {
  const x = i32x4.add(lanes, i32x4.mul(words, i32x4.splat(P2)));
  return i32x4.mul(v128.or(i32x4.shl(x, TURN), i32x4.shr_u(x, 32 - TURN)), i32x4.splat(P1));
}

@inline
function mix(hash: i32, word: i32): i32 {
  return rotl<i32>(hash + word * P2, TURN) * P1;
}

@inline
function mixLanes(hash: i32, lanes: v128): i32 {
  hash = mix(hash, i32x4.extract_lane(lanes, 0));
  hash = mix(hash, i32x4.extract_lane(lanes, 1));
  hash = mix(hash, i32x4.extract_lane(lanes, 2));
  return mix(hash, i32x4.extract_lane(lanes, 3));
}

/** Of `bytes` bytes at `from`, which need not be a multiple of anything. */
export function checksum(from: usize, bytes: i32): i32 {
  let a = i32x4.splat(0);
  let b = i32x4.splat(0);
  let c = i32x4.splat(0);
  let d = i32x4.splat(0);
  let at = from;
  for (const end = from + (<usize>bytes & ~63); at < end; at += 64) {
    a = round(a, v128.load(at));
    b = round(b, v128.load(at, 16));
    c = round(c, v128.load(at, 32));
    d = round(d, v128.load(at, 48));
  }
  let hash = bytes;
  for (let lanes = 0; lanes < 4; lanes++) {
    hash = mixLanes(hash, a);
    a = b;
    b = c;
    c = d;
  }
  for (const end = from + <usize>bytes; at < end; at++) hash = mix(hash, load<u8>(at));
  return hash;
}
