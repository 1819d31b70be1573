import { join } from 'node:path'
import { InferenceSession, Tensor } from 'lanewise'

let session

export async function POST(request) {
  session ??= InferenceSession.create(join(process.cwd(), '../digits.onnx'))
  const pixels = new Uint8Array(await request.arrayBuffer())
  const image = new Tensor(
    'float32',
    Float32Array.from(pixels, (grey) => grey / 255),
    [1, 1, 28, 28],
  )
  const { probabilities } = await (await session).run({ image })
  const digit = probabilities.data.indexOf(Math.max(...probabilities.data))
  return Response.json({ digit, probability: probabilities.data[digit] })
}
