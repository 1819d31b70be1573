// How a recurrent layer's weights are packed for the products of its steps.
// `npm run bench -- kernels --variant rnn/wide,rnn/narrow --sweep` measures the ways against each other on layers
// around these thresholds; the figures behind them are in docs/performance/sequence.md.
import { firstThatPays, type Variant } from '../../core/variants.js'

interface Case {
  readonly batch: number
  readonly hidden: number
  readonly gates: number
}

/** Columns of a panel that one row is multiplied with (see assembly/matmul/gemv.ts). */
export const WIDE = 32
/**
 * Floats of weights up to which those are read from a near cache, where one stream of wide panels is faster than four
 * narrow ones: --variant rnn/wide,rnn/narrow
 */
const WIDE_FLOATS = 1 << 20

/** In this order: the first that takes and pays. */
const table: readonly Variant<Case>[] = [
  {
    name: 'wide',
    takes: ({ batch, hidden }) => batch === 1 && hidden % WIDE === 0,
    pays: ({ hidden, gates }) => gates * hidden * hidden <= WIDE_FLOATS,
  },
  // Panels of eight columns, as of any product: for up to three examples by gemv, for more by gemm (VECTOR_ROWS of
  // assembly/rnn/rnn.ts).
  { name: 'narrow', takes: () => true, pays: () => true },
]

/** The way to multiply a layer's states with its `gates` · hidden² recurrent weights. */
export function choosePanels(problem: Case): string {
  return firstThatPays('rnn', table, problem).name
}
