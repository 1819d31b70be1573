import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { InferenceSession } from '../../src/node.js'
import { smallModel } from '../support/small-model.js'

// Node has no Cache API: the part of it that is used, over a map.
const entries = new Map<string, { body: Uint8Array; headers: Headers }>()
const caches = {
  open: async (name: string) => ({
    match: async (url: string) => {
      const found = entries.get(`${name} ${url}`)
      return found && new Response(found.body as Uint8Array<ArrayBuffer>, { headers: found.headers })
    },
    put: async (url: string, response: Response) => {
      const body = new Uint8Array(await response.arrayBuffer())
      entries.set(`${name} ${url}`, { body, headers: response.headers })
    },
  }),
}

let server: Server
let url: string
let headers: Record<string, string>
const requested: string[] = []

beforeAll(async () => {
  server = createServer((request, response) => {
    requested.push(request.method ?? '')
    response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : smallModel())
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.onnx`
})
afterAll(() => {
  vi.unstubAllGlobals()
  server.close()
})
beforeEach(() => {
  entries.clear()
  requested.length = 0
  headers = { etag: '"1"' }
  vi.stubGlobal('caches', caches)
})

async function made(cache: boolean | string = true): Promise<readonly string[]> {
  const before = requested.length
  const session = await InferenceSession.create(url, { cache })
  expect(session.inputNames).toEqual(['image'])
  await session.release()
  return requested.slice(before)
}

test.each<Record<string, string>>([{ etag: '"1"' }, { 'last-modified': 'Mon, 30 Nov 2026 00:00:00 GMT' }])(
  'a model is fetched once as long as %o stays',
  async (version) => {
    headers = version
    expect(await made()).toEqual(['GET'])
    expect(await made()).toEqual(['HEAD'])
    headers = { etag: '"2"' }
    expect(await made()).toEqual(['HEAD', 'GET'])
    expect(await made()).toEqual(['HEAD'])
  },
)

test('each cache has its own, and without the option nothing is kept', async () => {
  expect(await made('first')).toEqual(['GET'])
  expect(await made('second')).toEqual(['GET'])
  expect(await made(false)).toEqual(['GET'])
  expect([...entries.keys()]).toEqual([`first ${url}`, `second ${url}`])
})

test('what has no version is fetched every time', async () => {
  headers = {}
  expect(await made()).toEqual(['GET'])
  expect(await made()).toEqual(['GET'])
})

test('without the network, and after a cache that takes nothing, a model still loads', async () => {
  await made()
  const network = vi.spyOn(globalThis, 'fetch').mockRejectedValue(new TypeError('fetch failed'))
  expect(await made()).toEqual([])
  await expect(InferenceSession.create(`${url}?other`, { cache: true })).rejects.toMatchObject({ code: 'E_EXTERNAL' })
  network.mockRestore()
  entries.clear()
  const full = async () => ({
    match: async () => undefined,
    put: () => Promise.reject(new Error('the quota is used up')),
  })
  vi.stubGlobal('caches', { open: full })
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  expect(await made()).toEqual(['GET'])
  expect(warned.mock.calls.join()).toContain('quota')
  warned.mockRestore()
})

test('where there is no Cache API, a model comes from where it is', async () => {
  vi.stubGlobal('caches', undefined)
  expect(await made()).toEqual(['GET'])
  expect(await made()).toEqual(['GET'])
})
