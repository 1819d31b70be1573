import { writeFileSync } from 'node:fs'
import { InferenceSession } from '../../api/session.js'
import { bytesText, msText, tableLines } from '../../core/table.js'
import {
  quantizationPage,
  quantize as quantizeModel,
  type QuantizeOptions,
  type QuantizeReport,
} from '../../quantize/index.js'
import {
  choiceFlag,
  listFlag,
  numberFlag,
  onlyModel,
  textFlag,
  UsageError,
  type Command,
  type Flags,
} from '../command.js'
import { imageFlags, imageOptions } from '../files/image.js'
import { accuracyOf, labelledExamples, type Labelled } from './labelled.js'
import { namedModel } from '../load.js'
import { readLabels } from '../run.js'

/** How long the speed is measured for a report. */
const SPEED_MS = 3000
/** Nodes that are shown; the report has all. */
const SHOWN = 12

export const quantize: Command = {
  name: 'quantize',
  summary: 'makes a model of int8, int4 or float16, and says what it costs',
  usage: 'MODEL --output FILE (--int8 static|dynamic|weights | --int4 | --float16) [--calibrate DATA] [options]',
  flags: {
    output: { type: 'string', short: 'o', value: 'FILE', help: 'the file to write (needed)' },
    int8: { type: 'string', value: 'HOW', help: 'static (QDQ, needs --calibrate), dynamic or weights' },
    int4: { type: 'boolean', help: 'weights of products in 4 bits (MatMulNBits)' },
    float16: { type: 'boolean', help: 'weights in float16' },
    calibrate: {
      type: 'string',
      value: 'DATA',
      help: 'examples: a folder of pictures, or a .npy, .npz, .jsonl or .csv file',
    },
    samples: { type: 'string', value: 'N', help: 'the most examples that are used (default 128)' },
    method: { type: 'string', value: 'HOW', help: 'ranges by minmax (default), percentile, entropy or mse' },
    percentile: { type: 'string', value: 'P', help: 'values within the range, in per cent (default 99.99)' },
    activations: { type: 'string', value: 'TYPE', help: 'uint8 (default) or int8' },
    'per-tensor': { type: 'boolean', help: 'one scale for all weights of a node, instead of one for each channel' },
    'reduce-range': { type: 'boolean', help: 'weights of 7 bits' },
    'no-bias-correction': { type: 'boolean', help: 'leave biases as they are' },
    equalize: { type: 'boolean', help: 'balance weights between convolutions first' },
    block: { type: 'string', value: 'N', help: 'int4: weights that share a scale, 16 to 256 (default 32)' },
    'zero-points': { type: 'boolean', help: 'int4: a zero point for each block' },
    'accuracy-level': { type: 'string', value: 'N', help: 'int4: 4 lets runtimes compute with int8 activations' },
    gptq: { type: 'boolean', help: 'int4: rounds by what weights do to the examples' },
    keep: {
      type: 'string',
      multiple: true,
      value: 'N|NAMES',
      help: 'nodes that stay in float32: the N most sensitive, or their names',
    },
    'max-loss': {
      type: 'string',
      value: 'X',
      help: 'keep nodes until no more than this is lost: of the accuracy, if there are labels, else of the outputs; 0.005 or 0.5%',
    },
    evaluate: {
      type: 'string',
      value: 'DATA',
      help: 'labelled examples for the accuracy (default: those of --calibrate)',
    },
    labels: { type: 'string', value: 'FILE', help: 'names of the classes: one a line, or a JSON array' },
    report: { type: 'string', value: 'FILE', help: 'a page with plots; measures the speed as well' },
    opset: { type: 'string', value: 'N', help: 'the operator set to write' },
    ...imageFlags,
  },

  async run(invocation) {
    const { flags, print, result } = invocation
    const model = namedModel(onlyModel(invocation))
    const output = textFlag(flags, 'output')
    if (output === undefined) throw new UsageError('--output is missing')
    const page = textFlag(flags, 'report')
    const data = await examplesFor(model, flags)
    const { calibration, labelled } = data
    const options: QuantizeOptions = {
      ...formatOf(flags),
      calibrate: calibration?.map(({ feeds }) => feeds),
      samples: numberFlag(flags, 'samples', { least: 1, whole: true }),
      method: choiceFlag(flags, 'method', ['minmax', 'percentile', 'entropy', 'mse']),
      percentile: numberFlag(flags, 'percentile', { above: 50, most: 100 }),
      activations: choiceFlag(flags, 'activations', ['uint8', 'int8']),
      perChannel: flags['per-tensor'] !== true,
      reduceRange: flags['reduce-range'] === true,
      biasCorrection: flags['no-bias-correction'] !== true,
      equalize: flags.equalize === true,
      blockSize: numberFlag(flags, 'block', { least: 16, most: 256, whole: true }),
      zeroPoints: flags['zero-points'] === true,
      accuracyLevel: numberFlag(flags, 'accuracy-level', { least: 0, most: 4, whole: true }),
      rounding: flags.gptq === true ? 'gptq' : 'nearest',
      keep: keptBy(listFlag(flags, 'keep')),
      maxLoss: shareFlag(flags, 'max-loss'),
      evaluate: labelled && ((session) => accuracyOf(session, labelled)),
      speed: calibration && page !== undefined ? SPEED_MS : 0,
      opset: numberFlag(flags, 'opset', { whole: true }),
    }
    const { bytes, report } = await quantizeModel(model, options)
    writeFileSync(output, bytes)
    if (page !== undefined) writeFileSync(page, quantizationPage(report, `${model}, ${report.format}`))
    summaryOf(report, output).forEach(print)
    if (page !== undefined) print(`report: ${page}`)
    result({ output, ...report })
  },
}

/** What is written, by the flags. */
function formatOf(flags: Flags): QuantizeOptions {
  const int8 = choiceFlag(flags, 'int8', ['static', 'dynamic', 'weights'])
  const given = [int8 !== undefined, flags.int4 === true, flags.float16 === true].filter(Boolean).length
  if (given !== 1) throw new UsageError('say one of --int8 static|dynamic|weights, --int4 and --float16')
  if (int8 === 'static' && textFlag(flags, 'calibrate') === undefined)
    throw new UsageError('--int8 static needs examples: --calibrate DATA')
  if (flags.gptq === true && textFlag(flags, 'calibrate') === undefined)
    throw new UsageError('--gptq needs examples: --calibrate DATA')
  return { int8, int4: flags.int4 === true, float16: flags.float16 === true }
}

async function examplesFor(
  model: string,
  flags: Flags,
): Promise<{ calibration?: readonly Labelled[]; labelled?: readonly Labelled[] }> {
  const [calibrate, evaluate] = [textFlag(flags, 'calibrate'), textFlag(flags, 'evaluate')]
  if (calibrate === undefined && evaluate === undefined) return {}
  const session = await InferenceSession.create(model)
  try {
    const options = { picture: imageOptions(flags), classes: await readLabels(textFlag(flags, 'labels')) }
    const most = numberFlag(flags, 'samples', { least: 1, whole: true }) ?? 128
    const calibration =
      calibrate === undefined ? undefined : await labelledExamples(calibrate, session, { ...options, most })
    const tested = evaluate === undefined ? calibration : await labelledExamples(evaluate, session, options)
    const labelled = tested?.every(({ label }) => label !== undefined) ? tested : undefined
    if (evaluate !== undefined && !labelled) throw new UsageError(`--evaluate ${evaluate} has no labels`)
    return { calibration, labelled }
  } finally {
    await session.release()
  }
}

function keptBy(given: readonly string[]): number | string[] | undefined {
  if (given.length === 0) return undefined
  const [first] = given
  if (given.length === 1 && /^\d+$/.test(first)) return Number(first)
  return given.flatMap((list) => list.split(',')).filter((name) => name !== '')
}

/** A share, also in per cent. */
function shareFlag(flags: Flags, name: string): number | undefined {
  const text = textFlag(flags, name)
  if (text === undefined) return undefined
  const inPercent = text.trim().endsWith('%')
  const number = numberFlag({ [name]: inPercent ? text.trim().slice(0, -1) : text }, name, { least: 0 })
  return number === undefined ? undefined : inPercent ? number / 100 : number
}

function summaryOf(report: QuantizeReport, output: string): string[] {
  const { format, floatBytes, bytes, quantized, kept, others, outputs, score, speed, examples } = report
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`
  const lines = [
    `${output}: ${format}, ${bytesText(bytes)} (float32: ${bytesText(floatBytes)}), ${quantized.length} nodes quantised`,
  ]
  if (score)
    lines.push(
      `accuracy ${percent(score.quantized)}, in float32 ${percent(score.float)}: ${(100 * (score.quantized - score.float)).toFixed(2)} points`,
    )
  if (speed)
    lines.push(
      `${msText(speed.quantizedMs)} a run, in float32 ${msText(speed.floatMs)}: ${speed.ratio.toFixed(2)} times as fast`,
    )
  if (outputs.length > 0)
    lines.push(
      '',
      ...tableLines(
        [{ title: 'output' }, { title: 'relative difference', right: true }, { title: 'largest', right: true }],
        outputs.map(({ name, relative, largest }) => [name, percent(relative), largest.toExponential(2)]),
      ),
      `over ${examples} examples`,
    )
  if (kept.length > 0)
    lines.push(
      '',
      ...tableLines(
        [{ title: 'kept in float32', most: 40 }, { title: 'operator' }, { title: 'why' }],
        kept.slice(0, SHOWN).map(({ node, op, reason }) => [node, op, reason]),
      ),
      ...(kept.length > SHOWN ? [`… and ${kept.length - SHOWN} more (--json and --report have all)`] : []),
    )
  const rest = Object.entries(others).map(([op, count]) => `${op} × ${count}`)
  if (rest.length > 0) lines.push('', `other operators in float32: ${rest.join(', ')}`)
  return lines
}
