import { parseArgs, type ParseArgsConfig } from 'node:util'

export type Flags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

/** What a command is given: its positional arguments and flags, and where it writes. */
export interface Invocation {
  readonly positionals: readonly string[]
  readonly flags: Flags
  /** Writes a line of the answer for people; nothing with --json. What would steer a terminal is written out. */
  print(line?: string): void
  /** As `print`, without an end of the line: for what is made piece by piece. */
  write(text: string): void
  /** As `print`, behind a row of a picture, which is written with its colours. */
  draw(row: string, line?: string): void
  /** The answer for programs; printed with --json. */
  result(value: unknown): void
}

export interface Command {
  readonly name: string
  /** One line. */
  readonly summary: string
  /** What stands after the command's name, e.g. "MODEL [options]". */
  readonly usage: string
  /** Flags with their description; every one is listed by --help. */
  readonly flags: Readonly<Record<string, Flag>>
  /** Flags that depend on the arguments. */
  moreFlags?(args: readonly string[]): Promise<Readonly<Record<string, Flag>>>
  run(invocation: Invocation): Promise<void>
}

export interface Flag {
  readonly type: 'string' | 'boolean'
  /** May be given several times. */
  readonly multiple?: boolean
  /** One letter that says the same. */
  readonly short?: string
  /** How the value is shown in the help, e.g. "FILE". */
  readonly value?: string
  readonly help: string
}

/** The command line is wrong: exit code 2. */
export class UsageError extends Error {}

/** Flags of every command. */
const commonFlags: Readonly<Record<string, Flag>> = {
  json: { type: 'boolean', help: 'print one JSON object' },
  help: { type: 'boolean', help: 'print this help' },
}

/** @throws UsageError in one sentence. */
export function parseFlags(args: readonly string[], flags: Command['flags']): { flags: Flags; positionals: string[] } {
  const options: NonNullable<ParseArgsConfig['options']> = {}
  for (const [name, { type, multiple, short }] of Object.entries({ ...flags, ...commonFlags }))
    options[name] = { type, multiple: multiple ?? false, ...(short !== undefined && { short }) }
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
    return { flags: values as Flags, positionals }
  } catch (error) {
    // Node explains at length; the first sentence says what is wrong.
    throw new UsageError((error as Error).message.split(/\. |\n/)[0].replace(/\.$/, ''))
  }
}

export function helpOf(command: Command): string {
  const rows = Object.entries({ ...command.flags, ...commonFlags }).map(([name, { value, short, help }]) => [
    `${short === undefined ? '' : `-${short}, `}--${name}${value ? ` ${value}` : ''}`,
    help,
  ])
  const width = Math.max(...rows.map(([left]) => left.length))
  return [
    `lanewise ${command.name} ${command.usage}`,
    '',
    command.summary,
    '',
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
  ].join('\n')
}

/** The only positional argument. */
export function onlyModel({ positionals }: Invocation): string {
  if (positionals.length === 0) throw new UsageError('the model is missing')
  if (positionals.length > 1)
    throw new UsageError(`one model at a time, got ${positionals.map((p) => `"${p}"`).join(' and ')}`)
  return positionals[0]
}

export function textFlag(flags: Flags, name: string): string | undefined {
  const value = flags[name]
  return typeof value === 'string' ? value : undefined
}

export function listFlag(flags: Flags, name: string): readonly string[] {
  const value = flags[name]
  return Array.isArray(value) ? (value as readonly string[]) : []
}

/** @throws UsageError for anything but a finite number within the bounds. */
export function numberFlag(
  flags: Flags,
  name: string,
  { least = -Infinity, above = -Infinity, most = Infinity, whole = false } = {},
): number | undefined {
  const text = textFlag(flags, name)
  if (text === undefined) return undefined
  const value = text.trim() === '' ? NaN : Number(text)
  if (
    !Number.isFinite(value) ||
    value < least ||
    value <= above ||
    value > most ||
    (whole && !Number.isInteger(value))
  ) {
    const bounds = [
      ...(least > -Infinity ? [`of at least ${least}`] : []),
      ...(above > -Infinity ? [`above ${above}`] : []),
      ...(most < Infinity ? [`of at most ${most}`] : []),
    ]
    const kind = `${whole ? 'a whole number' : 'a number'}${bounds.length > 0 ? ` ${bounds.join(' and ')}` : ''}`
    throw new UsageError(`--${name} must be ${kind}, got "${text}"`)
  }
  return value
}

/** Numbers separated by commas. */
export function numbersFlag(flags: Flags, name: string): number[] | undefined {
  const text = textFlag(flags, name)
  if (text === undefined) return undefined
  const values = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)))
  if (!values.every(Number.isFinite))
    throw new UsageError(`--${name} must be numbers separated by commas, got "${text}"`)
  return values
}

/** @throws UsageError if the value is none of the choices. */
export function choiceFlag<T extends string>(flags: Flags, name: string, choices: readonly T[]): T | undefined {
  const text = textFlag(flags, name)
  if (text !== undefined && !choices.includes(text as T))
    throw new UsageError(`--${name} must be ${choices.join(' or ')}, got "${text}"`)
  return text as T | undefined
}
