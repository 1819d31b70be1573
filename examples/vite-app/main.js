import { InferenceSession, Tensor } from 'lanewise'
import model from '../digits.onnx?url'
import example from '../seven.bin?url'

const output = document.querySelector('output')
const session = await InferenceSession.create(model, {
  onProgress: ({ loaded, total }) => (output.textContent = `${loaded} of ${total} bytes`),
})

async function show(image) {
  const { probabilities } = await session.run({ image })
  const digit = probabilities.data.indexOf(Math.max(...probabilities.data))
  output.textContent = `${digit} (${Math.round(100 * probabilities.data[digit])} %)`
}

document.querySelector('input').addEventListener('change', async ({ target }) => {
  const picture = await createImageBitmap(target.files[0], { resizeWidth: 28, resizeHeight: 28 })
  // Red, green and blue, each in [0, 1]: their mean is the grey.
  const { data } = await Tensor.fromImage(picture)
  const grey = Float32Array.from({ length: 784 }, (_, i) => (data[i] + data[784 + i] + data[1568 + i]) / 3)
  await show(new Tensor('float32', grey, [1, 1, 28, 28]))
})

const pixels = new Uint8Array(await (await fetch(example)).arrayBuffer())
await show(
  new Tensor(
    'float32',
    Float32Array.from(pixels, (grey) => grey / 255),
    [1, 1, 28, 28],
  ),
)
