import { blocks } from '../data/strokes.js'
import { Random } from '../core/random.js'
import { formatShape } from '../core/shape.js'
import { Tensor } from '../api/tensor.js'
import { classesOf } from '../train/evaluate.js'
import { isCaptioner } from './captions/captioner.js'
import { captionFlags } from './captions/evaluate.js'
import { predictCaption } from './captions/predict.js'
import { classifierFlags, classify, countFlag, loadClassifier } from './classifier.js'
import { listFlag, numberFlag, UsageError, type Command } from './command.js'
import { describeEngine, namedModel } from './load.js'
import { predictNumber } from './numbers/predict.js'
import { isReader } from './numbers/load-reader.js'

/** Width of a picture in characters. */
const COLUMNS = 40
/** Elements of a fetched value that are shown. */
const SHOWN = 8

export const predict: Command = {
  name: 'predict',
  summary:
    'shows random test pictures with what a classifier makes of them, reads the number in a photograph, or says what is in it',
  usage: 'MODEL.onnx [PHOTOGRAPH] [options]',
  flags: {
    ...classifierFlags,
    ...captionFlags,
    temperature: {
      type: 'string',
      value: 'T',
      help: 'captioners: draw words instead of searching; below 1 the likely become likelier',
    },
    'top-k': { type: 'string', value: 'N', help: 'captioners: draw from so many of the likeliest words' },
    'top-p': {
      type: 'string',
      value: 'P',
      help: 'captioners: draw from the likeliest words that together have this probability',
    },
    box: {
      type: 'string',
      value: 'L,T,W,H',
      help: 'photographs: where the digits are, in pixels (default: they are looked for)',
    },
    html: { type: 'string', value: 'FILE', help: 'photographs: write the answer as a page' },
    count: { type: 'string', value: 'N', help: 'how many pictures (default 10)' },
    seed: { type: 'string', value: 'N', help: 'which pictures (default: others each time)' },
    fetch: {
      type: 'string',
      multiple: true,
      value: 'NAME',
      help: 'show this value of the graph as well; may be given several times',
    },
  },

  async run(invocation) {
    const { flags, print, result, positionals } = invocation
    const [name, photograph] = positionals
    if (photograph !== undefined) {
      const file = namedModel(name)
      if (positionals.length > 2) throw new UsageError('one photograph at a time')
      if (await isCaptioner(file)) return predictCaption(file, photograph, invocation)
      if (!(await isReader(file)))
        throw new UsageError(`${name} is neither a captioner nor a reader of numbers: a photograph is nothing to it`)
      return predictNumber(file, photograph, invocation)
    }
    const count = countFlag(invocation, 'count', 10)
    const fetch = listFlag(flags, 'fetch')
    const seed = numberFlag(flags, 'seed', { whole: true }) ?? Date.now()
    const classifier = await loadClassifier(invocation)
    const { session, classes, test, source, normalized } = classifier
    const random = new Random(seed)
    const indices = Array.from({ length: count }, () => random.integer(test.length))
    const { image, label, scores, values } = await classify(classifier, indices, fetch)
    const answers = classesOf(scores)
    const side = image.dims[3]
    print(`${describeEngine(session)}; ${source}, seed ${seed}`)
    const rows = indices.map((index, i) => {
      const numbers = [...(scores.data as Float32Array).subarray(i * classes.length, (i + 1) * classes.length)]
      const truth = classes[Number(label.data[i])]
      const prediction = classes[answers[i]]
      const text = [
        `picture ${index}`,
        `label       ${truth}`,
        `prediction  ${prediction}${prediction === truth ? '' : '   ← wrong'}`,
        '',
        ...numbers.map(
          (value, c) =>
            `${classes[c].padEnd(12)}${normalized ? `${bar(value)} ${value.toFixed(4)}` : value.toPrecision(4)}`,
        ),
      ]
      print()
      blocks((image.data as Float32Array).subarray(i * side * side, (i + 1) * side * side), side, COLUMNS).forEach(
        (line, row) => print(`${line}  ${text[row] ?? ''}`.trimEnd()),
      )
      return { index, label: truth, prediction, numbers }
    })
    const fetched = fetch.map((name) => describe(name, values[name]))
    for (const { text } of fetched) print(`\n${text}`)
    print(`\n${rows.filter((row) => row.label === row.prediction).length} of ${count} right`)
    result({ model: classifier.file, source, seed, classes, pictures: rows, fetched: fetched.map(({ json }) => json) })
    await session.release()
  },
}

function bar(share: number): string {
  return '█'.repeat(Math.round(share * 10)).padEnd(10, '·')
}

function describe(name: string, value: unknown): { text: string; json: object } {
  if (!(value instanceof Tensor)) return { text: `${name}: no tensor`, json: { name } }
  const first = Array.from(value.data as ArrayLike<number>).slice(0, SHOWN)
  return {
    text: `${name}: ${value.type}${formatShape(value.dims)}\n  ${first.map((number) => (typeof number === 'number' ? Number(number.toPrecision(5)) : String(number))).join(', ')}${value.size > SHOWN ? ', …' : ''}`,
    json: { name, type: value.type, dims: value.dims, first: first.map(Number) },
  }
}
