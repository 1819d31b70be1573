import { tableLines } from '../core/table.js'
import { classesOf } from '../train/evaluate.js'
import { classifierFlags, classify, loadClassifier } from './classifier.js'
import type { Command } from './command.js'
import { describeEngine } from './load.js'

const BATCH = 500

export const evaluate: Command = {
  name: 'evaluate',
  summary: 'measures a classifier of pictures on the test part of its set',
  usage: 'MODEL.onnx [options]',
  flags: classifierFlags,

  async run(invocation) {
    const { print, result } = invocation
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
