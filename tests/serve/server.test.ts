import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { deflateSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ModelServer, ServeOptions } from '../../src/serve.js'
import { InferenceSession, serve, Tensor } from './built.js'
import { metricOf, post, rows, until } from './client.js'
import { modelFolder, picky, scaled, scaledExternally, summed } from './models.js'

let folder: string
let server: ModelServer

beforeAll(async () => {
  folder = modelFolder()
  server = await serve({ folder, port: 0, threads: 1, bodyLimit: 2 ** 20, poll: 0 })
  // On a machine with other work a thread takes seconds to start.
}, 60_000)

afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

const infer = (model: string, body: BodyInit | object, headers?: Record<string, string>, at = server) =>
  post(`${at.url}/v2/models/${model}/infer`, body, headers)
const index = (...data: number[]) => ({ inputs: [{ name: 'i', datatype: 'INT64', shape: [data.length, 1], data }] })
const loops = (trips: number) => ({
  inputs: [
    { name: 'trips', datatype: 'INT64', shape: [], data: [trips] },
    { name: 'x', datatype: 'FP32', shape: [1], data: [1] },
  ],
})

const metric = (name: string, at = server) => metricOf(at, name)
const also = (options: Partial<ServeOptions>) => serve({ port: 0, threads: 1, poll: 0, ...options })

describe('the protocol', () => {
  test('says what the server and its models are', async () => {
    const get = async (path: string): Promise<unknown> => {
      const response = await fetch(server.url + path)
      return { status: response.status, ...((await response.json()) as object) }
    }
    expect(await get('/v2')).toMatchObject({ status: 200, name: 'lanewise', extensions: ['binary_tensor_data'] })
    expect(await get('/v2/health/live')).toEqual({ status: 200, live: true })
    expect(await get('/v2/health/ready')).toEqual({ status: 200, ready: true })
    const metadata = {
      status: 200,
      name: 'small',
      versions: ['1'],
      platform: 'onnx_onnxv1',
      inputs: [{ name: 'image', datatype: 'FP32', shape: [-1, 1, 8, 8] }],
      outputs: [{ name: 'scores', datatype: 'FP32', shape: [-1, 36] }],
    }
    expect(await get('/v2/models/small')).toEqual(metadata)
    expect(await get('/v2/models/small/versions/1')).toEqual(metadata)
    expect(await get('/v2/models/small/versions/1/ready')).toEqual({ status: 200, name: 'small', ready: true })
    expect(await get('/v2/models/large/ready')).toMatchObject({ status: 404, error: 'there is no model "large"' })
    expect(await get('/v2/models/small/versions/2')).toMatchObject({ status: 404 })
    expect(await get('/v2/models')).toEqual({ status: 200, models: ['picky', 'running', 'scaled', 'slow', 'small'] })
    expect(await get('/v2/models/small/infer')).toMatchObject({
      status: 405,
      error: expect.stringMatching(/POST is/) as string,
    })
  })

  test('answers what a session answers', async () => {
    const image = Float32Array.from({ length: 64 }, (_, i) => Math.cos(i))
    const session = await InferenceSession.create(join(folder, 'small.onnx'))
    const { scores } = await session.run({ image: new Tensor('float32', image, [1, 1, 8, 8]) })
    const input = { name: 'image', datatype: 'FP32', shape: [1, 1, 8, 8], data: [...image] }
    const { status, json } = await infer('small', { id: 'a', inputs: [input], outputs: [{ name: 'scores' }] })
    expect({ status, id: json.id }).toEqual({ status: 200, id: 'a' })
    expect(json.outputs).toEqual([
      { name: 'scores', datatype: 'FP32', shape: [1, 36], data: [...(scores.data as Float32Array)] },
    ])
  })

  // What tritonclient.http writes for InferInput.set_data_from_numpy and InferRequestedOutput, and how its InferResult
  // reads the answer.
  test.each(['plain', 'gzip', 'deflate'])("reads requests of Triton's client, %s", async (packing) => {
    const json = Buffer.from(
      '{"id":"1","inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","parameters":{"binary_data_size":16}}],' +
        '"outputs":[{"name":"y","parameters":{"binary_data":true}}]}',
    )
    const whole = Buffer.concat([json, Buffer.from(Float32Array.of(1, 2, 3, 4).buffer)])
    const packed = packing === 'gzip' ? gzipSync(whole) : packing === 'deflate' ? deflateSync(whole) : whole
    const response = await fetch(`${server.url}/v2/models/scaled/infer`, {
      method: 'POST',
      body: packed,
      headers: {
        'Inference-Header-Content-Length': String(json.length),
        ...(packing !== 'plain' && { 'Content-Encoding': packing }),
      },
    })
    const header = Number(response.headers.get('Inference-Header-Content-Length'))
    const answer = Buffer.from(await response.arrayBuffer())
    expect(JSON.parse(answer.subarray(0, header).toString())).toEqual({
      model_name: 'scaled',
      model_version: '1',
      id: '1',
      outputs: [{ name: 'y', datatype: 'FP32', shape: [2, 2], parameters: { binary_data_size: 16 } }],
    })
    expect(new Float32Array(Uint8Array.from(answer.subarray(header)).buffer)).toEqual(Float32Array.of(2, 4, 6, 8))
  })

  test('has a page that needs nothing from elsewhere', async () => {
    const page = await fetch(server.url)
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'self'/)
    const text = await page.text()
    const files = Array.from(text.matchAll(/(?:src|href)="(\/page[^"]+)"/g), ([, path]) => path)
    expect(files).toEqual(['/page.css', '/page.js'])
    for (const file of files) expect((await fetch(server.url + file)).status).toBe(200)
  })
})

describe('batches', () => {
  test('are taken where rows do not depend on each other, and nowhere else', () => {
    const taking = server.models.filter(({ batches }) => batches).map(({ name }) => name)
    expect(taking).toEqual(['picky', 'scaled', 'small'])
  })

  test('hold what has come together, and each gets its own', async () => {
    const before = await metric('lanewise_batch_rows_sum{model="scaled"}')
    const asked = Array.from({ length: 64 }, (_, i) => [i, i + 0.25, i + 0.5, 1].slice(0, i % 3 === 0 ? 4 : 2))
    const answers = await Promise.all(asked.map((data) => infer('scaled', rows(...data))))
    answers.forEach(({ json }, i) => expect(json.outputs[0].data).toEqual(asked[i].map((value) => 2 * value)))
    expect((await metric('lanewise_batch_rows_sum{model="scaled"}')) - before).toBe(asked.flat().length / 2)
  })

  test('are as few as they can be where nobody has to hurry', async () => {
    const waiting = await also({ models: [join(folder, 'scaled.onnx')], maxDelay: 60_000, maxBatch: 32 })
    try {
      const asked = Array.from({ length: 64 }, (_, i) => [i, i + 0.25, i + 0.5, 1])
      const answers = await Promise.all(asked.map((data) => infer('scaled', rows(...data), {}, waiting)))
      answers.forEach(({ json }, i) => expect(json.outputs[0].data).toEqual(asked[i].map((value) => 2 * value)))
      expect(await metric('lanewise_batch_rows_sum{model="scaled"}', waiting)).toBe(128)
      expect(await metric('lanewise_batch_rows_count{model="scaled"}', waiting)).toBe(4)
    } finally {
      await waiting.close()
    }
  })

  test('have no part of what the model broadcasts, nor of inputs in another order', async () => {
    const name = join(folder, 'summed.onnx')
    writeFileSync(name, summed())
    const at = await also({ models: [name], maxDelay: 50 })
    try {
      expect(at.models).toMatchObject([{ name: 'summed', batches: true }])
      const tensor = (input: string, ...rows: number[][]) => ({
        ...{ name: input, datatype: 'FP32', shape: [rows.length, rows[0].length], data: rows.flat() },
      })
      const requests = [
        { inputs: [tensor('a', [1, 2, 3]), tensor('b', [10])] },
        { inputs: [tensor('b', [1, 2, 3]), tensor('a', [10])] },
        { inputs: [tensor('a', [1, 2], [3, 4]), tensor('b', [10, 20])] },
      ]
      const answers = await Promise.all(requests.map((request) => infer('summed', request, {}, at)))
      expect(answers.map(({ json }) => [json.outputs[0].shape, json.outputs[0].data])).toEqual([
        [[1, 3], [11, 12, 13]],
        [[1, 3], [11, 12, 13]],
        [[2, 2], [11, 22, 13, 24]],
      ]) // prettier-ignore
    } finally {
      await at.close()
    }
  })

  test('do not fail for one of their requests', async () => {
    const answers = await Promise.all(Array.from({ length: 16 }, (_, i) => infer('picky', index(i === 7 ? 99 : i % 4))))
    answers.forEach(({ status, json }, i) => {
      if (i === 7) expect({ status, code: json.code }).toEqual({ status: 400, code: 'E_VALUE' })
      else expect(json.outputs[0].data).toEqual([10 + (i % 4)])
    })
  })

  test('of one request each, several sent to a thread at a time, do not fail for one of them either', async () => {
    const alone = await also({ models: [join(folder, 'picky.onnx')], maxBatch: 1 })
    try {
      // Until it is known that runs are short.
      for (let i = 0; i < 30; i++) await infer('picky', index(i % 4), {}, alone)
      const asked = Array.from({ length: 64 }, (_, i) => infer('picky', index(i === 7 ? 99 : i % 4), {}, alone))
      for (const [i, { status, json }] of (await Promise.all(asked)).entries())
        if (i === 7) expect({ status, code: json.code }).toEqual({ status: 400, code: 'E_VALUE' })
        else expect(json.outputs[0].data).toEqual([10 + (i % 4)])
      expect(await metric('lanewise_batch_rows_count{model="picky"}', alone)).toBe(94)
      expect(await metric('lanewise_batch_rows_sum{model="picky"}', alone)).toBe(94)
    } finally {
      await alone.close()
    }
  })

  test('wait for others as long as they may', async () => {
    const waiting = await also({ models: [join(folder, 'scaled.onnx')], maxDelay: 60_000, maxBatch: 4 })
    try {
      const answers = await Promise.all([1, 2, 3, 4].map((value) => infer('scaled', rows(value, value), {}, waiting)))
      expect(answers.map(({ json }) => json.outputs[0].data[0])).toEqual([2, 4, 6, 8])
      expect(await metric('lanewise_batch_rows_sum{model="scaled"}', waiting)).toBe(4)
      expect(await metric('lanewise_batch_rows_count{model="scaled"}', waiting)).toBe(1)
    } finally {
      await waiting.close()
    }
  })
})

describe('too much', () => {
  test('in the queue is 503 with a time to come again, and what was taken is answered', async () => {
    const small = await also({ models: [join(folder, 'slow.onnx')], maxQueue: 4 })
    try {
      const answers = await Promise.all(Array.from({ length: 24 }, () => infer('slow', loops(2000), {}, small)))
      const refused = answers.filter(({ status }) => status === 503)
      expect(refused.length).toBeGreaterThan(0)
      expect(answers.filter(({ status }) => status === 200).length).toBe(24 - refused.length)
      for (const { headers } of refused) expect(Number(headers.get('Retry-After'))).toBeGreaterThan(0)
    } finally {
      await small.close()
    }
  })

  test('time is 504, and the run is broken off', async () => {
    const short = await also({ models: ['slow', 'scaled'].map((name) => join(folder, `${name}.onnx`)), timeout: 1000 })
    try {
      expect((await infer('slow', loops(2 ** 50), {}, short)).status).toBe(504)
      // Its thread is a new one soon.
      await until(async () => (await infer('slow', loops(3), {}, short)).status === 200)
      expect(await metric('lanewise_thread_restarts{model="slow"}', short)).toBeGreaterThan(0)
      // A request may say that it waits less.
      const { status } = await infer('slow', { ...loops(2 ** 50), parameters: { timeout: 1000 } }, {}, short)
      expect(status).toBe(504)
    } finally {
      await short.close()
    }
  })

  test('in a body is 413, whether it says so or not, packed or not', async () => {
    const large = new Uint8Array(2 ** 20 + 1)
    expect(await infer('small', large)).toMatchObject({ status: 413 })
    const chunked = await new Promise((resolve, reject) => {
      const sent = httpRequest(`${server.url}/v2/models/small/infer`, { method: 'POST' }, ({ statusCode, headers }) => {
        sent.destroy()
        resolve({ status: statusCode, connection: headers.connection })
      })
      sent.on('error', reject)
      // It never ends.
      const more = (): void => void (sent.destroyed || sent.write(large.subarray(0, 2 ** 16), more))
      more()
    })
    expect(chunked).toEqual({ status: 413, connection: 'close' })
    expect(await infer('small', gzipSync(large), { 'Content-Encoding': 'gzip' })).toMatchObject({ status: 413 })
    expect(await infer('scaled', rows(1, 2))).toMatchObject({ status: 200 })
  })

  test('of bodies at a time is 503', async () => {
    const tight = await also({ models: [join(folder, 'scaled.onnx')], bodyLimit: 1000, heldLimit: 1000 })
    try {
      // It says that it has 950 bytes, and takes its time.
      const half = httpRequest(`${tight.url}/v2/models/scaled/infer`, {
        method: 'POST',
        headers: { 'Content-Length': 950 },
      })
      half.on('error', () => undefined)
      half.write('{')
      await until(async () => (await metric('lanewise_request_bytes', tight)) === 950)
      const { status, headers } = await infer('scaled', rows(1, 2), {}, tight)
      expect({ status, again: headers.get('Retry-After') }).toEqual({ status: 503, again: '1' })
      half.destroy()
      await until(async () => (await infer('scaled', rows(1, 2), {}, tight)).status === 200)
      expect(await metric('lanewise_request_bytes', tight)).toBe(0)
    } finally {
      await tight.close()
    }
  })
})

describe('hostile', () => {
  test('requests get an answer with a reason', async () => {
    const bad = await infer('small', '{"inputs":')
    expect(bad).toMatchObject({ status: 400, json: { code: 'E_PARSE' } })
    expect(await infer('small', rows(1, 2))).toMatchObject({ status: 400, json: { code: 'E_TENSOR' } })
    expect(await infer('..%2F..%2Fetc%2Fpasswd', rows(1, 2))).toMatchObject({ status: 404 })
    expect(await infer('__proto__', rows(1, 2))).toMatchObject({ status: 404 })
    expect(await infer('scaled', rows(1, 2), { 'Content-Encoding': 'br' })).toMatchObject({ status: 415 })
    for (const packing of ['identity', 'Identity', 'identity, identity'])
      expect(await infer('scaled', rows(1, 2), { 'Content-Encoding': packing })).toMatchObject({ status: 200 })
    const packed = gzipSync(JSON.stringify(rows(1, 2)))
    for (const packing of ['gzip, identity', 'x-gzip'])
      expect(await infer('scaled', packed, { 'Content-Encoding': packing })).toMatchObject({ status: 200 })
    expect(await infer('scaled', packed, { 'Content-Encoding': 'gzip, gzip' })).toMatchObject({ status: 415 })
    expect(await infer('scaled', 'no gzip', { 'Content-Encoding': 'gzip' })).toMatchObject({ status: 400 })
    expect(await infer('scaled', rows(1, 2), { Origin: 'https://elsewhere.example' })).toMatchObject({ status: 403 })
    expect(await infer('scaled', rows(1, 2), { Origin: server.url })).toMatchObject({ status: 200 })
    // The names of models that are none are no labels.
    expect(await (await fetch(`${server.url}/metrics`)).text()).not.toMatch(/passwd|__proto__/)
  })

  test('names of the server are refused on this machine', async () => {
    const status = await new Promise((resolve) =>
      httpRequest(`${server.url}/v2`, { headers: { Host: 'rebound.example' } }, ({ statusCode }) =>
        resolve(statusCode),
      ).end(),
    )
    expect(status).toBe(421)
  })

  test('bytes that are no HTTP do not stop it', async () => {
    const { port } = server
    await new Promise<void>((done) => {
      const socket = connect(port, '127.0.0.1', () => socket.write('\0\xff\r\n\r\n'))
      socket.on('error', () => undefined)
      socket.on('close', () => done())
      socket.resume()
    })
    expect(await infer('scaled', rows(1, 2))).toMatchObject({ status: 200 })
  })

  test('clients that go away leave nothing', async () => {
    const gone = new AbortController()
    const asked = Array.from({ length: 8 }, () =>
      fetch(`${server.url}/v2/models/slow/infer`, {
        method: 'POST',
        body: JSON.stringify(loops(1000)),
        signal: gone.signal,
      }),
    )
    await new Promise((done) => setTimeout(done, 50))
    gone.abort()
    await Promise.allSettled(asked)
    await until(async () => (await metric('lanewise_queue_length{model="slow"}')) === 0)
    await until(async () => (await metric('lanewise_request_bytes')) === 0)
  })
})

describe('a changed file', () => {
  test('is loaded without losing a request, and a broken one is not', async () => {
    const file = join(folder, 'changing.onnx')
    const replace = (bytes: Uint8Array) => {
      writeFileSync(`${file}.new`, bytes)
      renameSync(`${file}.new`, file)
    }
    replace(scaled(2))
    const other = await also({ models: [file], poll: 20 })
    try {
      const seen = new Set<number>()
      const ask = async (): Promise<void> => {
        const { status, json } = await infer('changing', rows(1, 1), {}, other)
        expect(status, json.error).toBe(200)
        seen.add(json.outputs[0].data[0])
      }
      await ask()
      replace(scaled(3))
      while (!seen.has(3)) await Promise.all([ask(), ask(), ask()])
      expect([...seen]).toEqual([2, 3])
      replace(picky().subarray(0, 20))
      await until(async () => (await metric('lanewise_reloads_total{model="changing",result="refused"}', other)) === 1)
      await ask()
      expect([...seen]).toEqual([2, 3])
    } finally {
      await other.close()
      rmSync(file)
    }
  })

  test('that holds tensors of a model is looked at, and may come after the model', async () => {
    const place = join(folder, 'tensors')
    mkdirSync(place)
    const [first, second] = [2, 3].map((factor) => scaledExternally(factor, 'external.data'))
    const replace = (name: string, bytes: Uint8Array) => {
      writeFileSync(join(place, `${name}.new`), bytes)
      renameSync(join(place, `${name}.new`), join(place, name))
    }
    const other = await also({ folder: place, poll: 20 })
    const becomes = (expected: number) =>
      until(async () => {
        const { status, json } = await infer('external', rows(1, 1), {}, other)
        return status === 200 && json.outputs[0].data[0] === expected
      })
    const reloads = (result: string) => metric(`lanewise_reloads_total{model="external",result="${result}"}`, other)
    try {
      replace('external.onnx', first.model)
      await until(async () => (await reloads('refused')) === 1)
      replace('external.data', first.data)
      await becomes(2)
      replace('external.data', second.data)
      await becomes(3)
      expect([await reloads('refused'), await reloads('loaded')]).toEqual([1, 2])
    } finally {
      await other.close()
      rmSync(place, { recursive: true })
    }
  })

  test('that is new in the folder is served, and one that is gone is not', async () => {
    const other = await also({ folder, poll: 20 })
    try {
      writeFileSync(join(folder, 'late.onnx'), scaled(5))
      await until(async () => (await infer('late', rows(1, 1), {}, other)).status === 200)
      rmSync(join(folder, 'late.onnx'))
      await until(async () => (await infer('late', rows(1, 1), {}, other)).status === 404)
    } finally {
      await other.close()
    }
  })
})

test('a server that closes finishes what it took', async () => {
  const last = await also({ models: [join(folder, 'slow.onnx')] })
  const answers = Array.from({ length: 5 }, () => infer('slow', loops(20_000), {}, last))
  await until(async () => (await metric('lanewise_queue_length{model="slow"}', last)) === 4)
  const closed = last.close()
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  await closed
  await expect(fetch(`${last.url}/v2`)).rejects.toThrow()
})

test('what cannot be served says why', async () => {
  const refused = (code: string, options: ServeOptions, message: RegExp) =>
    expect(serve(options)).rejects.toMatchObject({
      name: 'LanewiseError',
      code,
      message: expect.stringMatching(message) as string,
    })
  const small = join(folder, 'small.onnx')
  await refused('E_VALUE', {}, /nothing to serve/)
  await refused('E_VALUE', { models: [small], threads: 0 }, /threads must be from 1/)
  await refused('E_VALUE', { models: [small, join(folder, 'x', 'small.onnx')] }, /both be the model/)
  await refused('E_EXTERNAL', { models: [join(folder, 'none.onnx')] }, /cannot read/)
  await refused('E_EXTERNAL', { models: [small], port: server.port, threads: 1 }, /cannot listen/)
  writeFileSync(join(folder, 'page.html'), '<!doctype html>')
  await refused('E_PARSE', { models: [join(folder, 'page.html')] }, /web page|HTML/i)
  await refused('E_PARSE', { models: [join(folder, 'page.html')] }, /page\.html/)
})

test('a folder with a file that cannot be loaded is served without it; named, it is an error with its name', async () => {
  const place = join(folder, 'mixed')
  mkdirSync(place)
  writeFileSync(join(place, 'a-broken.onnx'), scaled(2).subarray(0, 40))
  writeFileSync(join(place, 'right.onnx'), scaled(3))
  const mixed = await also({ folder: place, poll: 20 })
  try {
    expect(mixed.models.map(({ name }) => name)).toEqual(['right'])
    expect((await infer('right', rows(1, 2), {}, mixed)).json.outputs[0].data).toEqual([3, 6])
    expect((await infer('a-broken', rows(1, 2), {}, mixed)).status).toBe(404)
    expect(await metric('lanewise_reloads_total{model="a-broken",result="refused"}', mixed)).toBe(1)
    writeFileSync(join(place, 'new'), scaled(5))
    renameSync(join(place, 'new'), join(place, 'a-broken.onnx'))
    await until(async () => (await infer('a-broken', rows(1, 2), {}, mixed)).status === 200)
  } finally {
    await mixed.close()
  }
  writeFileSync(join(place, 'b-broken.onnx'), scaled(2).subarray(0, 40))
  const named = serve({ models: [join(place, 'b-broken.onnx')], folder: place, port: 0, threads: 1 })
  await expect(named).rejects.toMatchObject({
    name: 'LanewiseError',
    message: expect.stringMatching(/b-broken\.onnx/) as string,
  })
})
