// One file for AWS Lambda: the kernels come with lanewise/inline, the model by esbuild's loader for binary files.
import { InferenceSession, Tensor } from 'lanewise/inline'
import model from '../digits.onnx'

// Outside of the handler: made once, used by every request that this instance answers.
const session = InferenceSession.create(model)

export async function handler({ body, isBase64Encoded }) {
  const pixels = Buffer.from(body, isBase64Encoded ? 'base64' : 'latin1')
  const image = new Tensor(
    'float32',
    Float32Array.from(pixels, (grey) => grey / 255),
    [1, 1, 28, 28],
  )
  const { probabilities } = await (await session).run({ image })
  const digit = probabilities.data.indexOf(Math.max(...probabilities.data))
  return { statusCode: 200, body: JSON.stringify({ digit, probability: probabilities.data[digit] }) }
}
