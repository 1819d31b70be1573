// Written by scripts/tiles.ts (npm run tiles): change the template, not this file.

/**
 * row[16] += x · W of a group of weights of 2 bits; x as whole numbers of 23 bits, products of 16 bits.
 */
export function add_2_bits(
  x: usize, p: usize, zeros: i32, blocks: i32, words: i32, unit: i32, most: i32, row: usize,
): void {
  let mask = i16x8.splat(<i16>most);
  for (; blocks > 0; blocks--) {
    let scales = p;
    p += zeros ? 128 : 64;
    for (let w = 0; w < words; w += unit) {
      let scale = v128.load32_splat(x), sum = v128.load32_splat(x, 4);
      let start = zeros ? i32x4.splat(0) : i32x4.neg(i32x4.shl(sum, 1));
      for (let h = 0; h < 64; h += 64) {
        let a0 = start, q = p + h, s = x + 8;
        let a1 = start;
        let a2 = start;
        let a3 = start;
        let b0 = i32x4.splat(0);
        let b1 = i32x4.splat(0);
        let b2 = i32x4.splat(0);
        let b3 = i32x4.splat(0);
        for (let u = unit; u > 0; u--) {
          let v0 = v128.load(q);
          let v1 = v128.load(q, 16);
          let v2 = v128.load(q, 32);
          let v3 = v128.load(q, 48);
          let e: v128, w0: v128, w1: v128, w2: v128, w3: v128;
          w0 = v128.and(v0, mask);
          w1 = v128.and(v1, mask);
          w2 = v128.and(v2, mask);
          w3 = v128.and(v3, mask);
          e = v128.load32_splat(s, 0);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          e = v128.load32_splat(s, 4);
          b0 = i32x4.add(b0, i32x4.dot_i16x8_s(e, w0));
          b1 = i32x4.add(b1, i32x4.dot_i16x8_s(e, w1));
          b2 = i32x4.add(b2, i32x4.dot_i16x8_s(e, w2));
          b3 = i32x4.add(b3, i32x4.dot_i16x8_s(e, w3));
          if (s == 1) break;
          w0 = v128.and(i32x4.shr_u(v0, 2), mask);
          w1 = v128.and(i32x4.shr_u(v1, 2), mask);
          w2 = v128.and(i32x4.shr_u(v2, 2), mask);
          w3 = v128.and(i32x4.shr_u(v3, 2), mask);
          e = v128.load32_splat(s, 8);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          e = v128.load32_splat(s, 12);
          b0 = i32x4.add(b0, i32x4.dot_i16x8_s(e, w0));
          b1 = i32x4.add(b1, i32x4.dot_i16x8_s(e, w1));
          b2 = i32x4.add(b2, i32x4.dot_i16x8_s(e, w2));
          b3 = i32x4.add(b3, i32x4.dot_i16x8_s(e, w3));
          if (s == 2) break;
          w0 = v128.and(i32x4.shr_u(v0, 4), mask);
          w1 = v128.and(i32x4.shr_u(v1, 4), mask);
          w2 = v128.and(i32x4.shr_u(v2, 4), mask);
          w3 = v128.and(i32x4.shr_u(v3, 4), mask);
          e = v128.load32_splat(s, 16);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          e = v128.load32_splat(s, 20);
          b0 = i32x4.add(b0, i32x4.dot_i16x8_s(e, w0));
          b1 = i32x4.add(b1, i32x4.dot_i16x8_s(e, w1));
          b2 = i32x4.add(b2, i32x4.dot_i16x8_s(e, w2));
          b3 = i32x4.add(b3, i32x4.dot_i16x8_s(e, w3));
          if (s == 3) break;
          w0 = v128.and(i32x4.shr_u(v0, 6), mask);
          w1 = v128.and(i32x4.shr_u(v1, 6), mask);
          w2 = v128.and(i32x4.shr_u(v2, 6), mask);
          w3 = v128.and(i32x4.shr_u(v3, 6), mask);
          e = v128.load32_splat(s, 24);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          e = v128.load32_splat(s, 28);
          b0 = i32x4.add(b0, i32x4.dot_i16x8_s(e, w0));
          b1 = i32x4.add(b1, i32x4.dot_i16x8_s(e, w1));
          b2 = i32x4.add(b2, i32x4.dot_i16x8_s(e, w2));
          b3 = i32x4.add(b3, i32x4.dot_i16x8_s(e, w3));
          if (s == 4) break;
          w0 = v128.and(i32x4.shr_u(v0, 8), mask);
          w1 = v128.and(i32x4.shr_u(v1, 8), mask);
          w2 = v128.and(i32x4.shr_u(v2, 8), mask);
          w3 = v128.and(i32x4.shr_u(v3, 8), mask);
          e = v128.load32_splat(s, 32);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          e = v128.load32_splat(s, 36);
          b0 = i32x4.add(b0, i32x4.dot_i16x8_s(e, w0));
          b1 = i32x4.add(b1, i32x4.dot_i16x8_s(e, w1));
          b2 = i32x4.add(b2, i32x4.dot_i16x8_s(e, w2));
          b3 = i32x4.add(b3, i32x4.dot_i16x8_s(e, w3));
          if (s == 5) break;
          w0 = v128.and(i32x4.shr_u(v0, 10), mask);
          w1 = v128.and(i32x4.shr_u(v1, 10), mask);
          w2 = v128.and(i32x4.shr_u(v2, 10), mask);
          w3 = v128.and(i32x4.shr_u(v3, 10), mask);
          e = v128.load32_splat(s, 40);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          e = v128.load32_splat(s, 44);
          b0 = i32x4.add(b0, i32x4.dot_i16x8_s(e, w0));
          b1 = i32x4.add(b1, i32x4.dot_i16x8_s(e, w1));
          b2 = i32x4.add(b2, i32x4.dot_i16x8_s(e, w2));
          b3 = i32x4.add(b3, i32x4.dot_i16x8_s(e, w3));
          if (s == 6) break;
          w0 = v128.and(i32x4.shr_u(v0, 12), mask);
          w1 = v128.and(i32x4.shr_u(v1, 12), mask);
          w2 = v128.and(i32x4.shr_u(v2, 12), mask);
          w3 = v128.and(i32x4.shr_u(v3, 12), mask);
          e = v128.load32_splat(s, 48);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          e = v128.load32_splat(s, 52);
          b0 = i32x4.add(b0, i32x4.dot_i16x8_s(e, w0));
          b1 = i32x4.add(b1, i32x4.dot_i16x8_s(e, w1));
          b2 = i32x4.add(b2, i32x4.dot_i16x8_s(e, w2));
          b3 = i32x4.add(b3, i32x4.dot_i16x8_s(e, w3));
          if (s == 7) break;
          w0 = i16x8.shr_u(v0, 14);
          w1 = i16x8.shr_u(v1, 14);
          w2 = i16x8.shr_u(v2, 14);
          w3 = i16x8.shr_u(v3, 14);
          e = v128.load32_splat(s, 56);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          e = v128.load32_splat(s, 60);
          b0 = i32x4.add(b0, i32x4.dot_i16x8_s(e, w0));
          b1 = i32x4.add(b1, i32x4.dot_i16x8_s(e, w1));
          b2 = i32x4.add(b2, i32x4.dot_i16x8_s(e, w2));
          b3 = i32x4.add(b3, i32x4.dot_i16x8_s(e, w3));
          q += 64;
          s += 64;
        }
        a0 = i32x4.add(a0, i32x4.shl(b0, 12));
        a1 = i32x4.add(a1, i32x4.shl(b1, 12));
        a2 = i32x4.add(a2, i32x4.shl(b2, 12));
        a3 = i32x4.add(a3, i32x4.shl(b3, 12));
        if (zeros) {
          a0 = i32x4.sub(a0, i32x4.mul(sum, v128.load(scales + h, 64)));
          a1 = i32x4.sub(a1, i32x4.mul(sum, v128.load(scales + h + 16, 64)));
          a2 = i32x4.sub(a2, i32x4.mul(sum, v128.load(scales + h + 32, 64)));
          a3 = i32x4.sub(a3, i32x4.mul(sum, v128.load(scales + h + 48, 64)));
        }
        // Not fused in either build.
        let f0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a0), scale), v128.load(scales + h));
        v128.store(row + h, f32x4.add(v128.load(row + h), f0));
        let f1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a1), scale), v128.load(scales + h + 16));
        v128.store(row + h + 16, f32x4.add(v128.load(row + h + 16), f1));
        let f2 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a2), scale), v128.load(scales + h + 32));
        v128.store(row + h + 32, f32x4.add(v128.load(row + h + 32), f2));
        let f3 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a3), scale), v128.load(scales + h + 48));
        v128.store(row + h + 48, f32x4.add(v128.load(row + h + 48), f3));
      }
      x += 8 + unit * 64;
      p += unit << 6;
    }
  }
}

/**
 * row[16] += x · W of a group of weights of 2 bits; x as whole numbers of 23 bits, products of bytes.
 */
export function add_2_bits_dots(
  x: usize, p: usize, zeros: i32, blocks: i32, words: i32, unit: i32, most: i32, row: usize,
): void {
  let mask = i8x16.splat(<i8>most);
  for (; blocks > 0; blocks--) {
    let scales = p;
    p += zeros ? 128 : 64;
    for (let w = 0; w < words; w += unit) {
      let scale = v128.load32_splat(x), sum = v128.load32_splat(x, 4);
      let start = zeros ? i32x4.splat(0) : i32x4.neg(i32x4.shl(sum, 1));
      for (let h = 0; h < 64; h += 32) {
        let a0 = start, q = p + h, s = x + 8;
        let a1 = start;
        let b0 = i32x4.splat(0);
        let b1 = i32x4.splat(0);
        let c0 = i32x4.splat(0);
        let c1 = i32x4.splat(0);
        for (let u = unit; u > 0; u--) {
          let v0 = v128.load(q);
          let v1 = v128.load(q, 16);
          let e: v128, w0: v128, w1: v128;
          w0 = v128.and(v0, mask);
          w1 = v128.and(v1, mask);
          e = v128.load32_splat(s, 0);
          a0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, a0);
          a1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, a1);
          e = v128.load32_splat(s, 4);
          b0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, b0);
          b1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, b1);
          e = v128.load32_splat(s, 8);
          c0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, c0);
          c1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, c1);
          if (s == 1) break;
          w0 = v128.and(i32x4.shr_u(v0, 2), mask);
          w1 = v128.and(i32x4.shr_u(v1, 2), mask);
          e = v128.load32_splat(s, 12);
          a0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, a0);
          a1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, a1);
          e = v128.load32_splat(s, 16);
          b0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, b0);
          b1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, b1);
          e = v128.load32_splat(s, 20);
          c0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, c0);
          c1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, c1);
          if (s == 2) break;
          w0 = v128.and(i32x4.shr_u(v0, 4), mask);
          w1 = v128.and(i32x4.shr_u(v1, 4), mask);
          e = v128.load32_splat(s, 24);
          a0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, a0);
          a1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, a1);
          e = v128.load32_splat(s, 28);
          b0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, b0);
          b1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, b1);
          e = v128.load32_splat(s, 32);
          c0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, c0);
          c1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, c1);
          if (s == 3) break;
          w0 = v128.and(i32x4.shr_u(v0, 6), mask);
          w1 = v128.and(i32x4.shr_u(v1, 6), mask);
          e = v128.load32_splat(s, 36);
          a0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, a0);
          a1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, a1);
          e = v128.load32_splat(s, 40);
          b0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, b0);
          b1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, b1);
          e = v128.load32_splat(s, 44);
          c0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, c0);
          c1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, c1);
          q += 64;
          s += 48;
        }
        a0 = i32x4.add(a0, i32x4.shl(b0, 8));
        a1 = i32x4.add(a1, i32x4.shl(b1, 8));
        a0 = i32x4.add(a0, i32x4.shl(c0, 16));
        a1 = i32x4.add(a1, i32x4.shl(c1, 16));
        if (zeros) {
          a0 = i32x4.sub(a0, i32x4.mul(sum, v128.load(scales + h, 64)));
          a1 = i32x4.sub(a1, i32x4.mul(sum, v128.load(scales + h + 16, 64)));
        }
        // Not fused in either build.
        let f0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a0), scale), v128.load(scales + h));
        v128.store(row + h, f32x4.add(v128.load(row + h), f0));
        let f1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a1), scale), v128.load(scales + h + 16));
        v128.store(row + h + 16, f32x4.add(v128.load(row + h + 16), f1));
      }
      x += 8 + unit * 48;
      p += unit << 6;
    }
  }
}

/**
 * row[16] += x · W of a group of weights of 2 bits; x as bytes, products of 16 bits.
 */
export function add_2_bits_coarse(
  x: usize, p: usize, zeros: i32, blocks: i32, words: i32, unit: i32, most: i32, row: usize,
): void {
  let mask = i16x8.splat(<i16>most);
  for (; blocks > 0; blocks--) {
    let scales = p;
    p += zeros ? 128 : 64;
    for (let w = 0; w < words; w += unit) {
      let scale = v128.load32_splat(x), sum = v128.load32_splat(x, 4);
      let start = zeros ? i32x4.splat(0) : i32x4.neg(i32x4.shl(sum, 1));
      for (let h = 0; h < 64; h += 64) {
        let a0 = start, q = p + h, s = x + 8;
        let a1 = start;
        let a2 = start;
        let a3 = start;
        for (let u = unit; u > 0; u--) {
          let v0 = v128.load(q);
          let v1 = v128.load(q, 16);
          let v2 = v128.load(q, 32);
          let v3 = v128.load(q, 48);
          let e: v128, w0: v128, w1: v128, w2: v128, w3: v128;
          w0 = v128.and(v0, mask);
          w1 = v128.and(v1, mask);
          w2 = v128.and(v2, mask);
          w3 = v128.and(v3, mask);
          e = v128.load32_splat(s, 0);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          if (s == 1) break;
          w0 = v128.and(i32x4.shr_u(v0, 2), mask);
          w1 = v128.and(i32x4.shr_u(v1, 2), mask);
          w2 = v128.and(i32x4.shr_u(v2, 2), mask);
          w3 = v128.and(i32x4.shr_u(v3, 2), mask);
          e = v128.load32_splat(s, 4);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          if (s == 2) break;
          w0 = v128.and(i32x4.shr_u(v0, 4), mask);
          w1 = v128.and(i32x4.shr_u(v1, 4), mask);
          w2 = v128.and(i32x4.shr_u(v2, 4), mask);
          w3 = v128.and(i32x4.shr_u(v3, 4), mask);
          e = v128.load32_splat(s, 8);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          if (s == 3) break;
          w0 = v128.and(i32x4.shr_u(v0, 6), mask);
          w1 = v128.and(i32x4.shr_u(v1, 6), mask);
          w2 = v128.and(i32x4.shr_u(v2, 6), mask);
          w3 = v128.and(i32x4.shr_u(v3, 6), mask);
          e = v128.load32_splat(s, 12);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          if (s == 4) break;
          w0 = v128.and(i32x4.shr_u(v0, 8), mask);
          w1 = v128.and(i32x4.shr_u(v1, 8), mask);
          w2 = v128.and(i32x4.shr_u(v2, 8), mask);
          w3 = v128.and(i32x4.shr_u(v3, 8), mask);
          e = v128.load32_splat(s, 16);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          if (s == 5) break;
          w0 = v128.and(i32x4.shr_u(v0, 10), mask);
          w1 = v128.and(i32x4.shr_u(v1, 10), mask);
          w2 = v128.and(i32x4.shr_u(v2, 10), mask);
          w3 = v128.and(i32x4.shr_u(v3, 10), mask);
          e = v128.load32_splat(s, 20);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          if (s == 6) break;
          w0 = v128.and(i32x4.shr_u(v0, 12), mask);
          w1 = v128.and(i32x4.shr_u(v1, 12), mask);
          w2 = v128.and(i32x4.shr_u(v2, 12), mask);
          w3 = v128.and(i32x4.shr_u(v3, 12), mask);
          e = v128.load32_splat(s, 24);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          if (s == 7) break;
          w0 = i16x8.shr_u(v0, 14);
          w1 = i16x8.shr_u(v1, 14);
          w2 = i16x8.shr_u(v2, 14);
          w3 = i16x8.shr_u(v3, 14);
          e = v128.load32_splat(s, 28);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          q += 64;
          s += 32;
        }
        if (zeros) {
          a0 = i32x4.sub(a0, i32x4.mul(sum, v128.load(scales + h, 64)));
          a1 = i32x4.sub(a1, i32x4.mul(sum, v128.load(scales + h + 16, 64)));
          a2 = i32x4.sub(a2, i32x4.mul(sum, v128.load(scales + h + 32, 64)));
          a3 = i32x4.sub(a3, i32x4.mul(sum, v128.load(scales + h + 48, 64)));
        }
        // Not fused in either build.
        let f0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a0), scale), v128.load(scales + h));
        v128.store(row + h, f32x4.add(v128.load(row + h), f0));
        let f1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a1), scale), v128.load(scales + h + 16));
        v128.store(row + h + 16, f32x4.add(v128.load(row + h + 16), f1));
        let f2 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a2), scale), v128.load(scales + h + 32));
        v128.store(row + h + 32, f32x4.add(v128.load(row + h + 32), f2));
        let f3 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a3), scale), v128.load(scales + h + 48));
        v128.store(row + h + 48, f32x4.add(v128.load(row + h + 48), f3));
      }
      x += 8 + unit * 32;
      p += unit << 6;
    }
  }
}

/**
 * row[16] += x · W of a group of weights of 2 bits; x as bytes, products of bytes.
 */
export function add_2_bits_coarse_dots(
  x: usize, p: usize, zeros: i32, blocks: i32, words: i32, unit: i32, most: i32, row: usize,
): void {
  let mask = i8x16.splat(<i8>most);
  for (; blocks > 0; blocks--) {
    let scales = p;
    p += zeros ? 128 : 64;
    for (let w = 0; w < words; w += unit) {
      let scale = v128.load32_splat(x), sum = v128.load32_splat(x, 4);
      let start = zeros ? i32x4.splat(0) : i32x4.neg(i32x4.shl(sum, 1));
      for (let h = 0; h < 64; h += 64) {
        let a0 = start, q = p + h, s = x + 8;
        let a1 = start;
        let a2 = start;
        let a3 = start;
        for (let u = unit; u > 0; u--) {
          let v0 = v128.load(q);
          let v1 = v128.load(q, 16);
          let v2 = v128.load(q, 32);
          let v3 = v128.load(q, 48);
          let e: v128, w0: v128, w1: v128, w2: v128, w3: v128;
          w0 = v128.and(v0, mask);
          w1 = v128.and(v1, mask);
          w2 = v128.and(v2, mask);
          w3 = v128.and(v3, mask);
          e = v128.load32_splat(s, 0);
          a0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, a0);
          a1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, a1);
          a2 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w2, a2);
          a3 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w3, a3);
          if (s == 1) break;
          w0 = v128.and(i32x4.shr_u(v0, 2), mask);
          w1 = v128.and(i32x4.shr_u(v1, 2), mask);
          w2 = v128.and(i32x4.shr_u(v2, 2), mask);
          w3 = v128.and(i32x4.shr_u(v3, 2), mask);
          e = v128.load32_splat(s, 4);
          a0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, a0);
          a1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, a1);
          a2 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w2, a2);
          a3 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w3, a3);
          if (s == 2) break;
          w0 = v128.and(i32x4.shr_u(v0, 4), mask);
          w1 = v128.and(i32x4.shr_u(v1, 4), mask);
          w2 = v128.and(i32x4.shr_u(v2, 4), mask);
          w3 = v128.and(i32x4.shr_u(v3, 4), mask);
          e = v128.load32_splat(s, 8);
          a0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, a0);
          a1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, a1);
          a2 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w2, a2);
          a3 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w3, a3);
          if (s == 3) break;
          w0 = v128.and(i32x4.shr_u(v0, 6), mask);
          w1 = v128.and(i32x4.shr_u(v1, 6), mask);
          w2 = v128.and(i32x4.shr_u(v2, 6), mask);
          w3 = v128.and(i32x4.shr_u(v3, 6), mask);
          e = v128.load32_splat(s, 12);
          a0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, a0);
          a1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, a1);
          a2 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w2, a2);
          a3 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w3, a3);
          q += 64;
          s += 16;
        }
        if (zeros) {
          a0 = i32x4.sub(a0, i32x4.mul(sum, v128.load(scales + h, 64)));
          a1 = i32x4.sub(a1, i32x4.mul(sum, v128.load(scales + h + 16, 64)));
          a2 = i32x4.sub(a2, i32x4.mul(sum, v128.load(scales + h + 32, 64)));
          a3 = i32x4.sub(a3, i32x4.mul(sum, v128.load(scales + h + 48, 64)));
        }
        // Not fused in either build.
        let f0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a0), scale), v128.load(scales + h));
        v128.store(row + h, f32x4.add(v128.load(row + h), f0));
        let f1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a1), scale), v128.load(scales + h + 16));
        v128.store(row + h + 16, f32x4.add(v128.load(row + h + 16), f1));
        let f2 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a2), scale), v128.load(scales + h + 32));
        v128.store(row + h + 32, f32x4.add(v128.load(row + h + 32), f2));
        let f3 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a3), scale), v128.load(scales + h + 48));
        v128.store(row + h + 48, f32x4.add(v128.load(row + h + 48), f3));
      }
      x += 8 + unit * 16;
      p += unit << 6;
    }
  }
}

/**
 * row[16] += x · W of a group of weights of 4 bits; x as whole numbers of 23 bits, products of 16 bits.
 */
export function add_4_bits(
  x: usize, p: usize, zeros: i32, blocks: i32, words: i32, unit: i32, most: i32, row: usize,
): void {
  let mask = i16x8.splat(<i16>most);
  for (; blocks > 0; blocks--) {
    let scales = p;
    p += zeros ? 128 : 64;
    for (let w = 0; w < words; w += unit) {
      let scale = v128.load32_splat(x), sum = v128.load32_splat(x, 4);
      let start = zeros ? i32x4.splat(0) : i32x4.neg(i32x4.shl(sum, 3));
      for (let h = 0; h < 64; h += 64) {
        let a0 = start, q = p + h, s = x + 8;
        let a1 = start;
        let a2 = start;
        let a3 = start;
        let b0 = i32x4.splat(0);
        let b1 = i32x4.splat(0);
        let b2 = i32x4.splat(0);
        let b3 = i32x4.splat(0);
        for (let u = unit; u > 0; u--) {
          let v0 = v128.load(q);
          let v1 = v128.load(q, 16);
          let v2 = v128.load(q, 32);
          let v3 = v128.load(q, 48);
          let e: v128, w0: v128, w1: v128, w2: v128, w3: v128;
          w0 = v128.and(v0, mask);
          w1 = v128.and(v1, mask);
          w2 = v128.and(v2, mask);
          w3 = v128.and(v3, mask);
          e = v128.load32_splat(s, 0);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          e = v128.load32_splat(s, 4);
          b0 = i32x4.add(b0, i32x4.dot_i16x8_s(e, w0));
          b1 = i32x4.add(b1, i32x4.dot_i16x8_s(e, w1));
          b2 = i32x4.add(b2, i32x4.dot_i16x8_s(e, w2));
          b3 = i32x4.add(b3, i32x4.dot_i16x8_s(e, w3));
          if (s == 1) break;
          w0 = v128.and(i32x4.shr_u(v0, 4), mask);
          w1 = v128.and(i32x4.shr_u(v1, 4), mask);
          w2 = v128.and(i32x4.shr_u(v2, 4), mask);
          w3 = v128.and(i32x4.shr_u(v3, 4), mask);
          e = v128.load32_splat(s, 8);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          e = v128.load32_splat(s, 12);
          b0 = i32x4.add(b0, i32x4.dot_i16x8_s(e, w0));
          b1 = i32x4.add(b1, i32x4.dot_i16x8_s(e, w1));
          b2 = i32x4.add(b2, i32x4.dot_i16x8_s(e, w2));
          b3 = i32x4.add(b3, i32x4.dot_i16x8_s(e, w3));
          if (s == 2) break;
          w0 = v128.and(i32x4.shr_u(v0, 8), mask);
          w1 = v128.and(i32x4.shr_u(v1, 8), mask);
          w2 = v128.and(i32x4.shr_u(v2, 8), mask);
          w3 = v128.and(i32x4.shr_u(v3, 8), mask);
          e = v128.load32_splat(s, 16);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          e = v128.load32_splat(s, 20);
          b0 = i32x4.add(b0, i32x4.dot_i16x8_s(e, w0));
          b1 = i32x4.add(b1, i32x4.dot_i16x8_s(e, w1));
          b2 = i32x4.add(b2, i32x4.dot_i16x8_s(e, w2));
          b3 = i32x4.add(b3, i32x4.dot_i16x8_s(e, w3));
          if (s == 3) break;
          w0 = i16x8.shr_u(v0, 12);
          w1 = i16x8.shr_u(v1, 12);
          w2 = i16x8.shr_u(v2, 12);
          w3 = i16x8.shr_u(v3, 12);
          e = v128.load32_splat(s, 24);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          e = v128.load32_splat(s, 28);
          b0 = i32x4.add(b0, i32x4.dot_i16x8_s(e, w0));
          b1 = i32x4.add(b1, i32x4.dot_i16x8_s(e, w1));
          b2 = i32x4.add(b2, i32x4.dot_i16x8_s(e, w2));
          b3 = i32x4.add(b3, i32x4.dot_i16x8_s(e, w3));
          q += 64;
          s += 32;
        }
        a0 = i32x4.add(a0, i32x4.shl(b0, 12));
        a1 = i32x4.add(a1, i32x4.shl(b1, 12));
        a2 = i32x4.add(a2, i32x4.shl(b2, 12));
        a3 = i32x4.add(a3, i32x4.shl(b3, 12));
        if (zeros) {
          a0 = i32x4.sub(a0, i32x4.mul(sum, v128.load(scales + h, 64)));
          a1 = i32x4.sub(a1, i32x4.mul(sum, v128.load(scales + h + 16, 64)));
          a2 = i32x4.sub(a2, i32x4.mul(sum, v128.load(scales + h + 32, 64)));
          a3 = i32x4.sub(a3, i32x4.mul(sum, v128.load(scales + h + 48, 64)));
        }
        // Not fused in either build.
        let f0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a0), scale), v128.load(scales + h));
        v128.store(row + h, f32x4.add(v128.load(row + h), f0));
        let f1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a1), scale), v128.load(scales + h + 16));
        v128.store(row + h + 16, f32x4.add(v128.load(row + h + 16), f1));
        let f2 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a2), scale), v128.load(scales + h + 32));
        v128.store(row + h + 32, f32x4.add(v128.load(row + h + 32), f2));
        let f3 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a3), scale), v128.load(scales + h + 48));
        v128.store(row + h + 48, f32x4.add(v128.load(row + h + 48), f3));
      }
      x += 8 + unit * 32;
      p += unit << 6;
    }
  }
}

/**
 * row[16] += x · W of a group of weights of 4 bits; x as whole numbers of 23 bits, products of bytes.
 */
export function add_4_bits_dots(
  x: usize, p: usize, zeros: i32, blocks: i32, words: i32, unit: i32, most: i32, row: usize,
): void {
  let mask = i8x16.splat(<i8>most);
  for (; blocks > 0; blocks--) {
    let scales = p;
    p += zeros ? 128 : 64;
    for (let w = 0; w < words; w += unit) {
      let scale = v128.load32_splat(x), sum = v128.load32_splat(x, 4);
      let start = zeros ? i32x4.splat(0) : i32x4.neg(i32x4.shl(sum, 3));
      for (let h = 0; h < 64; h += 32) {
        let a0 = start, q = p + h, s = x + 8;
        let a1 = start;
        let b0 = i32x4.splat(0);
        let b1 = i32x4.splat(0);
        let c0 = i32x4.splat(0);
        let c1 = i32x4.splat(0);
        for (let u = unit; u > 0; u--) {
          let v0 = v128.load(q);
          let v1 = v128.load(q, 16);
          let e: v128, w0: v128, w1: v128;
          w0 = v128.and(v0, mask);
          w1 = v128.and(v1, mask);
          e = v128.load32_splat(s, 0);
          a0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, a0);
          a1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, a1);
          e = v128.load32_splat(s, 4);
          b0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, b0);
          b1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, b1);
          e = v128.load32_splat(s, 8);
          c0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, c0);
          c1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, c1);
          if (s == 1) break;
          w0 = v128.and(i32x4.shr_u(v0, 4), mask);
          w1 = v128.and(i32x4.shr_u(v1, 4), mask);
          e = v128.load32_splat(s, 12);
          a0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, a0);
          a1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, a1);
          e = v128.load32_splat(s, 16);
          b0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, b0);
          b1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, b1);
          e = v128.load32_splat(s, 20);
          c0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, c0);
          c1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, c1);
          q += 64;
          s += 24;
        }
        a0 = i32x4.add(a0, i32x4.shl(b0, 8));
        a1 = i32x4.add(a1, i32x4.shl(b1, 8));
        a0 = i32x4.add(a0, i32x4.shl(c0, 16));
        a1 = i32x4.add(a1, i32x4.shl(c1, 16));
        if (zeros) {
          a0 = i32x4.sub(a0, i32x4.mul(sum, v128.load(scales + h, 64)));
          a1 = i32x4.sub(a1, i32x4.mul(sum, v128.load(scales + h + 16, 64)));
        }
        // Not fused in either build.
        let f0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a0), scale), v128.load(scales + h));
        v128.store(row + h, f32x4.add(v128.load(row + h), f0));
        let f1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a1), scale), v128.load(scales + h + 16));
        v128.store(row + h + 16, f32x4.add(v128.load(row + h + 16), f1));
      }
      x += 8 + unit * 24;
      p += unit << 6;
    }
  }
}

/**
 * row[16] += x · W of a group of weights of 4 bits; x as bytes, products of 16 bits.
 */
export function add_4_bits_coarse(
  x: usize, p: usize, zeros: i32, blocks: i32, words: i32, unit: i32, most: i32, row: usize,
): void {
  let mask = i16x8.splat(<i16>most);
  for (; blocks > 0; blocks--) {
    let scales = p;
    p += zeros ? 128 : 64;
    for (let w = 0; w < words; w += unit) {
      let scale = v128.load32_splat(x), sum = v128.load32_splat(x, 4);
      let start = zeros ? i32x4.splat(0) : i32x4.neg(i32x4.shl(sum, 3));
      for (let h = 0; h < 64; h += 64) {
        let a0 = start, q = p + h, s = x + 8;
        let a1 = start;
        let a2 = start;
        let a3 = start;
        for (let u = unit; u > 0; u--) {
          let v0 = v128.load(q);
          let v1 = v128.load(q, 16);
          let v2 = v128.load(q, 32);
          let v3 = v128.load(q, 48);
          let e: v128, w0: v128, w1: v128, w2: v128, w3: v128;
          w0 = v128.and(v0, mask);
          w1 = v128.and(v1, mask);
          w2 = v128.and(v2, mask);
          w3 = v128.and(v3, mask);
          e = v128.load32_splat(s, 0);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          if (s == 1) break;
          w0 = v128.and(i32x4.shr_u(v0, 4), mask);
          w1 = v128.and(i32x4.shr_u(v1, 4), mask);
          w2 = v128.and(i32x4.shr_u(v2, 4), mask);
          w3 = v128.and(i32x4.shr_u(v3, 4), mask);
          e = v128.load32_splat(s, 4);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          if (s == 2) break;
          w0 = v128.and(i32x4.shr_u(v0, 8), mask);
          w1 = v128.and(i32x4.shr_u(v1, 8), mask);
          w2 = v128.and(i32x4.shr_u(v2, 8), mask);
          w3 = v128.and(i32x4.shr_u(v3, 8), mask);
          e = v128.load32_splat(s, 8);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          if (s == 3) break;
          w0 = i16x8.shr_u(v0, 12);
          w1 = i16x8.shr_u(v1, 12);
          w2 = i16x8.shr_u(v2, 12);
          w3 = i16x8.shr_u(v3, 12);
          e = v128.load32_splat(s, 12);
          a0 = i32x4.add(a0, i32x4.dot_i16x8_s(e, w0));
          a1 = i32x4.add(a1, i32x4.dot_i16x8_s(e, w1));
          a2 = i32x4.add(a2, i32x4.dot_i16x8_s(e, w2));
          a3 = i32x4.add(a3, i32x4.dot_i16x8_s(e, w3));
          q += 64;
          s += 16;
        }
        if (zeros) {
          a0 = i32x4.sub(a0, i32x4.mul(sum, v128.load(scales + h, 64)));
          a1 = i32x4.sub(a1, i32x4.mul(sum, v128.load(scales + h + 16, 64)));
          a2 = i32x4.sub(a2, i32x4.mul(sum, v128.load(scales + h + 32, 64)));
          a3 = i32x4.sub(a3, i32x4.mul(sum, v128.load(scales + h + 48, 64)));
        }
        // Not fused in either build.
        let f0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a0), scale), v128.load(scales + h));
        v128.store(row + h, f32x4.add(v128.load(row + h), f0));
        let f1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a1), scale), v128.load(scales + h + 16));
        v128.store(row + h + 16, f32x4.add(v128.load(row + h + 16), f1));
        let f2 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a2), scale), v128.load(scales + h + 32));
        v128.store(row + h + 32, f32x4.add(v128.load(row + h + 32), f2));
        let f3 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a3), scale), v128.load(scales + h + 48));
        v128.store(row + h + 48, f32x4.add(v128.load(row + h + 48), f3));
      }
      x += 8 + unit * 16;
      p += unit << 6;
    }
  }
}

/**
 * row[16] += x · W of a group of weights of 4 bits; x as bytes, products of bytes.
 */
export function add_4_bits_coarse_dots(
  x: usize, p: usize, zeros: i32, blocks: i32, words: i32, unit: i32, most: i32, row: usize,
): void {
  let mask = i8x16.splat(<i8>most);
  for (; blocks > 0; blocks--) {
    let scales = p;
    p += zeros ? 128 : 64;
    for (let w = 0; w < words; w += unit) {
      let scale = v128.load32_splat(x), sum = v128.load32_splat(x, 4);
      let start = zeros ? i32x4.splat(0) : i32x4.neg(i32x4.shl(sum, 3));
      for (let h = 0; h < 64; h += 64) {
        let a0 = start, q = p + h, s = x + 8;
        let a1 = start;
        let a2 = start;
        let a3 = start;
        for (let u = unit; u > 0; u--) {
          let v0 = v128.load(q);
          let v1 = v128.load(q, 16);
          let v2 = v128.load(q, 32);
          let v3 = v128.load(q, 48);
          let e: v128, w0: v128, w1: v128, w2: v128, w3: v128;
          w0 = v128.and(v0, mask);
          w1 = v128.and(v1, mask);
          w2 = v128.and(v2, mask);
          w3 = v128.and(v3, mask);
          e = v128.load32_splat(s, 0);
          a0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, a0);
          a1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, a1);
          a2 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w2, a2);
          a3 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w3, a3);
          if (s == 1) break;
          w0 = v128.and(i32x4.shr_u(v0, 4), mask);
          w1 = v128.and(i32x4.shr_u(v1, 4), mask);
          w2 = v128.and(i32x4.shr_u(v2, 4), mask);
          w3 = v128.and(i32x4.shr_u(v3, 4), mask);
          e = v128.load32_splat(s, 4);
          a0 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w0, a0);
          a1 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w1, a1);
          a2 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w2, a2);
          a3 = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w3, a3);
          q += 64;
          s += 8;
        }
        if (zeros) {
          a0 = i32x4.sub(a0, i32x4.mul(sum, v128.load(scales + h, 64)));
          a1 = i32x4.sub(a1, i32x4.mul(sum, v128.load(scales + h + 16, 64)));
          a2 = i32x4.sub(a2, i32x4.mul(sum, v128.load(scales + h + 32, 64)));
          a3 = i32x4.sub(a3, i32x4.mul(sum, v128.load(scales + h + 48, 64)));
        }
        // Not fused in either build.
        let f0 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a0), scale), v128.load(scales + h));
        v128.store(row + h, f32x4.add(v128.load(row + h), f0));
        let f1 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a1), scale), v128.load(scales + h + 16));
        v128.store(row + h + 16, f32x4.add(v128.load(row + h + 16), f1));
        let f2 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a2), scale), v128.load(scales + h + 32));
        v128.store(row + h + 32, f32x4.add(v128.load(row + h + 32), f2));
        let f3 = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a3), scale), v128.load(scales + h + 48));
        v128.store(row + h + 48, f32x4.add(v128.load(row + h + 48), f3));
      }
      x += 8 + unit * 8;
      p += unit << 6;
    }
  }
}
