import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ModelServer } from '../../src/serve.js'
import { serve } from './built.js'
import { metricOf, post, rows, until } from './client.js'
import { large, modelFolder } from './models.js'

let folder: string
let server: ModelServer
/**
 * Its requests must be there soon. The other gives them their time: the tests around this one may hold up the process
 * that it runs in.
 */
let hasty: ModelServer

beforeAll(async () => {
  folder = modelFolder()
  writeFileSync(join(folder, 'large.onnx'), large())
  const models = ['scaled', 'small', 'large'].map((name) => join(folder, `${name}.onnx`))
  const options = { models, port: 0, threads: 1, poll: 0, bodyLimit: 2 ** 20, heldLimit: 2 ** 25 }
  server = await serve(options)
  hasty = await serve({ ...options, requestTimeout: 400 })
  // On a machine with other work a thread takes seconds to start.
}, 60_000)

afterAll(async () => {
  await server.close()
  await hasty.close()
  rmSync(folder, { recursive: true, force: true })
})

const path = '/v2/models/scaled/infer'
const infer = (body: BodyInit | object, headers?: Record<string, string>) => post(server.url + path, body, headers)

/** Still right, for everybody else. */
async function serves({ url } = server): Promise<void> {
  const { status, json } = await post(url + path, rows(1, 2))
  // On a busy machine the client itself may be late.
  if (status === 408 && url === hasty.url) return serves(hasty)
  expect({ status, data: json.outputs?.[0].data }).toEqual({ status: 200, data: [2, 4] })
}

/** Sends text as it is. @returns what comes back until the server ends the connection, or it has answered. */
async function raw(text: string, end = false): Promise<string> {
  const socket = connect(server.port, '127.0.0.1')
  socket.on('error', () => undefined)
  let answer = ''
  socket.setEncoding('latin1').on('data', (piece: string) => (answer += piece))
  socket.write(text, 'latin1')
  if (end) socket.end()
  await Promise.race([once(socket, 'close'), until(() => Promise.resolve(answer.includes('\r\n\r\n')))])
  socket.destroy()
  return answer
}

const head = (...lines: string[]) => [`POST ${path} HTTP/1.1`, 'Host: localhost', ...lines, '', ''].join('\r\n')

describe('binary tensors that are not what they say', () => {
  const input = { name: 'x', datatype: 'FP32', shape: [1, 2] }
  const json = (parameters: object, more: object = {}) =>
    JSON.stringify({ inputs: [{ ...input, parameters, ...more }] })
  const right = json({ binary_data_size: 8 })
  test.each<[string, string, number, string | undefined]>([
    ['a header longer than the body', right, 8, '1000000'],
    ['a header of a negative length', right, 8, '-1'],
    ['a header that is no number', right, 8, '1e1'],
    ['a header of more digits than numbers have', right, 8, '9'.repeat(400)],
    ['a header that cuts the JSON off', right, 8, String(right.length - 1)],
    ['a header that takes data for JSON', right, 8, String(right.length + 4)],
    ['no header', right, 8, undefined],
    ['too few bytes', right, 7, String(right.length)],
    ['too many bytes', right, 9, String(right.length)],
    ['no bytes', right, 0, String(right.length)],
    ['a negative size', json({ binary_data_size: -8 }), 8, 'json'],
    ['a size of 2^60', json({ binary_data_size: 2 ** 60 }), 8, 'json'],
    ['half a byte', json({ binary_data_size: 7.5 }), 8, 'json'],
    ['a size in text', json({ binary_data_size: '8' }), 8, 'json'],
    ['a size for another shape', json({ binary_data_size: 8 }, { shape: [2 ** 30, 2] }), 8, 'json'],
    ['data as well', json({ binary_data_size: 8 }, { data: [1, 2] }), 8, 'json'],
  ])('%s: 400 with a code', async (_, text, bytes, header) => {
    const length = header === 'json' ? String(text.length) : header
    const body = Buffer.concat([Buffer.from(text), Buffer.alloc(bytes)])
    const { status, json: answer } = await infer(
      body,
      length === undefined ? {} : { 'Inference-Header-Content-Length': length },
    )
    expect({ status, code: answer.code, reason: typeof answer.error }).toEqual({
      status: 400,
      code: expect.stringMatching(/^E_(TENSOR|PARSE)$/) as string,
      reason: 'string',
    })
    await serves()
  })
})

describe('connections', () => {
  test.each([
    ['a body shorter than it says', head('Content-Length: 100') + '{"inputs":', true],
    ['a body longer than it says', head('Content-Length: 2') + '{}{"inputs":[]}\r\n\r\n', false],
    ['two lengths', head('Content-Length: 2', 'Content-Length: 3') + '{}', false],
    ['a length and pieces', head('Content-Length: 2', 'Transfer-Encoding: chunked') + '2\r\n{}\r\n0\r\n\r\n', false],
    ['a negative length', head('Content-Length: -1'), false],
    ['a length of 30 digits', head(`Content-Length: ${'9'.repeat(30)}`), false],
    ['a piece that is no number', head('Transfer-Encoding: chunked') + 'zz\r\n{}\r\n', false],
    ['headers of a megabyte', head(`X: ${'x'.repeat(2 ** 20)}`), false],
    ['no host', `POST ${path} HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}`, false],
    ['an unknown method', 'BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n', false],
    ['a target that is none', 'GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n', false],
    ['a target that does not decode', 'GET /v2/models/%ff%2 HTTP/1.1\r\nHost: localhost\r\n\r\n', false],
    ['a null in the target', 'GET /v2/models/\0 HTTP/1.1\r\nHost: localhost\r\n\r\n', false],
  ])('with %s are refused or ended', async (_, text, end) => {
    const answer = await raw(text, end)
    if (answer !== '') {
      expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /)
      expect(typeof (JSON.parse(/\{.*\}/.exec(answer)?.[0] ?? '0') as { error?: unknown }).error).toBe('string')
    }
    await serves()
  })

  test('that send a body that is too large at once, and read then, hear why', async () => {
    const socket = connect(server.port, '127.0.0.1')
    let answer = ''
    let failed: Error | undefined
    socket.on('error', (error) => (failed = error))
    const size = 2 ** 24
    socket.write(head(`Content-Length: ${size}`))
    await new Promise((done) => socket.write(Buffer.alloc(size), done))
    socket.setEncoding('latin1').on('data', (piece: string) => (answer += piece))
    await once(socket, 'close')
    expect(failed).toBe(undefined)
    expect(answer).toMatch(/^HTTP\/1\.1 413 .*"error":"a request may have 1048576 bytes"/s)
    await serves()
  })

  test('that send a byte now and then are ended, and hold up nobody', async () => {
    const slow = Array.from({ length: 20 }, (_, i) => {
      const socket = connect(hasty.port, '127.0.0.1')
      socket.on('error', () => undefined)
      const text = i % 2 === 0 ? head('Content-Length: 500000') : `POST ${path} HTTP/1.1\r\nHost: localhost\r\nX: `
      socket.write(text)
      const drip = setInterval(() => socket.write(' '), 50)
      socket.on('close', () => clearInterval(drip))
      socket.resume()
      return socket
    })
    const ended = slow.map((socket) => once(socket, 'close'))
    await serves(hasty)
    await Promise.all(ended)
    await until(async () => (await metricOf(hasty, 'lanewise_request_bytes')) === 0)
    await serves(hasty)
  })

  test('that do not read their answers count until they end', async () => {
    // More than the buffers of both ends take.
    const body = JSON.stringify({
      inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }],
      outputs: [{ name: 'y', parameters: { binary_data: true } }],
    })
    const text = `POST /v2/models/large/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    const deaf: Socket[] = []
    const refused = async () => {
      const socket = connect(server.port, '127.0.0.1')
      socket.on('error', () => undefined)
      socket.pause()
      socket.write(text)
      deaf.push(socket)
      await new Promise((done) => setTimeout(done, 20))
      return (await infer(rows(1, 2))).status === 503
    }
    // Answers of 4 MiB each, and room for 32.
    await until(refused)
    expect(await metricOf(server, 'lanewise_request_bytes')).toBeGreaterThan(2 ** 24)
    expect(deaf.length).toBeLessThan(200)
    for (const socket of deaf) socket.destroy()
    await until(async () => (await metricOf(server, 'lanewise_request_bytes')) === 0)
    await serves()
  })
})

test('a long request in JSON keeps nobody waiting, and one of many small values is refused', async () => {
  const wide = await serve({ models: [join(folder, 'scaled.onnx')], port: 0, threads: 1, poll: 0, bodyLimit: 2 ** 24 })
  try {
    const url = `${wide.url}/v2/models/scaled/infer`
    const count = 2 ** 20
    const numbers = `{"inputs":[{"name":"x","datatype":"FP32","shape":[${count},2],"data":[${'1,2,'.repeat(count - 1)}1,2]}]}`
    const asked = numbers.replace('{"inputs"', '{"parameters":{"binary_data_output":true},"inputs"')
    let done = false
    const long = fetch(url, { method: 'POST', body: asked }).finally(() => (done = true))
    // It counts as soon as it is there.
    await until(async () => (await metricOf(wide, 'lanewise_request_bytes')) > 2 ** 21 || done)
    let meanwhile = 0
    while (!done) {
      expect((await fetch(`${wide.url}/v2/health/live`)).status).toBe(200)
      meanwhile++
    }
    const answer = await long
    const from = Number(answer.headers.get('Inference-Header-Content-Length'))
    const bytes = Buffer.from((await answer.arrayBuffer()).slice(from))
    expect(bytes.equals(Buffer.from(new Float32Array(2 * count).map((_, i) => 2 + 2 * (i % 2)).buffer))).toBe(true)
    // In one go it would be two or three.
    expect(meanwhile).toBeGreaterThan(5)
    for (const [head, item, tail] of [
      ['{"parameters":{"p":[', '{}', ']},"inputs":[]}'],
      ['{"inputs":[', '[]', ']}'],
    ]) {
      const { status, json } = await post(url, `${head}${`${item},`.repeat(2e6)}${item}${tail}`)
      expect({ status, code: json.code }).toEqual({ status: 413, code: 'E_BUDGET' })
    }
    expect(await metricOf(wide, 'lanewise_request_bytes')).toBe(0)
  } finally {
    await wide.close()
  }
})

test('an answer beyond what is held is refused, in JSON beyond a quarter of that, and the next is answered', async () => {
  const answers = async (heldLimit: number, binary: boolean) => {
    const tight = await serve({ models: [join(folder, 'large.onnx')], port: 0, threads: 1, poll: 0, bodyLimit: 2 ** 16, heldLimit }) // prettier-ignore
    try {
      const body = JSON.stringify({
        inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }],
        outputs: [{ name: 'y', parameters: { binary_data: binary } }],
      })
      const ask = async () => {
        const response = await fetch(`${tight.url}/v2/models/large/infer`, { method: 'POST', body })
        return { status: response.status, text: await response.text() }
      }
      const [first, second] = [await ask(), await ask()]
      expect(second.status).toBe(first.status)
      await until(async () => (await metricOf(tight, 'lanewise_request_bytes')) === 0)
      return first
    } finally {
      await tight.close()
    }
  }
  // 4 MiB as binary data, 2 as JSON.
  expect(await answers(2 ** 22 - 1, true)).toMatchObject({ status: 413, text: expect.stringMatching(/E_BUDGET/) as string }) // prettier-ignore
  expect(await answers(2 ** 22 + 2 ** 16, false)).toMatchObject({ status: 413, text: expect.stringMatching(/as binary data/) as string }) // prettier-ignore
  const right = await answers(2 ** 24, false)
  expect((JSON.parse(right.text) as { outputs: { data: number[] }[] }).outputs[0].data).toEqual(
    new Array(2 ** 20).fill(1),
  )
})

test('a model that needs more memory than it may has 413', async () => {
  const tight = await serve({
    models: [join(folder, 'small.onnx')],
    port: 0,
    threads: 1,
    poll: 0,
    memoryLimit: 2 ** 21,
  })
  try {
    const count = 20_000
    const image = { name: 'image', datatype: 'FP32', shape: [count, 1, 8, 8], data: new Array(64 * count).fill(0.5) }
    const { status, json } = await post(`${tight.url}/v2/models/small/infer`, { inputs: [image] })
    expect({ status, code: json.code }).toEqual({ status: 413, code: 'E_BUDGET' })
    const one = { ...image, shape: [1, 1, 8, 8], data: image.data.slice(0, 64) }
    expect((await post(`${tight.url}/v2/models/small/infer`, { inputs: [one] })).status).toBe(200)
  } finally {
    await tight.close()
  }
})
