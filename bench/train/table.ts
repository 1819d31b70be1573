import { describePeaks, type PeakRates } from '../../src/inspect/peaks.js'
import type { Ratio, Summary } from '../statistics.js'

export interface StepResult {
  readonly name: string
  readonly times: Readonly<Record<string, Summary>>
  /** How many times as long a peer takes. */
  readonly ratios: Readonly<Record<string, Ratio>>
  /** Direct operations in the time of a step, as a share of the peak of this build. */
  readonly shareOfPeak: Ratio
  /** The same as a share of what a large matrix product reaches in this build. */
  readonly shareOfProducts: Ratio
  /** {@link shareOfPeak} for the `simd` build, where the table is about the other one. */
  readonly plainShareOfPeak?: Ratio
  /** Megabytes that parameters and a step take, by engines that tell: PyTorch's beyond what its import takes. */
  readonly memory: Readonly<Record<string, number>>
  readonly notes: readonly string[]
}

export interface TrainReport {
  readonly environment: PeakRates & {
    readonly engine: string
    readonly clock: string
    /** "node20", "node24": what ratios are stored under. */
    readonly key: string
    readonly build: 'simd' | 'relaxed'
    readonly cpu: string
    readonly versions: Readonly<Record<string, string>>
    /** Of multiply-adds in the `simd` build, where both are timed. */
    readonly plainPeak?: number
  }
  readonly results: readonly StepResult[]
}

/** The report as a Markdown table. */
export function trainTable({ environment, results }: TrainReport): string {
  const { engine, build, cpu, clock, versions, plainPeak } = environment
  const peers = [...new Set(results.flatMap(({ ratios }) => Object.keys(ratios)))]
  const times = (ratio: Ratio | undefined) =>
    ratio
      ? `${ratio.ratio.toPrecision(3)}×${Number.isFinite(ratio.noise) ? ` ± ${Math.round(ratio.noise * 100)} %` : ''}`
      : '–'
  const megabytes = (amount: number | undefined) => amount?.toFixed(0) ?? '–'
  const percent = (ratio: Ratio | undefined) => (ratio ? `${Math.round(ratio.ratio * 100)} %` : '–')
  return [
    `${engine}, build ${build}, ${cpu}, ${clock} clock, ${describePeaks(environment)}${plainPeak ? `, ${plainPeak.toFixed(1)} of multiply-adds in the simd build` : ''}; ${Object.entries(
      versions,
    )
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}`,
    '',
    `| training step | ms | ${peers.map((peer) => `against ${peer}`).join(' | ')} | share of the peak | of a large product | MB | PyTorch's MB |${plainPeak ? ' ms, simd | share of its peak |' : ''}`,
    `|---|---|${peers.map(() => '---|').join('')}---|---|---|---|${plainPeak ? '---|---|' : ''}`,
    ...results.map(({ name, times: own, ratios, shareOfPeak, shareOfProducts, plainShareOfPeak, memory }) => {
      const plain = plainPeak ? ` ${own['lanewise simd'].median.toPrecision(3)} | ${percent(plainShareOfPeak)} |` : ''
      return `| ${name} | ${own.lanewise.median.toPrecision(3)} | ${peers.map((peer) => times(ratios[peer])).join(' | ')} | ${percent(shareOfPeak)} | ${percent(shareOfProducts)} | ${megabytes(memory.lanewise)} | ${megabytes(memory.pytorch)} |${plain}`
    }),
    ...results.flatMap(({ name, notes }) => notes.map((note) => `\n${name}: ${note}`)),
  ].join('\n')
}
