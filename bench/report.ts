import { present } from '../src/core/errors.js'
import type { WorkResult } from './measure.js'
import { describePeaks, type PeakRates } from '../src/inspect/peaks.js'
import type { PeerName } from './peers/peer.js'
import { geometricMean, type Ratio } from './statistics.js'
import { targetTable, type TargetRow } from './targets.js'

/** Where figures come from; without it they say nothing. */
export interface Environment extends PeakRates {
  /** "Node 20.20.2 (V8 11.3)". */
  readonly engine: string
  readonly clock: 'wall' | 'cpu'
  /** "node20", "node24", "chromium": what ratios are stored under. */
  readonly key: string
  readonly build: 'simd' | 'relaxed'
  readonly threads: number
  readonly cpu: string
  readonly versions: Readonly<Record<string, string>>
}

export interface Report {
  readonly suite: string
  readonly date: string
  readonly quick: boolean
  readonly environment: Environment
  readonly results: readonly WorkResult[]
  readonly summary: readonly SummaryRow[]
  readonly targets: readonly TargetRow[]
}

export interface SummaryRow {
  readonly group: string
  readonly peer: PeerName
  readonly kind: 'run' | 'kernel'
  readonly count: number
  readonly mean: number
  readonly worst: number
  readonly worstName: string
}

const peerOrder: readonly PeerName[] = [
  'one thread',
  'float32',
  'onnxruntime-web',
  'onnxruntime-node',
  'tfjs-wasm',
  'jax-js',
]

export function milliseconds(value: number | undefined): string {
  if (value === undefined) return ''
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

function ratio(value: Ratio | undefined): string {
  if (!value) return ''
  return `${value.ratio.toFixed(2)}×`
}

const percent = (value: Ratio | undefined): string => (value ? `${(100 * value.ratio).toFixed(0)} %` : '')

/** Groups in the order they come, each peer's ratios as geometric mean and worst. */
export function summarizeResults(results: readonly WorkResult[]): SummaryRow[] {
  const rows: SummaryRow[] = []
  for (const group of new Set(results.map((result) => result.group))) {
    const members = results.filter((result) => result.group === group)
    for (const kind of ['run', 'kernel'] as const) {
      for (const peer of peerOrder) {
        const ratios = members.flatMap(({ name, ratios: run, kernelRatios }) => {
          const value = (kind === 'run' ? run : kernelRatios)[peer]?.ratio
          return value === undefined ? [] : [{ name, value }]
        })
        if (ratios.length === 0) continue
        const worst = ratios.reduce((a, b) => (b.value < a.value ? b : a))
        rows.push({
          group,
          peer,
          kind,
          count: ratios.length,
          mean: geometricMean(ratios.map(({ value }) => value)),
          worst: worst.value,
          worstName: worst.name,
        })
      }
    }
  }
  return rows
}

/** What is said of several works, said once. */
function gathered(notes: readonly (readonly [what: string, name: string])[]): string[] {
  const names = new Map<string, string[]>()
  for (const [what, name] of notes) names.set(what, [...(names.get(what) ?? []), name])
  return [...names].map(
    ([what, of]) =>
      `- ${of.length > 3 ? `${of.slice(0, 3).join(', ')} and ${of.length - 3} more` : of.join(', ')}: ${what}`,
  )
}

/** The table, the summary and everything that is wrong, as Markdown. */
export function markdown({ suite, environment, results, summary, targets, quick }: Report): string {
  const done = results.filter((result) => !result.failed)
  const peers = peerOrder.filter((peer) => done.some((result) => result.times[peer]))
  const kernels = done.some((result) => result.kernel)
  const { engine, build, cpu, clock, versions, threads } = environment
  const lines = [
    `## ${suite}${quick ? ' (quick: few rounds)' : ''}`,
    '',
    `${engine}, ${build} build (${describePeaks(environment)}), ${cpu}, ${threads === 1 ? 'one thread' : `${threads} threads each`}. ${Object.entries(
      versions,
    )
      .map((pair) => pair.join(' '))
      .join(', ')}.`,
    `Milliseconds${clock === 'cpu' ? ' of processor time' : ''} per run, medians of interleaved samples (± half the distance of the quartiles); × is how many times as long the peer takes.`,
    '',
    `| work | Lanewise | ${kernels ? 'kernel | GFLOP/s | of peak | of bandwidth | ' : ''}${peers.map((peer) => `${peer} | × | ${kernels ? '× kernel | ' : ''}`).join('')}`,
    `|---|--:|${kernels ? '--:|--:|--:|--:|' : ''}${peers.map(() => `--:|--:|${kernels ? '--:|' : ''}`).join('')}`,
  ]
  for (const { name, times, kernel, flops, ratios, kernelRatios, shareOfPeak, shareOfBandwidth } of done) {
    const ours = present(times.lanewise, 'time of Lanewise')
    const cells = [name, `${milliseconds(ours.median)} ± ${(100 * ours.spread).toFixed(0)} %`]
    if (kernels) {
      const gflops = kernel && flops ? (flops / kernel.median / 1e6).toFixed(1) : ''
      cells.push(milliseconds(kernel?.median), gflops, percent(shareOfPeak), percent(shareOfBandwidth))
    }
    for (const peer of peers) {
      cells.push(milliseconds(times[peer]?.median), ratio(ratios[peer]))
      if (kernels) cells.push(ratio(kernelRatios[peer]))
    }
    lines.push(`| ${cells.join(' | ')} |`)
  }
  lines.push('', '| group | against | works | geometric mean | worst |', '|---|---|--:|--:|---|')
  for (const row of summary) {
    const against = row.kind === 'kernel' ? `${row.peer}, kernels` : row.peer
    lines.push(
      `| ${row.group} | ${against} | ${row.count} | ${row.mean.toFixed(2)}× | ${row.worst.toFixed(2)}× ${row.worstName} |`,
    )
  }
  lines.push(...targetTable(targets))
  const problems = [
    ...results.filter((result) => result.failed).map((result) => `- not run: ${result.name}: ${result.failed}`),
    ...done.flatMap((result) => result.disagreements.map((what) => `- **disagreement**: ${result.name}: ${what}`)),
    ...gathered(done.flatMap((result) => result.notes.map((what) => [what, result.name]))),
  ]
  if (problems.length > 0) lines.push('', ...problems)
  return lines.join('\n')
}
