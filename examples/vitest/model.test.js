import { readFile } from 'node:fs/promises'
import { InferenceSession, Tensor } from 'lanewise'
import { afterAll, beforeAll, expect, test } from 'vitest'

let session
beforeAll(async () => {
  // The same bits on every machine: exact comparisons hold.
  session = await InferenceSession.create(new URL('../digits.onnx', import.meta.url), { deterministic: true })
})
afterAll(() => session.release())

test('a seven is a seven', async () => {
  const pixels = await readFile(new URL('../seven.bin', import.meta.url))
  const image = new Tensor(
    'float32',
    Float32Array.from(pixels, (grey) => grey / 255),
    [1, 1, 28, 28],
  )
  const { probabilities } = await session.run({ image })
  expect(probabilities.data.indexOf(Math.max(...probabilities.data))).toBe(7)
})

test('what does not fit is refused', async () => {
  const image = new Tensor('float32', new Float32Array(4), [1, 1, 2, 2])
  await expect(session.run({ image })).rejects.toMatchObject({ code: 'E_TENSOR' })
})
