// MatMulNBits of com.microsoft: weights of 4 bits in blocks along K.
import { hostTensor } from '../core/host.js'
import { withNodes, type Graph, type Node, type Value } from '../ir/graph.js'
import type { Candidate } from './candidates.js'
import type { Hessian } from './hessian.js'
import { floats, makeNode, Names } from './nodes.js'

/** How weights become 4 bits. */
interface NBitsOptions {
  /** Weights that share a scale: a power of two of at least 16. */
  readonly blockSize: number
  /** A zero point for each block; without, codes are symmetric around 8. */
  readonly zeroPoints: boolean
  /** 4 lets runtimes make int8 of the activations. */
  readonly accuracyLevel: number
}

const BITS = 4
const MOST = 2 ** BITS - 1
/** Shares of a block's range that are tried as its scale. */
const SHARES = Array.from({ length: 17 }, (_, i) => 1 - 0.025 * i)

/** A block's numbers on its grid: w ≈ (code − zero) · scale. */
interface BlockGrid {
  readonly scale: number
  readonly zero: number
}

/**
 * The graph with products by constant weights as MatMulNBits. @param hessians - of operands: weights are then rounded
 * one after the other, each making up for those before it.
 */
export function quantizeNBits(
  graph: Graph,
  chosen: readonly Candidate[],
  options: NBitsOptions,
  hessians: ReadonlyMap<Value, Hessian> = new Map(),
): Graph {
  const names = new Names(graph)
  const byNode = new Map(chosen.map((one) => [one.node, one]))
  const nodes = graph.nodes.map((node) => {
    const candidate = byNode.get(node)
    return candidate ? nbits(candidate, names, options, hessians.get(candidate.x)) : node
  })
  return withNodes(graph, nodes)
}

function nbits(
  { node, x, weights, axis, bias }: Candidate,
  names: Names,
  options: NBitsOptions,
  hessian?: Hessian,
): Node {
  const { blockSize, zeroPoints, accuracyLevel } = options
  const rows = rowsOf(weights.constant.data as Float32Array, weights.constant.shape, axis)
  const [n, k] = [rows.length, rows[0].length]
  const blocks = Math.ceil(k / blockSize)
  const bytes = new Uint8Array(n * blocks * (blockSize / 2))
  const scales = new Float32Array(n * blocks)
  const zeroBytes = Math.ceil(blocks / 2)
  const zeros = new Uint8Array(n * zeroBytes)
  rows.forEach((row, r) => {
    const { codes, grids } = hessian ? hessian.round(row, blockSize, gridOf(zeroPoints), onGrid) : rounded(row, options)
    for (let block = 0; block < blocks; block++) {
      const { scale, zero } = grids[block]
      scales[r * blocks + block] = scale
      zeros[r * zeroBytes + (block >> 1)] |= zero << (4 * (block & 1))
      for (let i = 0; i < blockSize; i++) {
        const at = block * blockSize + i
        // What fills the last block up counts as 0.
        const code = at < k ? codes[at] : zero
        bytes[((r * blocks + block) * blockSize + i) >> 1] |= code << (4 * (i & 1))
      }
    }
  })
  const { name } = weights
  return makeNode(
    'com.microsoft:MatMulNBits',
    node.name,
    [
      x,
      names.constant(`${name}_q4`, hostTensor('uint8', [n, blocks, blockSize / 2], bytes)),
      names.constant(`${name}_scales`, floats(scales, [n, blocks])),
      zeroPoints ? names.constant(`${name}_zero_points`, hostTensor('uint8', [n, zeroBytes], zeros)) : undefined,
      undefined,
      bias,
    ],
    node.outputs,
    { K: k, N: n, bits: BITS, block_size: blockSize, accuracy_level: accuracyLevel },
  )
}

/** The weights of each output. */
function rowsOf(data: Float32Array, [first, second]: readonly number[], axis: number): Float32Array[] {
  if (axis === 0) return Array.from({ length: first }, (_, r) => data.slice(r * second, (r + 1) * second))
  return Array.from({ length: second }, (_, r) => Float32Array.from({ length: first }, (_, i) => data[i * second + r]))
}

function rounded(
  row: Float32Array,
  { blockSize, zeroPoints }: NBitsOptions,
): { codes: Uint8Array; grids: BlockGrid[] } {
  const codes = new Uint8Array(row.length)
  const grids: BlockGrid[] = []
  const choose = gridOf(zeroPoints)
  for (let from = 0; from < row.length; from += blockSize) {
    const block = row.subarray(from, from + blockSize)
    const grid = choose(block)
    grids.push(grid)
    block.forEach((w, i) => (codes[from + i] = onGrid(w, grid)))
  }
  return { codes, grids }
}

function onGrid(w: number, { scale, zero }: BlockGrid): number {
  return Math.min(MOST, Math.max(0, Math.round(w / scale) + zero))
}

/** The grid of a block with the least squared error, of a few that are narrower than its range. */
const gridOf =
  (zeroPoints: boolean) =>
  (block: ArrayLike<number>): BlockGrid => {
    let [low, high] = [0, 0]
    for (let i = 0; i < block.length; i++) {
      low = Math.min(low, block[i])
      high = Math.max(high, block[i])
    }
    if (low === high) return { scale: 1, zero: 8 }
    let best: BlockGrid = { scale: 1, zero: 8 }
    let least = Infinity
    // The end of the range that is farther from 0 gets the code −8: there are more codes below than above.
    const sign = high > -low ? -1 : 1
    for (const share of SHARES) {
      const step = zeroPoints ? (high - low) / MOST : (sign * Math.max(-low, high)) / 8
      const scale = Math.fround(step * share)
      if (Math.abs(scale) < 2 ** -120) continue
      const grid = { scale, zero: zeroPoints ? Math.min(MOST, Math.max(0, Math.round(-low / scale))) : 8 }
      let error = 0
      for (let i = 0; i < block.length; i++) error += (block[i] - (onGrid(block[i], grid) - grid.zero) * scale) ** 2
      if (error < least) [best, least] = [grid, error]
    }
    return best
  }
