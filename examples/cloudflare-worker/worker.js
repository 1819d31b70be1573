// Workers may not compile WebAssembly: the kernels are imported as a module.
import { InferenceSession, Tensor } from 'lanewise'
import simd from 'lanewise/wasm/inference-simd.wasm'
import relaxed from 'lanewise/wasm/inference-relaxed.wasm'
import model from '../digits.onnx'

const session = InferenceSession.create(model, { wasmModule: { simd, relaxed } })

export default {
  async fetch(request) {
    const pixels = new Uint8Array(await request.arrayBuffer())
    const image = new Tensor(
      'float32',
      Float32Array.from(pixels, (grey) => grey / 255),
      [1, 1, 28, 28],
    )
    const { probabilities } = await (await session).run({ image })
    const digit = probabilities.data.indexOf(Math.max(...probabilities.data))
    return Response.json({ digit, probability: probabilities.data[digit] })
  },
}
