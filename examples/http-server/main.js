// curl --data-binary @../seven.bin localhost:3000/digit
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { InferenceSession, LanewiseError, Tensor } from 'lanewise'

// One session for all requests: its runs are queued.
const session = await InferenceSession.create(new URL('../digits.onnx', import.meta.url))
const app = new Hono()

app.post('/digit', async (c) => {
  const pixels = new Uint8Array(await c.req.arrayBuffer())
  const image = new Tensor(
    'float32',
    Float32Array.from(pixels, (grey) => grey / 255),
    [1, 1, 28, 28],
  )
  const { probabilities } = await session.run({ image }, { signal: c.req.raw.signal })
  const digit = probabilities.data.indexOf(Math.max(...probabilities.data))
  return c.json({ digit, probability: probabilities.data[digit] })
})
app.onError((error, c) =>
  // What does not fit the model is the caller's mistake.
  error instanceof LanewiseError ? c.json({ code: error.code, message: error.message }, 400) : c.json({}, 500),
)

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) })
