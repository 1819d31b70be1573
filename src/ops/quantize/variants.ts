// Which way a convolution of bytes is computed. `npm run bench -- kernels --variant quantize/depthwise,quantize/im2col --sweep` measures the ways against
// each other; the figures behind them are in docs/performance/narrow.md.
import { firstThatPays, type Variant } from '../../core/variants.js'

interface Case {
  /** Axes of the image. */
  readonly axes: number
  /** Channels of one group. */
  readonly inputs: number
  readonly outputs: number
}

/** In this order: the first that takes and pays. */
const table: readonly Variant<Case>[] = [
  {
    // One filter a channel: a product of one column per group would leave seven eighths of its tile empty.
    name: 'depthwise',
    takes: ({ axes, inputs, outputs }) => inputs === 1 && outputs === 1 && axes < 3,
    pays: () => true,
  },
  { name: 'im2col', takes: () => true, pays: () => true },
]

/** The way to compute a convolution of bytes. */
export function chooseKernel(problem: Case): string {
  return firstThatPays('quantize', table, problem).name
}
