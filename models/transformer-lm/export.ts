// The committed models as folders that transformers.js runs: npx tsx models/transformer-lm/export.ts [--to FOLDER]
// [--format int8|float16|float32] Then pipeline('text-generation', 'language') and pipeline('text-classification',
// 'reviews'), with env.localModelPath = FOLDER.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadGraph } from '../../src/node.js'
import { Device, type WeightFormat } from '../../src/train.js'
import {
  CLASSIFIER,
  classifierFolder,
  LANGUAGE_MODEL,
  languageModelFolder,
  loadClassifier,
  loadLanguageModel,
  readTokenizer,
  TOKENIZER,
  trainedLength,
  type Files,
} from './files.js'

const { values } = parseArgs({
  options: {
    to: { type: 'string', default: 'runs/transformer-lm/transformers.js' },
    format: { type: 'string', default: 'int8' },
  },
})

function write(name: string, files: Files): void {
  for (const [file, contents] of Object.entries(files)) {
    const path = join(values.to, name, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, contents)
    console.log(path)
  }
}

/** How the folder of a model is written: as its file was, but for the format of the weights. */
async function optionsOf(file: string) {
  const { metadata } = await loadGraph(file)
  return { tokenizer, format: values.format as WeightFormat, metadata: { length: String(trainedLength(metadata)) } }
}

const tokenizer = readTokenizer(TOKENIZER)
Device.current = await Device.create({ seed: 1 })
write(
  'language',
  languageModelFolder(await loadLanguageModel(LANGUAGE_MODEL, tokenizer), await optionsOf(LANGUAGE_MODEL)),
)
write('reviews', classifierFolder(await loadClassifier(CLASSIFIER, tokenizer), await optionsOf(CLASSIFIER)))
Device.current.dispose()
