// A story, or the model as ONNX: npx tsx models/stories/tell.ts CHECKPOINT TOKENIZER [MODEL.onnx]
import { readFileSync, writeFileSync } from 'node:fs'
import { exportModel } from '../../src/node.js'
import { readCheckpoint } from './checkpoint.js'
import { Storyteller } from './generate.js'
import { storiesGraph } from './model.js'
import { BEGIN, decode, readPieces } from './tokenizer.js'

const [checkpoint, tokenizer, target] = process.argv.slice(2)
if (!checkpoint || !tokenizer) throw new Error('usage: tell.ts CHECKPOINT TOKENIZER [MODEL.onnx]')
const file = readFileSync(checkpoint)
if (target)
  writeFileSync(
    target,
    exportModel(storiesGraph(readCheckpoint(file)), { metadata: { source: 'llama2.c checkpoint' } }),
  )
const teller = await Storyteller.create(file)
console.log(
  decode(readPieces(readFileSync(tokenizer)), await teller.greedy([BEGIN], Math.min(200, teller.config.length))).trim(),
)
await teller.release()
