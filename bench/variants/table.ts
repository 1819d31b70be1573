import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Summary } from '../statistics.js'

export interface VariantRow {
  readonly group: string
  readonly name: string
  readonly flops?: number
  /** The variant that is taken where nothing is forced, as a profile names it. */
  readonly chosen: string
  /** Milliseconds in kernels; a variant that cannot compute the layer is missing. */
  readonly times: Readonly<Record<string, Summary>>
  /** Variants whose answers are not those of the chosen one. */
  readonly disagreements: readonly string[]
}

export interface VariantReport {
  readonly family: string
  readonly variants: readonly string[]
  /** What makes this report again. */
  readonly command: string
  readonly date: string
  readonly quick: boolean
  readonly engine: string
  readonly build: string
  readonly cpu: string
  readonly clock: string
  readonly rows: readonly VariantRow[]
}

/** A Markdown table: GFLOP/s of every variant, the fastest in bold, the chosen one marked. */
export function variantTable({ variants, rows, engine, build, cpu, clock, command }: VariantReport): string {
  const cell = (row: VariantRow, variant: string): string => {
    const time = row.times[variant]
    if (!time) return ''
    const best = Math.min(...Object.values(row.times).map(({ median }) => median))
    const figure = row.flops ? (row.flops / time.median / 1e6).toPrecision(3) : `${time.median.toPrecision(3)} ms`
    return `${time.median === best ? `**${figure}**` : figure}${row.chosen === variant ? ' ←' : ''}`
  }
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const missed = rows.filter(({ times, chosen }) => {
    const best = Math.min(...Object.values(times).map(({ median }) => median))
    return times[chosen] && times[chosen].median > 1.1 * best
  })
  return [
    `${engine}, ${build}, ${cpu}, ${clock === 'cpu' ? 'processor' : 'wall'} time; GFLOP/s, **fastest**, ← chosen. \`${command}\``,
    '',
    line(['layer', ...variants]),
    line(['---', ...variants.map(() => '---')]),
    ...rows.map((row) => line([row.name, ...variants.map((variant) => cell(row, variant))])),
    '',
    missed.length === 0
      ? 'The chosen variant is within a tenth of the fastest everywhere.'
      : `More than a tenth slower than the fastest: ${missed.map(({ name }) => name).join('; ')}.`,
  ].join('\n')
}

/**
 * Puts the tables of reports into pages, between `<!-- bench NAME -->` and `<!-- end -->`, where NAME is the report's
 * file without its ending.
 *
 * @returns the pages that were written.
 */
export function writeTables(results: string, pages: string): string[] {
  const reports = new Map(
    (existsSync(results) ? readdirSync(results) : [])
      .filter((file) => file.startsWith('variants-') && file.endsWith('.json'))
      .map((file) => [file.slice(0, -5), JSON.parse(readFileSync(join(results, file), 'utf8')) as VariantReport]),
  )
  return readdirSync(pages).filter((file) => {
    const page = join(pages, file)
    const before = readFileSync(page, 'utf8')
    const after = before.replace(
      /(<!-- bench (\S+) -->\n)[\s\S]*?(<!-- end -->)/g,
      (whole: string, open: string, name: string, close: string) => {
        const report = reports.get(name)
        return report ? `${open}${variantTable(report)}\n${close}` : whole
      },
    )
    if (after !== before) writeFileSync(page, after)
    return after !== before
  })
}
