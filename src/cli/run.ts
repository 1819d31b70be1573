import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isFloat } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import { numbersOf } from '../ops/shared/scalar-floats.js'
import { formatShape } from '../core/shape.js'
import { Tensor, toHost } from '../api/tensor.js'
import { numberFlag, onlyModel, textFlag, type Command } from './command.js'
import { audioFlags } from './files/audio.js'
import { imageFlags } from './files/image.js'
import { inputFlags, makeFeeds } from './inputs.js'
import { describeEngine, loadSession, sessionFlags } from './load.js'
import { writeNpy } from '../data/formats/npy.js'
import { makeFolder } from '../platform/node-files.js'
import { median, msText, tableLines } from '../core/table.js'

/** Elements of an output that are shown, and those that go into the JSON. */
const SHOWN = 8
const IN_JSON = 10_000

export const run: Command = {
  name: 'run',
  summary: 'runs a model and shows its outputs',
  usage: 'MODEL --input NAME=SOURCE … [options]',
  flags: {
    ...inputFlags,
    ...imageFlags,
    ...audioFlags,
    top: { type: 'string', value: 'K', help: 'show the K largest scores of each output' },
    labels: { type: 'string', value: 'FILE', help: 'names of the classes: one a line, or a JSON array' },
    output: { type: 'string', value: 'DIR', help: 'write every output to DIR as NAME.npy' },
    repeat: { type: 'string', value: 'N', help: 'run N times and report the times (default 1)' },
    ...sessionFlags,
  },

  async run(invocation) {
    const { flags, print, result } = invocation
    const model = onlyModel(invocation)
    const top = numberFlag(flags, 'top', { least: 1, whole: true })
    const repeat = numberFlag(flags, 'repeat', { least: 1, whole: true }) ?? 1
    const labels = await readLabels(textFlag(flags, 'labels'))
    const folder = textFlag(flags, 'output')
    const loading = performance.now()
    const session = await loadSession(model, flags)
    const loadMs = performance.now() - loading
    const feeds = await makeFeeds(session, flags)
    const times: number[] = []
    let outputs: Record<string, Tensor> = {}
    for (let i = 0; i < repeat; i++) {
      const start = performance.now()
      outputs = await session.run(feeds)
      times.push(performance.now() - start)
    }
    print(describeEngine(session))
    print(
      `loaded in ${msText(loadMs)}, first run ${msText(times[0])}${repeat > 1 ? `, median of the other ${repeat - 1} ${msText(median(times.slice(1)))}` : ''}`,
    )
    const described = []
    for (const [name, value] of Object.entries(outputs)) {
      const report = describe(name, value, top ?? (labels ? 5 : undefined), labels)
      described.push(report.json)
      print()
      report.lines.forEach(print)
    }
    if (folder !== undefined) await writeOutputs(folder, outputs, print)
    result({
      model,
      build: session.build,
      loadMs,
      firstMs: times[0],
      medianMs: median(times.length > 1 ? times.slice(1) : times),
      memory: session.memory,
      outputs: described,
    })
    await session.release()
  },
}

interface Score {
  readonly index: number
  readonly label?: string
  readonly score: number
  /** The score itself where the scores are a distribution, else their softmax over the last axis. */
  readonly probability?: number
}

function describe(
  name: string,
  value: unknown,
  top: number | undefined,
  labels: readonly string[] | undefined,
): { lines: string[]; json: object } {
  if (!(value instanceof Tensor)) {
    const text =
      value instanceof Map
        ? `a map of ${value.size} entries`
        : Array.isArray(value)
          ? `a sequence of ${value.length} values`
          : 'an empty optional'
    return { lines: [`${name}: ${text}`], json: { name, isTensor: false } }
  }
  const { type, dims, size } = value
  const lines = [`${name}: ${type}${formatShape(dims)}`]
  const json: Record<string, unknown> = { name, type, dims }
  if (type === 'string') {
    lines.push(
      `  ${(value.data as string[])
        .slice(0, SHOWN)
        .map((text) => JSON.stringify(text))
        .join(', ')}${size > SHOWN ? ', …' : ''}`,
    )
    return { lines, json: { ...json, data: (value.data as string[]).slice(0, IN_JSON) } }
  }
  if (type.startsWith('complex')) return { lines, json }
  const numbers = numbersOf(toHost(value, name))
  if (size > 0) {
    let min = Infinity
    let max = -Infinity
    let sum = 0
    for (let i = 0; i < size; i++) {
      min = Math.min(min, numbers[i])
      max = Math.max(max, numbers[i])
      sum += numbers[i]
    }
    Object.assign(json, { min, max, mean: sum / size })
    lines.push(`  min ${min.toPrecision(6)}, max ${max.toPrecision(6)}, mean ${(sum / size).toPrecision(6)}`)
  }
  if (top !== undefined && (dims.at(-1) ?? 0) > 1) {
    const scores = largest(numbers, dims[dims.length - 1], top, isFloat(type), labels)
    json.top = scores
    const columns = [
      { title: '  index', right: true },
      { title: 'score', right: true },
      { title: 'probability', right: true },
      { title: 'label' },
    ]
    lines.push(
      ...tableLines(
        columns,
        scores.map(({ index, score, probability, label }) => [
          String(index),
          score.toPrecision(6),
          probability?.toFixed(4) ?? '',
          label ?? '',
        ]),
      ),
    )
  } else {
    const head = Array.from({ length: Math.min(SHOWN, size) }, (_, i) => numbers[i])
    lines.push(
      `  ${head.map((x) => (isFloat(type) ? x.toPrecision(6) : String(x))).join(', ')}${size > SHOWN ? ', …' : ''}`,
    )
  }
  if (size <= IN_JSON) json.data = Array.from(numbers)
  return { lines, json }
}

/** The largest elements of the first row. */
function largest(
  numbers: ArrayLike<number>,
  length: number,
  count: number,
  float: boolean,
  labels: readonly string[] | undefined,
): Score[] {
  const row = Array.from({ length }, (_, i) => numbers[i])
  const max = Math.max(...row)
  const sum = row.reduce((a, b) => a + b, 0)
  const isDistribution = Math.abs(sum - 1) < 1e-3 && row.every((x) => x >= 0)
  const exponentials = row.reduce((total, x) => total + Math.exp(x - max), 0)
  return row
    .map((score, index): Score => {
      const softmax = Math.exp(score - max) / exponentials
      const probability = float ? (isDistribution ? score : softmax) : undefined
      return {
        index,
        ...(labels && { label: labels[index] }),
        score,
        ...(probability !== undefined && { probability }),
      }
    })
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, count)
}

export async function readLabels(path: string | undefined): Promise<string[] | undefined> {
  if (path === undefined) return undefined
  const text = await readFile(path, 'utf8')
  if (!text.trimStart().startsWith('[')) return text.replace(/\r?\n$/, '').split(/\r?\n/)
  try {
    return (JSON.parse(text) as unknown[]).map(String)
  } catch (cause) {
    throw new LanewiseError('E_VALUE', `the labels in ${path} are no JSON array: ${(cause as Error).message}`, {
      cause,
    })
  }
}

async function writeOutputs(
  folder: string,
  outputs: Readonly<Record<string, unknown>>,
  print: (line?: string) => void,
): Promise<void> {
  makeFolder(folder)
  print()
  for (const [name, value] of Object.entries(outputs)) {
    if (!(value instanceof Tensor)) continue
    const file = join(folder, `${name.replaceAll(/[^\w.-]+/g, '_')}.npy`)
    await writeFile(file, writeNpy(toHost(value, name)))
    print(`wrote ${file}`)
  }
}
