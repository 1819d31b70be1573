// In the edge runtime nothing may be compiled: the kernels are imported as a module. The model comes with the request's
// own origin, or from a store.
import { InferenceSession, Tensor } from 'lanewise'
import wasmModule from 'lanewise/wasm/inference-simd.wasm?module'

export const runtime = 'edge'

let session

export async function POST(request) {
  session ??= InferenceSession.create(new URL('/digits.onnx', request.url), { wasmModule })
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
