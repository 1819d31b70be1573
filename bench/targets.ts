import type { WorkResult } from './measure.js'
import type { PeerName } from './peers/peer.js'
import { geometricMean, type Ratio } from './statistics.js'

/** A figure that Lanewise is meant to reach on every machine, in the simd and in the relaxed build. */
interface Target {
  readonly suite: string
  readonly figure: string
  readonly works: RegExp
  /** A peer, or a share of what the machine does in a loop that does nothing else. */
  readonly against: PeerName | 'peak' | 'bandwidth'
  readonly of: 'mean' | 'worst'
  readonly simd: number
  readonly relaxed: number
}

const targets: readonly Target[] = [
  {
    suite: 'threads',
    figure: 'models of 5 ms and more',
    works: /^models, 5/,
    against: 'one thread',
    of: 'mean',
    simd: 1.75,
    relaxed: 1.75,
  },
  {
    suite: 'threads',
    figure: 'models of 5 ms and more',
    works: /^models, 5/,
    against: 'one thread',
    of: 'worst',
    simd: 1.5,
    relaxed: 1.5,
  },
  {
    suite: 'threads',
    figure: 'models under 1 ms',
    works: /^models under/,
    against: 'one thread',
    of: 'worst',
    simd: 0.97,
    relaxed: 0.97,
  },
  {
    suite: 'threads',
    figure: 'models',
    works: /^models/,
    against: 'onnxruntime-web',
    of: 'mean',
    simd: 3.3,
    relaxed: 3.3,
  },
  {
    suite: 'threads',
    figure: 'models',
    works: /^models/,
    against: 'onnxruntime-node',
    of: 'mean',
    simd: 1,
    relaxed: 1.2,
  },
  { suite: 'threads', figure: 'products', works: /^products/, against: 'jax-js', of: 'worst', simd: 1.5, relaxed: 1.5 },
  {
    suite: 'quantized',
    figure: 'MatMulNBits, one row',
    works: /MatMulNBits 1×/,
    against: 'onnxruntime-web',
    of: 'worst',
    simd: 20,
    relaxed: 20,
  },
  {
    suite: 'quantized',
    figure: 'MatMulNBits of 4 bits, one row',
    works: /MatMulNBits 1×.*4 bits/,
    against: 'float32',
    of: 'worst',
    simd: 2.5,
    relaxed: 2.5,
  },
  {
    suite: 'quantized',
    figure: 'MatMulNBits, 32 rows',
    works: /MatMulNBits 32×/,
    against: 'float32',
    of: 'worst',
    simd: 1,
    relaxed: 1,
  },
  {
    suite: 'quantized',
    figure: 'MatMulInteger, ConvInteger',
    works: /Integer/,
    against: 'onnxruntime-web',
    of: 'worst',
    simd: 2,
    relaxed: 3,
  },
  {
    suite: 'quantized',
    figure: 'quantised MobileNetV2',
    works: /MobileNetV2/,
    against: 'float32',
    of: 'worst',
    simd: 1.2,
    relaxed: 2,
  },
  {
    suite: 'quantized',
    figure: 'quantised MobileNetV2',
    works: /MobileNetV2/,
    against: 'onnxruntime-node',
    of: 'worst',
    simd: 0.5,
    relaxed: 0.5,
  },
  {
    suite: 'quantized',
    figure: 'quantised networks of 3×3',
    works: /^QDQ networks of 3×3/,
    against: 'float32',
    of: 'worst',
    simd: 1,
    relaxed: 1.5,
  },
  {
    suite: 'quantized',
    figure: 'quantised networks',
    works: /^QDQ networks/,
    against: 'onnxruntime-web',
    of: 'mean',
    simd: 3,
    relaxed: 4,
  },
  {
    suite: 'quantized',
    figure: 'quantised MiniLM',
    works: /MiniLM/,
    against: 'onnxruntime-web',
    of: 'worst',
    simd: 3,
    relaxed: 3,
  },
  { suite: 'models', figure: 'models', works: /./, against: 'onnxruntime-web', of: 'mean', simd: 3, relaxed: 3.5 },
  {
    suite: 'models',
    figure: 'models, the worst',
    works: /./,
    against: 'onnxruntime-web',
    of: 'worst',
    simd: 1.3,
    relaxed: 1.5,
  },
  { suite: 'models', figure: 'models', works: /./, against: 'onnxruntime-node', of: 'mean', simd: 1, relaxed: 1.2 },
  {
    suite: 'kernels',
    figure: '3×3 convolution',
    works: /^conv 3×3/,
    against: 'onnxruntime-web',
    of: 'mean',
    simd: 4,
    relaxed: 5,
  },
  {
    suite: 'kernels',
    figure: '3×3 convolution',
    works: /^conv 3×3/,
    against: 'onnxruntime-node',
    of: 'mean',
    simd: 1.1,
    relaxed: 1.3,
  },
  {
    suite: 'kernels',
    figure: 'pointwise convolution',
    works: /^pointwise/,
    against: 'onnxruntime-web',
    of: 'mean',
    simd: 1.5,
    relaxed: 1.9,
  },
  {
    suite: 'kernels',
    figure: 'depthwise convolution',
    works: /^depthwise/,
    against: 'onnxruntime-web',
    of: 'mean',
    simd: 3,
    relaxed: 4,
  },
  {
    suite: 'kernels',
    figure: 'depthwise convolution',
    works: /^depthwise/,
    against: 'tfjs-wasm',
    of: 'mean',
    simd: 2,
    relaxed: 2.2,
  },
  {
    suite: 'kernels',
    figure: 'GEMM 256³ to 1024³',
    works: /^gemm$/,
    against: 'peak',
    of: 'worst',
    simd: 0.8,
    relaxed: 0.92,
  },
  {
    suite: 'kernels',
    figure: 'matrix–vector',
    works: /^matrix–vector/,
    against: 'bandwidth',
    of: 'worst',
    simd: 0.85,
    relaxed: 0.85,
  },
  ...['Exp', 'Tanh', 'Sigmoid', 'Erf', 'Gelu', 'Softmax'].map((op): Target => ({
    suite: 'kernels',
    figure: `${op} over 1 M`,
    works: new RegExp(`^elementwise/${op} `),
    against: 'onnxruntime-web',
    of: 'worst',
    simd: 3,
    relaxed: 3,
  })),
  {
    suite: 'kernels',
    figure: '100 tiny nodes',
    works: /^tiny graph/,
    against: 'onnxruntime-web',
    of: 'worst',
    simd: 4,
    relaxed: 4,
  },
]

/** What was measured of a target's works. */
export interface Reached {
  readonly works: number
  readonly mean: number
  readonly worst: number
  readonly worstName: string
}

export interface TargetRow extends Pick<Target, 'figure' | 'against' | 'of'> {
  readonly target: number
  /** Whole runs, data in and out included; a share has none. */
  readonly runs?: Reached
  /** Kernels alone, as the peer's run less its Identity's. */
  readonly kernels?: Reached
}

function reached(
  results: readonly WorkResult[],
  ratioOf: (result: WorkResult) => Ratio | undefined,
): Reached | undefined {
  const measured = results.flatMap((result) => {
    const value = ratioOf(result)
    return value ? [{ name: result.name, ratio: value.ratio }] : []
  })
  if (measured.length === 0) return undefined
  const worst = measured.reduce((a, b) => (b.ratio < a.ratio ? b : a))
  return {
    works: measured.length,
    mean: geometricMean(measured.map(({ ratio }) => ratio)),
    worst: worst.ratio,
    worstName: worst.name,
  }
}

/** Every target of a suite of which something was measured. */
export function targetRows(suite: string, build: 'simd' | 'relaxed', results: readonly WorkResult[]): TargetRow[] {
  return targets.flatMap(({ suite: of, figure, works, against, of: measure, ...target }): TargetRow[] => {
    if (of !== suite) return []
    const members = results.filter((result) => works.test(result.group) || works.test(`${result.group}/${result.name}`))
    const row = { figure, against, of: measure, target: target[build] }
    if (against === 'peak' || against === 'bandwidth') {
      const kernels = reached(members, (result) => (against === 'peak' ? result.shareOfPeak : result.shareOfBandwidth))
      return kernels ? [{ ...row, kernels }] : []
    }
    const runs = reached(members, (result) => result.ratios[against])
    return runs ? [{ ...row, runs, kernels: reached(members, (result) => result.kernelRatios[against]) }] : []
  })
}

/** The rows as Markdown; what reaches its target is in bold. */
export function targetTable(rows: readonly TargetRow[]): string[] {
  if (rows.length === 0) return []
  const cells = (row: TargetRow, what: Reached | undefined): string => {
    if (!what) return ' | '
    const share = row.against === 'peak' || row.against === 'bandwidth'
    const text = (value: number): string => (share ? `${(100 * value).toFixed(0)} %` : `${value.toFixed(2)}×`)
    const mark = (value: number, counts: boolean): string =>
      counts && value >= row.target ? `**${text(value)}**` : text(value)
    const worst = mark(what.worst, row.of === 'worst')
    return `${mark(what.mean, row.of === 'mean')} | ${what.works > 1 ? `${worst} ${what.worstName}` : worst}`
  }
  return [
    '',
    '| figure | against | target | runs: mean | worst | kernels: mean | worst |',
    '|---|---|--:|--:|---|--:|---|',
    ...rows.map((row) => {
      const target = row.runs ? `${row.target}×` : `${(100 * row.target).toFixed(0)} %`
      return `| ${row.figure} | ${row.against} | ${row.of === 'worst' ? 'each ' : ''}≥ ${target} | ${cells(row, row.runs)} | ${cells(row, row.kernels)} |`
    }),
  ]
}
