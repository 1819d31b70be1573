// Chains of elementwise functions, run block by block so that what passes between two of them stays in the first-level
// cache.
//
// A program is `steps` records of five 4-byte words:
//   0  kind, a CHAIN_ code
//   1  a UNARY_ or BINARY_ code
//   2  binary: which operand (0: x)     unary: f32 a
//   3  binary: how it spreads            unary: f32 b
//   4  nothing
// The chain begins with x; a row operand has `row` elements, the innermost axis of the output (1 if there is none).
import { binary_f32 } from "./binary";
import { unary_f32 } from "./unary";
import { CHAIN_FLIPPED, CHAIN_OPERANDS, CHAIN_ROW, CHAIN_SCALAR, CHAIN_UNARY } from "../abi/codes";

const BLOCK: i32 = 512;
const BLOCK_BYTES: usize = 2048;
const STEP_BYTES: usize = 20;

/** Bytes of scratch: the value, and a block for every operand that may be a row. */
export function chain_scratch_size(): i32 {
  return (1 + CHAIN_OPERANDS) * <i32>BLOCK_BYTES;
}

/**
 * Runs the program over output elements [begin, end); both are multiples of `row`, or the ends of the output. x and
 * operands as long as it may be y.
 */
export function chain_f32(
  program: usize, steps: i32, row: i32, x: usize, o1: usize, o2: usize, o3: usize, o4: usize, o5: usize, y: usize,
  begin: i32, end: i32, scratch: usize,
): void {
  // Short rows: a block is a whole number of them, and each row operand is repeated over one block once.
  const short = row <= BLOCK;
  const block = short ? (BLOCK / row) * row : BLOCK;
  for (let s: i32 = 0; short && s < steps; s++) {
    const step = program + <usize>s * STEP_BYTES;
    if (load<i32>(step) == CHAIN_UNARY || load<i32>(step, 12) != CHAIN_ROW) continue;
    const k = load<i32>(step, 8);
    const from = k == 0 ? x : k == 1 ? o1 : k == 2 ? o2 : k == 3 ? o3 : k == 4 ? o4 : o5;
    const pattern = scratch + <usize>k * BLOCK_BYTES;
    for (let i: i32 = 0; i < block; i += row) memory.copy(pattern + ((<usize>i) << 2), from, (<usize>row) << 2);
  }
  let at = begin;
  while (at < end) {
    let n = min(block, end - at);
    if (!short) n = min(n, row - (at % row));
    const offset = (<usize>at) << 2;
    let current = x + offset;
    for (let s: i32 = 0; s < steps; s++) {
      const step = program + <usize>s * STEP_BYTES;
      const code = load<i32>(step, 4);
      // Operand 0 is never a row: its block is that of the value.
      const target = s == steps - 1 ? y + offset : scratch;
      if (load<i32>(step) == CHAIN_UNARY) {
        unary_f32(code, current, target, n, load<f32>(step, 8), load<f32>(step, 12));
      } else {
        const k = load<i32>(step, 8), spread = load<i32>(step, 12), stride: i32 = spread == CHAIN_SCALAR ? 0 : 1;
        let operand = k == 0 ? x : k == 1 ? o1 : k == 2 ? o2 : k == 3 ? o3 : k == 4 ? o4 : o5;
        if (spread == CHAIN_ROW) {
          operand = short ? scratch + <usize>k * BLOCK_BYTES : operand + ((<usize>(at % row)) << 2);
        }
        else if (stride) operand += offset;
        if (load<i32>(step) == CHAIN_FLIPPED) binary_f32(code, operand, stride, current, 1, target, n);
        else binary_f32(code, current, 1, operand, stride, target, n);
      }
      current = target;
    }
    at += n;
  }
}
