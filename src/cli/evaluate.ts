import { tableLines } from '../core/table.js'
import { classesOf } from '../train/evaluate.js'
import { captionFlags, evaluateCaptioner } from './captions/evaluate.js'
import { isCaptioner } from './captions/captioner.js'
import { classifierFlags, classify, loadClassifier } from './classifier.js'
import { numberFlag, onlyModel, textFlag, UsageError, type Command, type Invocation } from './command.js'
import { describeEngine, loadSession, namedModel } from './load.js'
import { evaluateFolder, reportLines } from './numbers/evaluate.js'
import { isReader, loadReader } from './numbers/load-reader.js'
import { evaluationOf, recipeBeside } from './recipes.js'

const BATCH = 500

export const evaluate: Command = {
  name: 'evaluate',
  summary:
    'measures a classifier of pictures on the test part of its set, a reader of numbers or a captioner on a folder, other models as their recipe says',
  usage: 'MODEL [options]',
  flags: {
    ...classifierFlags,
    ...captionFlags,
    predictions: {
      type: 'string',
      value: 'FILE',
      help: 'captioners: write what was said of each picture, as lines of JSON',
    },
    data: {
      type: 'string',
      value: 'FOLDER|FILE|URL',
      help: 'what to measure on (pictures: where the IDX files are, default data/NAME; MNIST that is not there is drawn)',
    },
    rows: { type: 'string', value: 'A-B', help: 'readers of numbers: only these rows of the list of labels, from 1' },
    count: {
      type: 'string',
      value: 'N',
      help: 'models with a recipe: how many examples (default: what the recipe says)',
    },
  },

  async run(invocation) {
    const { print, result, flags } = invocation
    const count = numberFlag(flags, 'count', { least: 1, whole: true })
    const together = await evaluationOf(onlyModel(invocation))
    if (together) {
      const { lines, figures } = await together({ count, data: textFlag(flags, 'data') })
      for (const line of lines) print(line)
      result({ model: onlyModel(invocation), ...figures })
      return
    }
    const file = namedModel(onlyModel(invocation))
    if (await isCaptioner(file)) return evaluateCaptioner(file, invocation)
    const reader = await isReader(file)
    const folder = textFlag(flags, 'data')
    if (reader && folder !== undefined) return evaluateReader(file, folder, invocation)
    const recipe = await recipeBeside(file)
    if (recipe?.evaluate) {
      const session = await loadSession(file, flags)
      const { lines, figures } = await recipe.evaluate(session, { count, data: folder, file })
      print(`${describeEngine(session)}; ${recipe.title}`)
      for (const line of lines) print(line)
      result({ model: file, ...figures })
      await session.release()
      return
    }
    if (reader) throw new UsageError('--data is missing: a folder of pictures with a labels.csv')
    const classifier = await loadClassifier(invocation)
    const { session, classes, test, source } = classifier
    const confusion = classes.map(() => classes.map(() => 0))
    const began = performance.now()
    for (let start = 0; start < test.length; start += BATCH) {
      const indices = Array.from({ length: Math.min(BATCH, test.length - start) }, (_, i) => start + i)
      const { label, scores } = await classify(classifier, indices)
      classesOf(scores).forEach((prediction, i) => confusion[Number(label.data[i])][prediction]++)
    }
    const seconds = (performance.now() - began) / 1000
    const right = confusion.reduce((sum, row, i) => sum + row[i], 0)
    const accuracy = right / test.length
    print(describeEngine(session))
    print(
      `${source}: ${(100 * accuracy).toFixed(2)} % right: ${right} of ${test.length} test pictures, ${seconds.toFixed(1)} s`,
    )
    print()
    const columns = [{ title: 'is \\ taken for' }, ...classes.map((title) => ({ title, right: true }))]
    for (const line of tableLines(
      columns,
      confusion.map((row, i) => [classes[i], ...row.map((count) => (count ? String(count) : '·'))]),
    ))
      print(line)
    result({ model: classifier.file, source, accuracy, right, examples: test.length, confusion, seconds })
    await session.release()
  },
}

async function evaluateReader(file: string, folder: string, { flags, print, result }: Invocation): Promise<void> {
  const reader = await loadReader(file, flags)
  const given = textFlag(flags, 'rows')
  const [, first, last] = /^(\d+)-(\d+)$/.exec(given ?? '') ?? []
  if (given !== undefined && first === undefined) throw new UsageError(`--rows is A-B, such as 129-256, got "${given}"`)
  const report = await evaluateFolder(reader, folder, given === undefined ? undefined : [Number(first), Number(last)])
  print(`${describeEngine(reader.session)}; ${reader.title}`)
  for (const line of reportLines(report)) print(line)
  result({ model: file, ...report })
  await reader.session.release()
}
