// Which digit is it? A file of 28 × 28 grey bytes is the argument.
import { readFile } from 'node:fs/promises'
import { InferenceSession, Tensor } from 'lanewise'

const model = new URL('../digits.onnx', import.meta.url)
const pixels = await readFile(process.argv[2])
const session = await InferenceSession.create(model)
const image = new Tensor(
  'float32',
  Float32Array.from(pixels, (grey) => grey / 255),
  [1, 1, 28, 28],
)
const { probabilities } = await session.run({ image })
const digit = probabilities.data.indexOf(Math.max(...probabilities.data))
console.log(`${digit} (${Math.round(100 * probabilities.data[digit])} %)`)
await session.release()
