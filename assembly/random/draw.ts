// Random numbers drawn one after the other, the same as the plain version draws (src/ops/random/bulk-generator.ts): for
// operators of ONNX, whose results follow from a seed. Each word of the generator follows from the one before; what is
// made of them is float64 arithmetic.

/** Normal numbers that are drawn together: their words come before what those need that lie beyond their layer. */
const CHUNK: i32 = 1024;

/** Where the lowest layer of the ziggurat ends and the tail begins. */
const EDGE: f64 = 3.654152885361009;

const LN2_HIGH: f64 = 6.9314718036912381649e-1;
const LN2_LOW: f64 = 1.90821492927058770002e-10;

/** Draws `n` words of xoshiro128** (Blackman and Vigna, 2018); its four words of `state` go on. */
function draw(state: usize, to: usize, n: i32): void {
  let a = load<i32>(state), b = load<i32>(state, 4), c = load<i32>(state, 8), d = load<i32>(state, 12);
  for (const end = to + (<usize>n << 2); to < end; to += 4) {
    store<i32>(to, rotl<i32>(b * 5, 7) * 9);
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotl<i32>(d, 11);
  }
  store<i32>(state, a);
  store<i32>(state, b, 4);
  store<i32>(state, c, 8);
  store<i32>(state, d, 12);
}

/** One word, drawn to a place after the state. */
function bits(state: usize): i32 {
  draw(state, state + 16, 1);
  return load<i32>(state, 16);
}

/** In [0, 1), 53 bits. */
function uniform(state: usize): f64 {
  const high = <f64>(<u32>bits(state) >> 5);
  return (high * 67108864 + <f64>(<u32>bits(state) >> 6)) / 9007199254740992;
}

/** In [0, 1), 32 bits, of the word at a place. */
// @ts-ignore: decorator
@inline
function unit(at: usize): f64 {
  return <f64>load<u32>(at) * 2.3283064365386963e-10;
}

/** eˣ for −100 < x ≤ 0, as scalar-functions.ts. */
function exp(x: f64): f64 {
  const n = Math.floor(x / 0.6931471805599453 + 0.5);
  const r = x - n * LN2_HIGH - n * LN2_LOW;
  let sum: f64 = 0;
  for (let k: f64 = 16; k > 0; k--) sum = (r * (1 + sum)) / k;
  return (1 + sum) * reinterpret<f64>((<i64>n + 1023) << 52);
}

/** Natural logarithm for normal numbers in (0, 1], as scalar-functions.ts. */
function log(x: f64): f64 {
  const word = reinterpret<i64>(x);
  let k = <f64>((word >> 52) - 1023);
  let m = reinterpret<f64>((word & 0xfffffffffffff) | 0x3ff0000000000000);
  if (m > 1.4142135623730951) {
    m /= 2;
    k += 1;
  }
  const s = (m - 1) / (m + 1);
  const square = s * s;
  let series: f64 = 0;
  for (let i: f64 = 23; i > 1; i -= 2) series = square * (1 / i + series);
  return k * LN2_HIGH + (2 * (s + s * series) + k * LN2_LOW);
}

/** A normal number beyond the lowest layer (Marsaglia, 1964). */
function tail(state: usize): f64 {
  while (true) {
    const x = -log(1 - uniform(state)) / EDGE;
    const y = -log(1 - uniform(state));
    if (2 * y >= x * x) return EDGE + x;
  }
}

/** A candidate in the middle of what its bits leave open, so that both sides are alike. */
// @ts-ignore: decorator
@inline
function candidate(layers: usize, word: i32): f64 {
  return (<f64>(word >> 8) + 0.5) * load<f64>(layers + (<usize>(word & 255) << 3));
}

/** Whether a candidate lies in the part of its layer that is all under the curve. */
// @ts-ignore: decorator
@inline
function inside(layers: usize, word: i32, z: f64): bool {
  return Math.abs(z) < load<f64>(layers + (<usize>(word & 255) << 3), 2048);
}

/** The normal number of a word whose candidate does not. */
function beyond(state: usize, layers: usize, word: i32): f64 {
  let z = candidate(layers, word);
  while (true) {
    const layer = <usize>(word & 255);
    if (layer === 0) return z < 0 ? -tail(state) : tail(state);
    const at = layers + (layer << 3);
    const low = load<f64>(at, 4096 - 8);
    const height = low + uniform(state) * (load<f64>(at, 4096) - low);
    if (height < exp(-0.5 * z * z)) return z;
    word = bits(state);
    z = candidate(layers, word);
    if (inside(layers, word, z)) return z;
  }
}

/** y [n] = low + range·u for u in [0, 1). `state`: four words, which go on, and room for one. */
export function random_uniform_f32(state: usize, y: usize, n: i32, low: f64, range: f64): void {
  draw(state, y, n);
  for (const end = y + (<usize>n << 2); y < end; y += 4) store<f32>(y, <f32>(low + range * unit(y)));
}

/** y [n] = 1 with the probability p [n], else 0. */
export function random_events_f32(state: usize, p: usize, y: usize, n: i32): void {
  draw(state, y, n);
  for (const end = y + (<usize>n << 2); y < end; p += 4, y += 4) store<f32>(y, <f32>i32(unit(y) < <f64>load<f32>(p)));
}

/**
 * y [n] = mean + scale·z for normal numbers z, by the ziggurat whose layers' widths, edges and heights stand in
 * `layers`, 256 float64 numbers each. `state`: as above; `misses`: room for 1024 places.
 */
export function random_normal_f32(
  state: usize, y: usize, n: i32, layers: usize, misses: usize, mean: f64, scale: f64,
): void {
  for (; n > 0; n -= CHUNK) {
    const count = min(n, CHUNK);
    draw(state, y, count);
    let miss = misses;
    for (let i = 0; i < count; i++) {
      const at = y + (<usize>i << 2);
      const word = load<i32>(at);
      const z = candidate(layers, word);
      // A miss keeps its word where its number is to be, and is noted without a branch.
      const hit = inside(layers, word, z);
      store<i32>(at, select<i32>(reinterpret<i32>(<f32>(mean + scale * z)), word, hit));
      store<i32>(miss, i);
      miss += <usize>!hit << 2;
    }
    for (let m = misses; m < miss; m += 4) {
      const at = y + (<usize>load<i32>(m) << 2);
      store<f32>(at, <f32>(mean + scale * beyond(state, layers, load<i32>(at))));
    }
    y += <usize>count << 2;
  }
}
