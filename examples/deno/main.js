// curl --data-binary @../seven.bin localhost:3000
import { InferenceSession, Tensor } from 'lanewise'

const session = await InferenceSession.create(new URL('../digits.onnx', import.meta.url))

async function answer(request) {
  const pixels = new Uint8Array(await request.arrayBuffer())
  const image = new Tensor(
    'float32',
    Float32Array.from(pixels, (grey) => grey / 255),
    [1, 1, 28, 28],
  )
  const { probabilities } = await session.run({ image })
  const digit = probabilities.data.indexOf(Math.max(...probabilities.data))
  return Response.json({ digit, probability: probabilities.data[digit] })
}

Deno.serve({ port: Number(Deno.env.get('PORT') ?? 3000) }, answer)
