// The page stays free while the model runs.
import { InferenceSession, Tensor } from 'lanewise'
import model from '../digits.onnx?url'

const session = InferenceSession.create(new URL(model, import.meta.url))

onmessage = async ({ data }) => {
  const image = new Tensor(
    'float32',
    Float32Array.from(new Uint8Array(data), (grey) => grey / 255),
    [1, 1, 28, 28],
  )
  const { probabilities } = await (await session).run({ image })
  const digit = probabilities.data.indexOf(Math.max(...probabilities.data))
  postMessage({ digit, probability: probabilities.data[digit] })
}
