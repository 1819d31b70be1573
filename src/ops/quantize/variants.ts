// Which way a convolution of bytes is computed.
// `npm run bench -- kernels --variant quantize/winograd,quantize/dot,quantize/depthwise,quantize/im2col --sweep`
// measures the ways against each other; the figures behind them are in docs/performance/narrow.md.
import { firstThatPays, type Variant } from '../../core/variants.js'

interface Case {
  /** Axes of the image. */
  readonly axes: number
  /** Channels of one group. */
  readonly inputs: number
  readonly outputs: number
  /** Whether the engine has a dot product of bytes that is exact for these. */
  readonly dots: boolean
  /** Whether it is a kernel of 3×3 over an image that moves by one, its taps side by side. */
  readonly winograd: boolean
  /** Pixels of the output, of all images. */
  readonly pixels: number
}

/** In this order: the first that takes and pays. */
const table: readonly Variant<Case>[] = [
  {
    // One filter a channel: a product of one column per group would leave seven eighths of its tile empty.
    name: 'depthwise',
    takes: ({ axes, inputs, outputs }) => inputs === 1 && outputs === 1 && axes < 3,
    pays: () => true,
  },
  {
    // Twice as many products an instruction as of 16 bits, and nothing is gathered.
    name: 'dot',
    takes: ({ axes, inputs, dots }) => dots && axes < 3 && inputs > 0,
    pays: () => true,
  },
  {
    // 16 products for 36, of 16 bits both; sums of more inputs might pass 32 bits.
    name: 'winograd',
    takes: ({ winograd, inputs }) => winograd && inputs <= 900,
    pays: ({ inputs, outputs, pixels }) => inputs >= 8 && outputs >= 8 && pixels >= 16,
  },
  { name: 'im2col', takes: () => true, pays: () => true },
]

/** The way to compute a convolution of bytes. */
export function chooseKernel(problem: Case): string {
  return firstThatPays('quantize', table, problem).name
}
