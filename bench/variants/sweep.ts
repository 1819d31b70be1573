import { conv, integerConv, matmul, matmulOfInputs, staticConv } from '../suites/kernels.js'
import { attentionOp, recurrent } from '../suites/sequence.js'
import { fewBits } from '../suites/quantized.js'
import type { Work } from '../work.js'

type Make = () => Work

/** Layers on both sides of every threshold of src/ops/conv/variants.ts. */
function* convolutions(): Generator<Make> {
  // Few filters, and the widths of a tile's loss.
  for (const c of [1, 8, 32])
    for (const k of [1, 2, 4, 6, 7, 8, 10, 12, 16])
      yield () => conv('few filters', { c, k, size: 56, kernel: 3, stride: 2 })
  // First layers: short runs of taps.
  for (const c of [1, 3, 4, 8]) {
    for (const k of [8, 16, 32, 48]) yield () => conv('short rows', { c, k, size: 112, kernel: 3, stride: 2 })
    yield () => conv('short rows', { c, k: 16, size: 56, kernel: 3 })
  }
  // Long rows of taps.
  for (const [c, kernel] of [
    [8, 7],
    [16, 5],
    [16, 7],
    [32, 3],
  ] as const)
    for (const k of [8, 16, 32, 64]) yield () => conv('long rows', { c, k, size: 56, kernel, stride: 2 })
  // Winograd: channels and pixels.
  for (const c of [3, 8, 16, 32, 128])
    for (const size of [4, 7, 14, 28, 56]) yield () => conv('3×3', { c, k: c, size, kernel: 3 })
  for (const c of [8, 16, 24, 48]) yield () => conv('5×5', { c, k: c, size: 27, kernel: 5 })
  for (const c of [4, 8, 16, 24, 48])
    for (const size of [5, 9, 17]) yield () => conv('4×4', { c, k: c, size, kernel: 4 })
  // Hardly any pixels.
  for (const size of [1, 2, 3, 4]) {
    yield () => conv('few pixels', { c: 256, k: 256, size, kernel: 1 })
    yield () => conv('few pixels', { c: 128, k: 128, size, kernel: 3 })
  }
  // One filter per channel: widths of tiles, images within and beyond the second-level cache, crowded pitches.
  for (const stride of [1, 2])
    for (const [c, size] of [
      [32, 28],
      [32, 112],
      [96, 112],
      [144, 56],
      [256, 28],
      [512, 14],
      [960, 7],
    ] as const)
      yield () => conv('depthwise', { c, k: c, size, kernel: 3, stride, group: c })
  // Groups.
  for (const each of [2, 4, 8, 12, 16]) {
    yield () => conv('groups', { c: 16 * each, k: 16 * each, size: 28, kernel: 3, stride: 2, group: 16 })
    yield () => conv('groups', { c: 16 * each, k: 16 * each, size: 28, kernel: 1, group: 16 })
  }
}

/** Rows around the threshold of src/ops/matmul/variants.ts. */
function* products(): Generator<Make> {
  for (const product of [matmul, matmulOfInputs])
    for (const m of [1, 2, 3, 4, 5, 8]) for (const n of [64, 512, 1024]) yield () => product('rows', m, n, n)
}

/** Sizes around the threshold of src/ops/rnn/variants.ts: weights of 16 kB to 16 MB. */
function* recurrences(): Generator<Make> {
  for (const op of ['LSTM', 'GRU', 'RNN'] as const)
    for (const h of [32, 128, 256, 512, 576, 1024]) yield () => recurrent(op, { t: 16, b: 1, i: h, h })
}

/** Queries around the threshold of src/ops/attention/variants.ts, beside few and many keys. */
function* attentions(): Generator<Make> {
  for (const s of [64, 512])
    for (const queries of [1, 2, 3, 4, 6, 8]) yield () => attentionOp({ heads: 4, s, dim: 64, queries })
}

/** Layers that src/ops/quantize/variants.ts decides about. */
function* integerConvolutions(): Generator<Make> {
  for (const c of [8, 32, 96, 384]) for (const size of [7, 28, 56]) yield () => integerConv('depthwise', c, size)
  for (const [c, size] of [
    [3, 56],
    [8, 28],
    [16, 32],
    [64, 28],
    [256, 14],
  ] as const)
    yield () => staticConv(`3×3 ${c}→${Math.max(c, 16)} at ${size}²`, c, Math.max(c, 16), size, 3)
}

/** Rows around the thresholds of src/ops/quantize/matmul-nbits.ts. */
function* fewBitProducts(): Generator<Make> {
  for (const weights of [
    { bits: 8, block: 32 },
    { bits: 4, block: 32 },
    { bits: 4, block: 32, level: 4 },
  ])
    for (const rows of [1, 2, 4, 6, 8, 16, 24, 32]) yield () => fewBits(rows, 1024, 1024, weights)
}

const sweeps: Readonly<Record<string, () => Generator<Make>>> = {
  conv: convolutions,
  matmul: products,
  rnn: recurrences,
  attention: attentions,
  quantize: integerConvolutions,
  nbits: fewBitProducts,
}

/** The layers of a family's sweep. @throws for a family without one. */
export function sweepOf(family: string): Generator<Make> {
  const sweep = sweeps[family]
  if (!sweep) throw new Error(`there is no sweep for "${family}", only for ${Object.keys(sweeps).join(', ')}`)
  return sweep()
}
