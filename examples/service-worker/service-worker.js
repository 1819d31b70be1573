import { InferenceSession, Tensor } from 'lanewise/inline'

let session
async function answer(request) {
  session ??= InferenceSession.create(await fetch('digits.onnx'))
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

self.addEventListener('install', () => self.skipWaiting())
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))
self.addEventListener('fetch', (event) => {
  if (new URL(event.request.url).pathname.endsWith('/digit')) event.respondWith(answer(event.request))
})
