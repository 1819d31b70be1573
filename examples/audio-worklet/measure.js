// What a frame of 16 ms takes, denoiser and every other time voice activity: the worst of 10,000, and bytes of garbage.
import { readFileSync } from 'node:fs'
import { HOP, SpeechStream } from './stream.js'
import { exampleSound } from './sound.js'

const RATE = 16000
const FRAMES = 10_000
/** The engine has compiled what it will by then. */
const WARM = 20_000

const stream = new SpeechStream({ denoiser: readFileSync('denoiser.onnx'), voice: readFileSync('voice.onnx') })
const sound = exampleSound(RATE)
const [samples, out, speech] = [HOP, HOP, 1].map((length) => new Float32Array(length))
let at = 0
/** Numbers are kept in arrays: an object for each would be garbage. */
const times = new Float64Array(FRAMES)
const begin = new Float64Array(1)

function frames(count) {
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < HOP; j++) samples[j] = sound[at + j]
    at = (at + HOP) % (sound.length - HOP)
    stream.process(samples, out, speech)
  }
}

frames(WARM)
for (let i = 0; i < FRAMES; i++) {
  begin[0] = performance.now()
  frames(1)
  times[i] = performance.now() - begin[0]
}
// A collection makes a difference negative: the median of several is none's.
const grown = Array.from({ length: 9 }, () => {
  const before = process.memoryUsage().heapUsed
  frames(2000)
  return (process.memoryUsage().heapUsed - before) / 2000
}).sort((a, b) => a - b)
times.sort()
const frame = (1000 * HOP) / RATE
const [median, worst] = [times[FRAMES / 2], times[FRAMES - 1]]
console.log(
  `a frame of ${frame} ms takes ${median.toFixed(3)} ms (${((100 * median) / frame).toFixed(1)} %), the worst of ${FRAMES} ${worst.toFixed(2)} ms; ` +
    `${Math.max(0, Math.round(grown[4]))} bytes of garbage per frame`,
)
