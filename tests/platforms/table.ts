import type { Report } from './conformance.js'

/** What came of a row. */
export interface Result {
  readonly name: string
  readonly version?: string
  readonly report?: Report
  /** Why it was not tried. */
  readonly skipped?: string
}

/**
 * A page with these results in its tables, between `<!-- table NAME -->` and `<!-- end -->`: rows that were tried take
 * the place of older ones.
 *
 * @param order - the names of all rows of each table; what has none goes.
 */
export function written(
  page: string,
  results: Readonly<Record<string, readonly Result[]>>,
  order: Readonly<Record<string, readonly string[]>>,
): string {
  const date = new Date().toISOString().slice(0, 10)
  return Object.entries(order).reduce((text, [table, names]) => {
    const marked = new RegExp(`(<!-- table ${table} -->\n)([^]*?)(<!-- end -->)`)
    const [, begin, before, end] = marked.exec(text) ?? []
    if (begin === undefined) throw new Error(`the page has no place for the table ${table}`)
    const rows = new Map(
      before.split('\n').flatMap((line) => {
        const name = /^\| (.+?) \|/.exec(line)?.[1]
        return name ? [[name, line]] : []
      }),
    )
    for (const result of results[table] ?? [])
      // What could not be tried here may have been elsewhere.
      if (!result.skipped || !rows.has(result.name)) rows.set(result.name, rowOf(result, date))
    const lines = names.flatMap((name) => rows.get(name) ?? [])
    const whole = ['| where | version | result | not there | tried |', '|---|---|---|---|---|', ...lines, '']
    return text.replace(marked, () => begin + whole.join('\n') + end)
  }, page)
}

function rowOf({ name, version = '', report = {}, skipped }: Result, date: string): string {
  const entries = Object.entries(report)
  const wrong = entries.filter(([, text]) => !/^(ok$|–)/.test(text)).map(([check, text]) => `${check}: ${text}`)
  const missing = entries
    .filter(([, text]) => text.startsWith('–'))
    .map(([check, text]) => `${check}: ${text.slice(2)}`)
  const result = skipped ? `not tried: ${skipped}` : wrong.join('; ') || 'ok'
  const cells = [name, version, result, missing.join('; '), date]
  return `| ${cells.map((cell) => cell.split('\n')[0].replaceAll('|', '\\|')).join(' | ')} |`
}
