import { checkArguments } from '../../core/arguments.js'
import { LanewiseError } from '../../core/errors.js'
import { Tensor } from '../../api/tensor.js'
import { TensorDataset, type Fields, type StreamDataset } from '../dataset.js'

/** How a CSV file is written. */
export interface CsvOptions {
  /** One character between the cells; a comma by default. */
  readonly delimiter?: string
  /** The first row names the columns; true by default. Without it they are called "0", "1", … */
  readonly header?: boolean
}

/** Which columns make which tensors. */
export interface CsvFields extends CsvOptions {
  /** Columns that become `features` [columns], float32; by default all that are not the label. */
  readonly features?: readonly string[]
  /** The column that becomes `label`. */
  readonly label?: string
  /**
   * Names of the classes: labels become int32, their places in the list. Without it they stay numbers, float32.
   * `readCsv` finds them by itself for labels that are no numbers.
   */
  readonly classes?: readonly string[]
}

/**
 * Longer than any cell that is meant: a quotation mark that is never closed must not collect the rest of a large file.
 */
const MAX_CELL = 2 ** 20

/**
 * The rows of a CSV text (RFC 4180: quoted cells may hold delimiters, line ends and doubled quotes; lines end in LF or
 * CRLF). Empty lines are left out.
 *
 * @param source - the text, whole or in pieces, as strings or UTF-8.
 * @throws LanewiseError `E_PARSE` with the line: a quote that is not closed or stands inside a plain cell, a cell
 *   beyond 1 MiB, invalid UTF-8.
 */
export async function* csvRows(
  source: string | Uint8Array | AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
  options: CsvOptions = {},
): AsyncGenerator<string[], void, void> {
  checkArguments('csvRows', { source, options }, 'string|iterable', { delimiter: 'string', header: 'boolean' })
  const { delimiter = ',' } = options

  if (delimiter.length !== 1 || /["\r\n]/.test(delimiter))
    throw new LanewiseError('E_VALUE', `a delimiter is one character, got ${JSON.stringify(delimiter)}`)
  const parser = new RowParser(delimiter)
  const decoder = new TextDecoder('utf-8', { fatal: true })
  for await (const piece of typeof source === 'string' || source instanceof Uint8Array ? [source] : source) {
    yield* parser.take(typeof piece === 'string' ? piece : decoded(decoder, parser, piece))
  }
  yield* parser.take(decoded(decoder, parser))
  yield* parser.end()
}

function decoded(decoder: TextDecoder, parser: RowParser, piece?: Uint8Array): string {
  try {
    return decoder.decode(piece, { stream: piece !== undefined })
  } catch (cause) {
    throw new LanewiseError('E_PARSE', `CSV after line ${parser.line}: the text is not UTF-8`, { cause })
  }
}

class RowParser {
  line = 1
  private row: string[] = []
  private cell = ''
  /** Before a cell's first character, in a plain cell, in a quoted one, or after a quote inside a quoted one. */
  private place: 'start' | 'plain' | 'quoted' | 'quote' = 'start'

  constructor(private readonly delimiter: string) {}

  *take(text: string): Generator<string[]> {
    let from = 0
    const keep = (to: number) => {
      this.cell += text.slice(from, to)
      if (this.cell.length > MAX_CELL) this.fail(`a cell has more than ${MAX_CELL} characters`)
    }
    for (let i = 0; i < text.length; i++) {
      const char = text[i]
      if (this.place === 'quoted') {
        if (char === '\n') this.line++
        if (char !== '"') continue
        keep(i)
        this.place = 'quote'
      } else if (char === '"') {
        if (this.place === 'plain') this.fail('a quotation mark inside a cell that does not begin with one')
        // The second of two quotes inside a quoted cell is one that is meant.
        from = this.place === 'quote' ? i : i + 1
        this.place = 'quoted'
      } else if (char === this.delimiter || char === '\n') {
        if (this.place === 'plain') keep(i)
        if (char === '\n' && this.place === 'plain' && this.cell.endsWith('\r')) this.cell = this.cell.slice(0, -1)
        const blank = char === '\n' && this.row.length === 0 && this.cell === '' && this.place !== 'quote'
        this.row.push(this.cell)
        this.cell = ''
        this.place = 'start'
        if (char !== '\n') continue
        if (!blank) yield this.row
        this.row = []
        this.line++
      } else if (this.place === 'quote') {
        if (char !== '\r') this.fail('characters behind the closing quotation mark of a cell')
      } else if (this.place === 'start') {
        this.place = 'plain'
        from = i
      }
    }
    if (this.place === 'plain' || this.place === 'quoted') keep(text.length)
  }

  *end(): Generator<string[]> {
    if (this.place === 'quoted') this.fail('a quotation mark is not closed')
    if (this.row.length === 0 && this.place === 'start') return
    this.row.push(this.cell.endsWith('\r') && this.place === 'plain' ? this.cell.slice(0, -1) : this.cell)
    yield this.row
  }

  private fail(reason: string): never {
    throw new LanewiseError('E_PARSE', `CSV, line ${this.line}: ${reason}`)
  }
}

/**
 * A table of numbers in memory: `features` [rows, columns] and, if one is named, `label` [rows].
 *
 * @returns the dataset and the names of its feature columns and classes.
 * @throws LanewiseError `E_PARSE` for rows of another length and cells that are no numbers, `E_VALUE` for a column that
 *   is not there.
 */
export async function readCsv(
  source: Parameters<typeof csvRows>[0],
  options: CsvFields = {},
): Promise<{ data: TensorDataset; features: readonly string[]; classes: readonly string[] | undefined }> {
  checkArguments('readCsv', { source, options }, 'string|iterable', {
    features: 'list',
    label: 'string',
    classes: 'list',
    delimiter: 'string',
    header: 'boolean',
  })

  const numbers: number[] = []
  const labels: string[] = []
  let columns: Columns | undefined
  for await (const { row, line, columns: known } of tableRows(source, options)) {
    columns = known
    for (const place of known.features) numbers.push(numberOf(row[place], line, known.names[place]))
    if (known.label !== undefined) labels.push(row[known.label])
  }
  if (!columns) throw new LanewiseError('E_PARSE', 'the CSV has no rows')
  const count = numbers.length / Math.max(1, columns.features.length) || labels.length
  const features = new Tensor('float32', Float32Array.from(numbers), [count, columns.features.length])
  const names = columns.features.map((place) => columns.names[place])
  if (columns.label === undefined) return { data: new TensorDataset({ features }), features: names, classes: undefined }
  const words = options.classes === undefined && labels.some((label) => !isNumber(label))
  const classes = words ? [...new Set(labels)].sort() : options.classes
  const label = columns.label
  const places = classes && placesOf(classes)
  const data = labels.map((text, i) => labelOf(text, places, i + 1, columns.names[label]))
  return {
    data: new TensorDataset({ features, label: new Tensor(classes ? 'int32' : 'float32', data, [count]) }),
    features: names,
    classes,
  }
}

/**
 * A table that is read again in every epoch and never held: examples `features` [columns] and `label` [].
 *
 * @param open - gives the text from its beginning, e.g. `() => readPieces(path)`.
 */
export function csvStream(open: () => Parameters<typeof csvRows>[0], options: CsvFields = {}): StreamDataset {
  checkArguments('csvStream', { open, options }, 'function', {
    features: 'list',
    label: 'string',
    classes: 'list',
    delimiter: 'string',
    header: 'boolean',
  })

  return {
    async *stream(): AsyncGenerator<Fields, void, void> {
      const classes = options.classes && placesOf(options.classes)
      for await (const { row, line, columns } of tableRows(open(), options)) {
        const features = new Tensor(
          'float32',
          Float32Array.from(columns.features, (place) => numberOf(row[place], line, columns.names[place])),
          [columns.features.length],
        )
        if (columns.label === undefined) yield { features }
        else
          yield {
            features,
            label: new Tensor(
              options.classes ? 'int32' : 'float32',
              [labelOf(row[columns.label], classes, line, columns.names[columns.label])],
              [],
            ),
          }
      }
    },
  }
}

interface Columns {
  readonly names: readonly string[]
  readonly features: readonly number[]
  readonly label: number | undefined
}

/** Rows of data with their number, from 1. */
async function* tableRows(
  source: Parameters<typeof csvRows>[0],
  options: CsvFields,
): AsyncGenerator<{ row: string[]; line: number; columns: Columns }, void, void> {
  let columns: Columns | undefined
  let line = 0
  for await (const row of csvRows(source, { delimiter: options.delimiter, header: options.header })) {
    if (!columns) {
      const header = options.header !== false
      columns = columnsOf(
        header
          ? row.map((name, i) => (i === 0 ? name.replace(/^\ufeff/, '') : name).trim())
          : row.map((_, i) => String(i)),
        options,
      )
      if (header) continue
    }
    line++
    if (row.length !== columns.names.length) {
      throw new LanewiseError(
        'E_PARSE',
        `CSV, row ${line}: it has ${row.length} cells, there are ${columns.names.length} columns`,
        { expected: String(columns.names.length), actual: String(row.length) },
      )
    }
    yield { row, line, columns }
  }
}

function columnsOf(names: readonly string[], { features, label }: CsvFields): Columns {
  const places = new Map(names.map((name, i) => [name, i]))
  const twice = places.size < names.length ? names.find((name, i) => places.get(name) !== i) : undefined
  if (twice !== undefined) throw new LanewiseError('E_PARSE', `two columns of the CSV are called "${twice}"`)
  const place = (name: string): number => {
    const found = places.get(name)
    if (found === undefined)
      throw new LanewiseError('E_VALUE', `the CSV has no column "${name}", only ${someOf(names)}`)
    return found
  }
  const chosen = features ?? names.filter((name) => name !== label)
  return { names, features: chosen.map(place), label: label === undefined ? undefined : place(label) }
}

/** A list as an error shows it. */
function someOf(names: readonly string[]): string {
  return names.length > 20 ? `${names.slice(0, 20).join(', ')} … (${names.length})` : names.join(', ')
}

/** Whether a text is a number that float32 holds: one beyond that would become infinite. */
function isNumber(text: string): boolean {
  return text.trim() !== '' && Number.isFinite(Math.fround(Number(text)))
}

function numberOf(text: string, row: number, column: string): number {
  if (!isNumber(text))
    throw new LanewiseError(
      'E_PARSE',
      `CSV, row ${row}, column "${column}": ${JSON.stringify(text.slice(0, 40))} is not a number`,
    )
  return Number(text)
}

function placesOf(classes: readonly string[]): ReadonlyMap<string, number> {
  return new Map(classes.map((name, i) => [name, i]))
}

function labelOf(text: string, classes: ReadonlyMap<string, number> | undefined, row: number, column: string): number {
  if (!classes) return numberOf(text, row, column)
  const place = classes.get(text)
  if (place === undefined)
    throw new LanewiseError(
      'E_PARSE',
      `CSV, row ${row}, column "${column}": ${JSON.stringify(text.slice(0, 40))} is none of the classes ${someOf([...classes.keys()])}`,
    )
  return place
}
