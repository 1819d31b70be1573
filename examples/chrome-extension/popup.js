import { InferenceSession, Tensor } from 'lanewise'

const session = await InferenceSession.create('digits.onnx')
const pixels = new Uint8Array(await (await fetch('seven.bin')).arrayBuffer())
const image = new Tensor(
  'float32',
  Float32Array.from(pixels, (grey) => grey / 255),
  [1, 1, 28, 28],
)
const { probabilities } = await session.run({ image })
const digit = probabilities.data.indexOf(Math.max(...probabilities.data))
document.querySelector('output').textContent = `${digit} (${Math.round(100 * probabilities.data[digit])} %)`
