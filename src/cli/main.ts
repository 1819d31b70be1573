import { VERSION } from '../core/env.js'
import { LanewiseError } from '../core/errors.js'
// Registers every operator.
import '../node.js'
import { reasonOf } from '../platform/node-files.js'
import { bench } from './bench.js'
import { escapedJson, visible } from './visible.js'
import { helpOf, parseFlags, UsageError, type Command } from './command.js'
import { compare } from './compare.js'
import { data } from './data.js'
import { convert, extract, rename } from './edit.js'
import { embed } from './generate/embed.js'
import { evaluate } from './evaluate.js'
import { generate } from './generate/generate.js'
import { inspect } from './inspect.js'
import { predict } from './predict.js'
import { prepare } from './prepare/prepare.js'
import { warmCache } from './prepare/warm-cache.js'
import { profile } from './profile.js'
import { quantize } from './quantize/quantize.js'
import { run } from './run.js'
import { score, work } from './score.js'
import { serve } from './serve.js'
import { train } from './train.js'
import { transcribe } from './generate/transcribe.js'

const commands: readonly Command[] = [
  run,
  inspect,
  compare,
  bench,
  profile,
  convert,
  extract,
  rename,
  quantize,
  prepare,
  warmCache,
  data,
  train,
  evaluate,
  predict,
  generate,
  embed,
  transcribe,
  serve,
  score,
  work,
]

function overview(): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  return [
    'lanewise COMMAND … [options]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    '"lanewise COMMAND --help" lists the options of a command.',
  ].join('\n')
}

async function main(args: readonly string[]): Promise<void> {
  const [name, ...rest] = args
  if (name === '--help' || name === '-h' || name === 'help') return console.log(overview())
  if (name === '--version' || name === '-v') return console.log(VERSION)
  const command = commands.find((candidate) => candidate.name === name)
  const json = rest.includes('--json')
  try {
    if (name === undefined) throw new UsageError(`a command is missing: ${commands.map((c) => c.name).join(', ')}`)
    if (!command) throw new UsageError(`"${name}" is not a command: ${commands.map((c) => c.name).join(', ')}`)
    const known = { ...(await command.moreFlags?.(rest)), ...command.flags }
    if (rest.includes('--help')) return console.log(helpOf({ ...command, flags: known }))
    const { flags, positionals } = parseFlags(rest, known)
    await command.run({
      positionals,
      flags,
      print: (line = '') => void (json || console.log(visible(line))),
      write: (text) => void (json || process.stdout.write(text.split('\n').map(visible).join('\n'))),
      draw: (row, line) => void (json || console.log(line === undefined ? row : `${row}  ${visible(line)}`)),
      result: (value) => void (json && console.log(escapedJson(JSON.stringify(value, jsonValue, 2)))),
    })
  } catch (error) {
    report(error, command, json)
  }
}

/** One line, whatever went wrong; the exit code tells a wrong command line (2) from a failure (1). */
function report(error: unknown, command: Command | undefined, json: boolean): void {
  const usage = error instanceof UsageError
  process.exitCode = usage ? 2 : 1
  const { path } = (error ?? {}) as { readonly path?: unknown }
  // What Node says of a file begins with its code and ends with the call.
  const of = typeof path === 'string' && !(error instanceof LanewiseError) ? `${JSON.stringify(path)}: ` : ''
  const message = visible(`${of}${reasonOf(error)}`.replace(/\s*\n\s*/g, ' '))
  const code = usage ? 'E_USAGE' : codeOf(error)
  const help = `lanewise ${command ? `${command.name} ` : ''}--help`
  console.error(usage ? `usage error: ${message} (see ${help})` : `error ${code}: ${message}`)
  if (json) console.log(JSON.stringify({ error: { code, message } }))
  if (process.env.LANEWISE_DEBUG && error instanceof Error) console.error(error.stack)
}

function codeOf(error: unknown): string {
  if (error instanceof LanewiseError) return error.code
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : 'E_STATE'
}

/** JSON has neither bigints nor infinities. */
function jsonValue(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}

// A reader that has seen enough ("| head") is no failure, and what goes into files is written to its end.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

await main(process.argv.slice(2))
