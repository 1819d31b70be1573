import { rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { serve } from './built.js'
import { post, rows, until } from './client.js'
import { modelFolder } from './models.js'
import { freePort } from './redis.js'

let folder: string
beforeAll(() => void (folder = modelFolder()))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a server lives before its models are loaded, is not ready, and says when to come again', async () => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  let loaded = false
  const starting = serve({ folder, port, threads: 2, poll: 0 }).finally(() => (loaded = true))
  const status = async (path: string) => (await fetch(url + path)).status
  await until(() => status('/v2/health/live').then((live) => live === 200, () => loaded)) // prettier-ignore
  const ready = await status('/v2/health/ready')
  // "small" is the last but one in the order of names.
  const early = await post(`${url}/v2/models/small/infer`, rows(1, 2))
  expect({ loaded, ready, early: early.status }).toEqual({ loaded: false, ready: 503, early: 503 })
  expect(early.headers.get('retry-after')).toBe('1')
  expect(early.json.error).toBe('the models are still being loaded')
  const server = await starting
  try {
    expect(await status('/v2/health/ready')).toBe(200)
    expect((await post(`${url}/v2/models/scaled/infer`, rows(1, 2))).json.outputs[0].data).toEqual([2, 4])
    expect(await status('/v2/models/none')).toBe(404)
  } finally {
    await server.close()
  }
})

test('a server whose model cannot be loaded gives its port back', async () => {
  const port = await freePort()
  writeFileSync(join(folder, 'broken.txt'), 'no model')
  await expect(serve({ models: [join(folder, 'broken.txt')], port, threads: 1 })).rejects.toMatchObject({
    name: 'LanewiseError',
    message: expect.stringContaining('broken.txt') as string,
  })
  await expect(fetch(`http://127.0.0.1:${port}/v2/health/live`)).rejects.toThrow()
  const server = await serve({ models: [join(folder, 'scaled.onnx')], port, threads: 1 })
  await server.close()
})

test('a server that is closed ends when its answers are out, whatever connections are kept', async () => {
  const server = await serve({ models: ['scaled', 'slow'].map((name) => join(folder, `${name}.onnx`)), port: 0, threads: 1, poll: 0 }) // prettier-ignore
  const agent = new Agent({ keepAlive: true })
  const ask = async (model: string, body: object): Promise<number | undefined> => {
    const sent = request(`${server.url}/v2/models/${model}/infer`, { method: 'POST', agent })
    sent.end(JSON.stringify(body))
    const [answer] = (await once(sent, 'response')) as [import('node:http').IncomingMessage]
    answer.resume()
    await once(answer, 'end')
    return answer.statusCode
  }
  const fresh = connect(server.port, '127.0.0.1')
  await once(fresh, 'connect')
  expect(await ask('scaled', rows(1, 2))).toBe(200)
  const x = { name: 'x', datatype: 'FP32', shape: [1], data: [1] }
  const trips = { name: 'trips', datatype: 'INT64', shape: [], data: [20_000] }
  let answered = 0
  const slow = ask('slow', { inputs: [trips, x] }).then((status) => ((answered = performance.now()), status))
  // A second connection, which has had its answer and is kept.
  expect(await ask('scaled', rows(1, 2))).toBe(200)
  fresh.on('error', () => undefined)
  const gone = once(fresh, 'close')
  await server.close()
  expect(await slow).toBe(200)
  // Clients that do not read have 5 s.
  expect(performance.now() - answered).toBeLessThan(4000)
  await gone
  agent.destroy()
})
