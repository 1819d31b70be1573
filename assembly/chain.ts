// Chains of elementwise functions, run block by block so that what passes between two of them stays in the L1 cache.
//
// A program is `steps` records of five 4-byte words:
//   0  kind, a CHAIN_ code
//   1  a UNARY_ or BINARY_ code (unary and binary steps)
//   2  operand: k ≥ 0 is input k, k < 0 is slot −1 − k (binary, load and save steps)
//   3  f32 a, 4  f32 b: the scalars of a unary step
// The first step is a load. A slot is a block that a save step filled. The last step's value goes to the output; it must be
// a unary or binary step.
//
// The table of inputs has two words each: address, and how it spreads (CHAIN_FULL, CHAIN_SCALAR, CHAIN_ROW). A row operand has
// `row` elements, the innermost axis of the output; `row` is 1 if there is none.
import { binary_f32 } from "./elementwise";
import { unary_f32 } from "./unary";
import {
  CHAIN_BINARY, CHAIN_BINARY_FLIPPED, CHAIN_FULL, CHAIN_LOAD, CHAIN_ROW, CHAIN_SAVE, CHAIN_SCALAR, CHAIN_UNARY,
} from "./codes";

const BLOCK: i32 = 512;
const BLOCK_BYTES: usize = 2048;

/** Bytes of scratch for a program with `inputs` inputs and `slots` slots. */
export function chain_scratch(inputs: i32, slots: i32): i32 {
  return (1 + inputs + slots) * <i32>BLOCK_BYTES;
}

// @ts-ignore: decorator
@inline
function word(p: usize, i: i32): i32 {
  return load<i32>(p + ((<usize>i) << 2));
}

/** Runs the program over output elements [begin, end); both are multiples of `row`, or the ends of the output. */
export function chain_f32(
  program: usize, steps: i32, inputs: usize, inputCount: i32, row: i32, y: usize, begin: i32, end: i32, scratch: usize,
): void {
  const value = scratch;
  const patterns = scratch + BLOCK_BYTES;
  const slots = patterns + <usize>inputCount * BLOCK_BYTES;
  // Short rows: a block is a whole number of them, and each row operand is repeated over one block once.
  const short = row <= BLOCK;
  const block = short ? (BLOCK / row) * row : BLOCK;
  if (short) {
    for (let k: i32 = 0; k < inputCount; k++) {
      if (word(inputs, 2 * k + 1) != CHAIN_ROW) continue;
      const bytes = (<usize>row) << 2;
      const pattern = patterns + <usize>k * BLOCK_BYTES;
      for (let i: i32 = 0; i < block; i += row) memory.copy(pattern + ((<usize>i) << 2), <usize>word(inputs, 2 * k), bytes);
    }
  }
  let at = begin;
  while (at < end) {
    let n = min(block, end - at);
    if (!short) n = min(n, row - (at % row));
    const offset = (<usize>at) << 2;
    let current = value;
    for (let s: i32 = 0; s < steps; s++) {
      const step = program + <usize>s * 20;
      const kind = word(step, 0);
      const code = word(step, 1);
      const target = s == steps - 1 ? y + offset : value;
      if (kind == CHAIN_UNARY) {
        unary_f32(code, current, target, n, load<f32>(step, 12), load<f32>(step, 16));
        current = target;
        continue;
      }
      const k = word(step, 2);
      let operand = slots + <usize>(-1 - k) * BLOCK_BYTES;
      let stride: i32 = 1;
      if (k >= 0) {
        operand = <usize>word(inputs, 2 * k);
        switch (word(inputs, 2 * k + 1)) {
          case CHAIN_FULL: operand += offset; break;
          case CHAIN_SCALAR: stride = 0; break;
          default: operand = short ? patterns + <usize>k * BLOCK_BYTES : operand + ((<usize>(at % row)) << 2); break;
        }
      }
      switch (kind) {
        case CHAIN_BINARY:
          binary_f32(code, current, 1, operand, stride, target, n);
          current = target;
          break;
        case CHAIN_BINARY_FLIPPED:
          binary_f32(code, operand, stride, current, 1, target, n);
          current = target;
          break;
        case CHAIN_LOAD:
          if (stride == 1) {
            current = operand;
          } else {
            for (let i: i32 = 0; i < n; i++) store<f32>(value + ((<usize>i) << 2), load<f32>(operand));
            current = value;
          }
          break;
        case CHAIN_SAVE: memory.copy(operand, current, (<usize>n) << 2); break;
        default: unreachable();
      }
    }
    at += n;
  }
}
