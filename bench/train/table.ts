import { describePeaks, type PeakRates } from '../peaks.js'
import type { Ratio, Summary } from '../statistics.js'

export interface StepResult {
  readonly name: string
  readonly times: Readonly<Record<string, Summary>>
  /** How many times as long a peer takes. */
  readonly ratios: Readonly<Record<string, Ratio>>
  /** Direct operations in the time of a step, as a share of the peak of this build. */
  readonly shareOfPeak: Ratio
  readonly notes: readonly string[]
}

export interface TrainReport {
  readonly environment: PeakRates & {
    readonly engine: string
    readonly clock: string
    readonly build: string
    readonly cpu: string
    readonly versions: Readonly<Record<string, string>>
  }
  readonly results: readonly StepResult[]
}

/** The report as a Markdown table. */
export function trainTable({ environment, results }: TrainReport): string {
  const { engine, build, cpu, clock, versions } = environment
  const peers = [...new Set(results.flatMap(({ ratios }) => Object.keys(ratios)))]
  const times = (ratio: Ratio | undefined) => (ratio ? `${ratio.ratio.toPrecision(3)}× ± ${Math.round(ratio.noise * 100)} %` : '–')
  return [
    `${engine}, build ${build}, ${cpu}, ${clock} clock, ${describePeaks(environment)}; ${Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ')}`,
    '',
    `| training step | ms | ${peers.map((peer) => `against ${peer}`).join(' | ')} | share of the peak |`,
    `|---|---|${peers.map(() => '---|').join('')}---|`,
    ...results.map(({ name, times: { lanewise }, ratios, shareOfPeak }) => `| ${name} | ${lanewise.median.toPrecision(3)} | ${peers.map((peer) => times(ratios[peer])).join(' | ')} | ${Math.round(shareOfPeak.ratio * 100)} % |`),
    ...results.flatMap(({ name, notes }) => notes.map((note) => `\n${name}: ${note}`)),
  ].join('\n')
}
