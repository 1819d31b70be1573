import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WorkResult } from './measure.js'
import { milliseconds, type Report } from './report.js'
import { geometricMean } from './statistics.js'
import type { TargetRow } from './targets.js'
import { withCores, type ThreadsReport } from './threads/table.js'
import type { TrainReport } from './train/table.js'

/** What the suites of fresh processes write. */
interface FreshReport {
  readonly quick: boolean
  readonly rows: readonly {
    readonly name: string
    readonly ratio?: { readonly ratio: number }
    readonly lanewise?: { readonly peak: number }
    readonly 'onnxruntime-web'?: { readonly peak: number }
  }[]
}

/** Reports of full runs, as far as they are there. */
interface Reports {
  readonly models: Readonly<Record<Where, Report | undefined>>
  readonly train: Readonly<Record<Exclude<Where, 'chromium'>, TrainReport | undefined>>
  readonly memory: FreshReport | undefined
  readonly cold: FreshReport | undefined
}

type Where = 'node' | 'node24' | 'chromium'

/** A row of README's table: its first cell, and those of Node 20 and of Node 24; undefined where there is no report. */
type Row = readonly [what: RegExp, simd: string | undefined, relaxed: string | undefined]

const times = (value: number): string => value.toPrecision(2)

/** The models with their weights or an architecture's, without tabular ones and those in float16. */
function against(report: Report | undefined, peer: 'onnxruntime-web' | 'onnxruntime-node') {
  const ratios = (report?.results ?? [])
    .filter(({ group }) => group === 'models')
    .flatMap(({ name, ratios: all }) => (all[peer] ? [{ name, ratio: all[peer].ratio }] : []))
  if (ratios.length === 0) return undefined
  const worst = ratios.reduce((a, b) => (b.ratio < a.ratio ? b : a))
  return { mean: geometricMean(ratios.map(({ ratio }) => ratio)), worst: worst.ratio, worstName: worst.name }
}

function modelRows({ node, node24, chromium }: Reports['models']): Row[] {
  const [web, web24, webChromium] = [node, node24, chromium].map((report) => against(report, 'onnxruntime-web'))
  const [native, native24] = [node, node24].map((report) => against(report, 'onnxruntime-node'))
  const inChromium = webChromium ? `; Chromium ${times(webChromium.mean)} (${times(webChromium.worst)})` : ''
  const of = (report: Report | undefined, name: RegExp): WorkResult | undefined =>
    report?.results.find((result) => result.group === 'models' && name.test(result.name))
  const both = (result: WorkResult | undefined, before = '') =>
    result?.times.lanewise &&
    `${milliseconds(result.times.lanewise.median)} ms; ${before}${milliseconds(result.times['onnxruntime-web']?.median)}`
  return [
    [
      /real models and architectures against onnxruntime-web/,
      web && `${times(web.mean)} times as fast (worst ${times(web.worst)})`,
      web24 && `${times(web24.mean)} (worst ${times(web24.worst)})${inChromium}`,
    ],
    [
      /against native onnxruntime-node/,
      native && `${times(native.mean)} times as fast (worst ${times(native.worst)}: ${native.worstName})`,
      native24 && `${times(native24.mean)} (worst ${times(native24.worst)})`,
    ],
    [/^SqueezeNet 1\.0/, both(of(node, /squeezenet-1\.0/), 'onnxruntime-web '), both(of(node24, /squeezenet-1\.0/))],
    [/^ResNet-50/, both(of(node, /light\/resnet50/)), both(of(node24, /light\/resnet50/))],
  ]
}

/** Steps of a row, in its order; one that PyTorch did not run makes the row stay as it is. */
function trainRow({ node, node24 }: Reports['train'], what: RegExp, works: readonly RegExp[], after = ''): Row {
  const cell = (report: TrainReport | undefined, unit: string): string | undefined => {
    const ratios = works.map((work) => report?.results.find(({ name }) => work.test(name))?.ratios.pytorch?.ratio)
    return ratios.every((ratio) => ratio !== undefined) ? ratios.map(times).join(', ') + unit : undefined
  }
  return [what, cell(node, after), cell(node24, '')]
}

function freshRows({ memory, cold }: Reports): Row[] {
  const shares = (memory?.rows ?? []).flatMap(({ name, lanewise, 'onnxruntime-web': web }) =>
    lanewise && web ? [{ name, share: lanewise.peak / web.peak }] : [],
  )
  const percent = (share: number) => `${Math.round(100 * share)} %`
  const most = shares.reduce((a, b) => (b.share > a.share ? b : a), { name: '', share: 0 })
  const start = cold?.rows[0]?.ratio
  return [
    [
      /^memory of a session/,
      shares.length > 0
        ? `${percent(geometricMean(shares.map(({ share }) => share)))} (worst ${percent(most.share)}: ${most.name})`
        : undefined,
      undefined,
    ],
    [/^cold start/, start && `${(1 / start.ratio).toPrecision(2)} of onnxruntime-web's`, undefined],
  ]
}

function rowsOf(reports: Reports): Row[] {
  return [
    ...modelRows(reports.models),
    trainRow(reports.train, /^training step of an MLP/, [/^MLP/], ' times as fast'),
    trainRow(reports.train, /^the same of a CNN/, [/^MNIST CNN/, /^LSTM 28×28/, /^transformer LM, 2 layers/]),
    trainRow(reports.train, /^the same of a larger LM/, [
      /^transformer LM, 4 layers/,
      /^house-number reader/,
      /^attention LSTM captioner, 50×17/,
    ]),
    ...freshRows(reports),
  ]
}

/** README's text with the figures of the reports; rows that no report has figures for stay as they are. */
export function withFigures(readme: string, reports: Reports): string {
  const rows = rowsOf(reports)
  return readme.replace(/^\| .* \|$/gm, (line) => {
    const cells = line.slice(2, -2).split(/(?<!\\) ?\| /)
    const row = rows.find(([what]) => cells.length === 4 && what.test(cells[0]))
    if (!row || (row[1] === undefined && row[2] === undefined)) return line
    return `| ${[cells[0], row[1] ?? cells[1], row[2] ?? cells[2], cells[3].replaceAll(' --quick', '')].join(' | ')} |`.replaceAll(
      '|  |',
      '| |',
    )
  })
}

/** Rows of the table of targets, by the figures in it, in its order. */
const targetFigures: readonly [what: RegExp, figures: RegExp, against: RegExp, of: 'kernels' | 'runs'][] = [
  [/^3×3 convolution, onnxruntime-web/, /^3×3/, /-web$/, 'kernels'],
  [/^the same, onnxruntime-node/, /^3×3/, /-node$/, 'kernels'],
  [/^pointwise/, /^pointwise/, /-web$/, 'kernels'],
  [/^depthwise, /, /^depthwise/, /./, 'kernels'],
  [/^GEMM/, /^GEMM/, /./, 'kernels'],
  [/^matrix–vector/, /^matrix/, /./, 'kernels'],
  [/^exp, tanh/, / over 1 M$/, /./, 'kernels'],
  [/^100 tiny nodes/, /^100 tiny/, /./, 'runs'],
]

/** "4, 3.7": what was to be reached, and what was; of several figures first all targets, one if they are the same. */
function targetCell(
  report: Report | undefined,
  [, figures, against, of]: (typeof targetFigures)[number],
): string | undefined {
  const rows = (report?.targets ?? []).filter((row) => figures.test(row.figure) && against.test(row.against))
  if (rows.length === 0) return undefined
  const text = (row: TargetRow, value: number | undefined): string =>
    value === undefined ? '–' : row.runs ? times(value) : `${Math.round(100 * value)} %`
  const wanted = [...new Set(rows.map((row) => (row.runs ? String(row.target) : text(row, row.target))))]
  const found = rows.map((row) => text(row, row[of]?.[row.of]))
  return `${wanted.join(' / ')}, ${found.join(' / ')}`
}

/**
 * The text of docs/performance.md with what the kernels reach of their targets; rows that no report has figures for
 * stay as they are.
 */
export function withTargets(page: string, reports: Readonly<Record<'node' | 'node24', Report | undefined>>): string {
  return page.replace(/^\| .* \|$/gm, (line) => {
    const cells = line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim())
    const row = targetFigures.find(([what]) => cells.length === 4 && what.test(cells[0]))
    if (!row) return line
    const [simd, relaxed] = [reports.node, reports.node24].map((report) => targetCell(report, row))
    return `| ${[cells[0], simd ?? cells[1], relaxed ?? cells[2], cells[3]].join(' | ')} |`.replace(/ {2}\|$/, ' |')
  })
}

/**
 * Puts the figures of bench/results into README's table, that of the targets in docs/performance.md and that of more
 * cores in docs/performance/threads.md.
 *
 * @returns what was done, and which reports are missing or of quick runs, which are no figures.
 */
export function writeFigures(results: string, readme: string, performance: string, threads: string): string[] {
  const said: string[] = []
  const read = <T extends object>(name: string): T | undefined => {
    const file = join(results, `${name}.json`)
    const report = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T & { quick: boolean }) : undefined
    if (report && !report.quick) return report
    said.push(`${name}: ${report ? 'of a quick run' : 'not there'}; its figures stay`)
    return undefined
  }
  const write = (page: string, made: (text: string) => string): void => {
    const before = readFileSync(page, 'utf8')
    const after = made(before)
    if (after !== before) writeFileSync(page, after)
    said.push(after === before ? `${page} has these figures` : `${page} was written`)
  }
  const kernels = { node: read<Report>('kernels-node'), node24: read<Report>('kernels-node24') }
  const reports: Reports = {
    models: { node: read('models-node'), node24: read('models-node24'), chromium: read('models-chromium') },
    train: { node: read('train-node'), node24: read('train-node24') },
    memory: read('memory-node'),
    cold: read('cold-node'),
  }
  write(readme, (text) => withFigures(text, reports))
  write(performance, (text) => withTargets(text, kernels))
  const cores = read<ThreadsReport>('threads-node24-cores')
  write(threads, (text) => withCores(text, cores))
  return said
}
