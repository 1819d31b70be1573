// Small transformers with random weights as models/transformer-lm writes them for transformers.js.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ClassificationTransformer } from '../../models/transformer-lm/classification.js'
import { trainTokenizer } from '../../models/transformer-lm/corpus.js'
import { classifierFolder, languageModelFolder, type Files } from '../../models/transformer-lm/files.js'
import { grammarText } from '../../models/transformer-lm/grammar.js'
import { TransformerLM } from '../../models/transformer-lm/model.js'
import { Device } from '../../src/train.js'

function write(folder: string, files: Files): void {
  for (const [name, contents] of Object.entries(files)) {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, contents)
  }
}

/** Writes the models `language` and `reviews` into a folder. */
export async function writeLanguageModels(folder: string): Promise<void> {
  const tokenizer = await trainTokenizer(grammarText(50), 320)
  const device = await Device.create({ deterministic: true, seed: 7 })
  Device.current = device
  const lm = new TransformerLM({ vocabulary: tokenizer.size, dim: 32, heads: 4, layers: 2, maxLength: 64 })
  // Larger than weights begin, so that what comes next depends on what was before.
  for (const parameter of lm.parameters())
    if (parameter.shape.length > 1) parameter.assign((parameter.data() as Float32Array).map((value) => 4 * value))
  write(join(folder, 'language'), languageModelFolder(lm, { tokenizer }))
  const classifier = ClassificationTransformer.from(lm, { classes: 2, pooling: 'mean' })
  write(join(folder, 'reviews'), classifierFolder(classifier, { tokenizer }))
  device.dispose()
}
