import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { InferenceSession, type SessionOptions } from '../../src/node.js'
import { LanewiseError } from '../../src/core/errors.js'
import type { Progress } from '../../src/platform/download.js'
import { nodeExternalData } from '../../src/platform/node-external.js'
import { expectRejects } from '../support/expect-error.js'
import { smallModel } from '../support/small-model.js'

const bytes = smallModel()
let server: Server
let address: string
let answer: (response: ServerResponse) => void

beforeAll(async () => {
  server = createServer((_, response) => answer(response))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.onnx`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
afterEach(() => void vi.unstubAllGlobals())

const create = (options?: SessionOptions) => InferenceSession.create(address, options)

describe('a download', () => {
  const part = (i: number) => bytes.subarray((i * bytes.length) / 3, ((i + 1) * bytes.length) / 3)

  test.each([
    ['of a known length', (r: ServerResponse) => r.writeHead(200, { 'content-length': bytes.length }).end(bytes)],
    ['in pieces', (r: ServerResponse) => [0, 1, 2].forEach((i) => r[i < 2 ? 'write' : 'end'](part(i)))],
    [
      'packed on the way',
      (r: ServerResponse) => {
        const packed = gzipSync(bytes)
        r.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length }).end(packed)
      },
    ],
  ])('%s', async (_, serve) => {
    answer = (response) => void serve(response)
    const session = await create({ downloadLimit: bytes.length, downloadTimeout: 60_000 })
    expect(session.inputNames).toEqual(['image'])
  })

  test('that breaks off is no model', async () => {
    answer = (response) => {
      response.writeHead(200, { 'content-length': bytes.length })
      response.write(bytes.subarray(0, 100), () => response.destroy())
    }
    await expectRejects('E_EXTERNAL', () => create())
  })

  test.each([bytes.length - 1, bytes.length + 1])('of another length than it says (%s) is no model', async (length) => {
    const headers = { 'content-length': String(length) }
    vi.stubGlobal('fetch', () => Promise.resolve(new Response(bytes, { headers })))
    await expectRejects('E_EXTERNAL', () => create())
  })

  test('over the limit is refused, by what it says and by what comes', async () => {
    answer = (response) => response.writeHead(200, { 'content-length': 2 ** 40 }).write('x')
    await expectRejects('E_BUDGET', () => create({ downloadLimit: 2 ** 20 }))
    let sent = 0
    answer = (response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(2 ** 16))) sent += 2 ** 16
        if (!response.destroyed) response.once('drain', more)
      }
      more()
    }
    await expectRejects('E_BUDGET', () => create({ downloadLimit: 2 ** 20 }))
    expect(sent).toBeLessThan(2 ** 26)
  })

  test('without an end is broken off where the memory limit is passed, without a limit of its own', async () => {
    let sent = 0
    const chunk = new Uint8Array(2 ** 20)
    const endless = () =>
      new ReadableStream<Uint8Array>({
        pull(controller) {
          sent += chunk.length
          controller.enqueue(chunk)
        },
      })
    const memoryLimit = 2 ** 20
    for (const model of [endless(), new Response(endless())])
      await expectRejects('E_BUDGET', () => InferenceSession.create(model, { memoryLimit }), /more than 17825792 bytes/)
    vi.stubGlobal('fetch', () => Promise.resolve(new Response(endless())))
    await expectRejects('E_BUDGET', () => create({ memoryLimit }))
    expect(sent).toBeLessThan(2 ** 26)
    const beside = [{ path: 'weights.bin', data: address }]
    await expectRejects('E_BUDGET', () => InferenceSession.create(bytes, { memoryLimit, externalData: beside }))
  })

  test('that never ends is given up', async () => {
    answer = (response) => response.writeHead(200, { 'content-length': bytes.length }).write('x')
    await expectRejects('E_EXTERNAL', () => create({ downloadTimeout: 50 }), /longer than 50 ms/)
  })

  test('is broken off by its signal, before and on the way', async () => {
    answer = (response) => response.writeHead(200, { 'content-length': bytes.length }).write('x')
    await expectRejects('E_STATE', () => create({ signal: AbortSignal.abort() }))
    const controller = new AbortController()
    const making = create({ signal: controller.signal })
    setTimeout(() => controller.abort(new Error('enough')), 30)
    const error = await expectRejects('E_STATE', () => making)
    expect(error.cause).toEqual(new Error('enough'))
  })

  test('that is not there', async () => {
    answer = (response) => response.writeHead(404).end()
    await expectRejects('E_PARSE', () => create(), /HTTP 404/)
  })

  test('in whose place a web page comes', async () => {
    answer = (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><p>all is well')
    await expectRejects('E_PARSE', () => create(), /model\.onnx cannot be fetched: a web page came back/)
    // A server that does not know what it serves is none.
    answer = (response) => response.writeHead(200, { 'content-type': 'text/html' }).end(bytes)
    expect((await create()).inputNames).toEqual(['image'])
  })

  test('from where nobody answers', async () => {
    const error = await expectRejects(
      'E_EXTERNAL',
      () => InferenceSession.create('http://127.0.0.1:1/model.onnx'),
      // Why is what a reader needs; engines only say so in the cause.
      /127\.0\.0\.1:1\/model\.onnx cannot be fetched: fetch failed \(.+\)/,
    )
    expect(error.cause).toBeInstanceOf(Error)
  })

  test('that is in its address, or in the memory of the process', async () => {
    const data = `data:application/octet-stream;base64,${Buffer.from(bytes).toString('base64')}`
    const blob = URL.createObjectURL(new Blob([bytes]))
    for (const location of [data, new URL(data), blob])
      expect((await InferenceSession.create(location)).inputNames).toEqual(['image'])
    URL.revokeObjectURL(blob)
    const long = `data:text/plain,${'x'.repeat(10_000)}`
    const error = await expectRejects('E_BUDGET', () => InferenceSession.create(long, { downloadLimit: 10 }))
    expect(error.message.length).toBeLessThan(500)
  })

  test('tells how much has come', async () => {
    const told: Progress[] = []
    const onProgress = (progress: Progress) => void told.push(progress)
    answer = (response) => response.writeHead(200, { 'content-length': bytes.length }).end(bytes)
    await create({ onProgress })
    expect(told.at(-1)).toEqual({ loaded: bytes.length, total: bytes.length })
    expect(told.every(({ loaded }, i) => i === 0 || loaded > told[i - 1].loaded)).toBe(true)
    answer = (response) => response.end(bytes.subarray(0, 10), () => undefined)
    told.length = 0
    await expectRejects('E_PARSE', () => create({ onProgress }))
    expect(told.at(-1)!.loaded).toBe(10)
  })
})

describe('a model in what a browser has bytes in', () => {
  const stream = () => new Blob([bytes.slice(0, 100), bytes.slice(100)]).stream()

  test.each([
    ['a Response', () => new Response(bytes.slice())],
    ['a Response of a fetch', () => fetch(address)],
    ['a Blob', () => new Blob([bytes.slice()])],
    ['a File', () => new File([bytes.slice()], 'model.onnx')],
    ['a stream', stream],
  ])('%s', async (_, make) => {
    answer = (response) => response.end(bytes)
    let loaded = 0
    const session = await InferenceSession.create(await make(), {
      onProgress: (progress) => (loaded = progress.loaded),
    })
    expect(session.inputNames).toEqual(['image'])
    expect(loaded).toBe(bytes.length)
    await expectRejects('E_BUDGET', async () => InferenceSession.create(await make(), { downloadLimit: 100 }))
  })

  test('that says it is none, has been read, or breaks off', async () => {
    await expectRejects('E_PARSE', () => InferenceSession.create(new Response('no', { status: 503 })), /HTTP 503/)
    const read = new Response(bytes.slice())
    await read.arrayBuffer()
    await expectRejects('E_STATE', () => InferenceSession.create(read), /read before/)
    const locked = new Response(bytes.slice())
    locked.body!.getReader()
    await expectRejects('E_STATE', () => InferenceSession.create(locked), /read before/)
    const lockedStream = stream()
    lockedStream.getReader()
    await expectRejects('E_EXTERNAL', () => InferenceSession.create(lockedStream))
    const broken = new ReadableStream<Uint8Array>({ pull: (to) => to.error(new Error('the line is dead')) })
    await expectRejects('E_EXTERNAL', () => InferenceSession.create(broken), /the line is dead/)
    const words = new ReadableStream({ start: (to) => (to.enqueue('words'), to.close()) })
    await expectRejects('E_EXTERNAL', () => InferenceSession.create(words))
  })

  test('is given up when the signal fires', async () => {
    const endless = new ReadableStream<Uint8Array>({ start: (to) => to.enqueue(bytes.slice(0, 10)) })
    await expectRejects('E_EXTERNAL', () => InferenceSession.create(endless, { downloadTimeout: 30 }), /30 ms/)
    const other = new ReadableStream<Uint8Array>({ start: (to) => to.enqueue(bytes.slice(0, 10)) })
    await expectRejects('E_STATE', () => InferenceSession.create(other, { signal: AbortSignal.timeout(30) }))
  })
})

test('a session is not made when the signal has fired', async () => {
  await expectRejects('E_STATE', () => InferenceSession.create(bytes, { signal: AbortSignal.abort() }))
})

describe.skipIf(process.platform === 'win32')('a model that is no file', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'lanewise-files-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test('has an end to it', async () => {
    const fifo = join(folder, 'fifo.onnx')
    execFileSync('mkfifo', [fifo])
    for (const path of ['/dev/zero', fifo, folder]) await expectRejects('E_PARSE', () => InferenceSession.create(path))
  })

  test('or is larger than may be', async () => {
    const path = join(folder, 'model.onnx')
    writeFileSync(path, bytes)
    await expectRejects('E_BUDGET', () => InferenceSession.create(path, { downloadLimit: 100 }))
    await InferenceSession.create(path, { downloadLimit: bytes.length })
  })

  test('external data stays in its folder while links come and go', async () => {
    const inside = join(folder, 'model')
    const outside = join(folder, 'outside')
    for (const path of [join(inside, 'sub'), outside]) mkdirSync(path, { recursive: true })
    writeFileSync(join(inside, 'sub', 'w'), 'inside')
    writeFileSync(join(outside, 'w'), 'secret')
    const flip = new Worker(
      `const { parentPort, workerData: { sub, real, outside } } = require('node:worker_threads')
       const { renameSync, symlinkSync, unlinkSync } = require('node:fs')
       parentPort.postMessage('ready')
       for (;;) { renameSync(sub, real); symlinkSync(outside, sub); unlinkSync(sub); renameSync(real, sub) }`,
      { eval: true, workerData: { sub: join(inside, 'sub'), real: join(inside, 'real'), outside } },
    )
    await new Promise((done) => flip.once('message', done))
    const seen = new Map<string, number>()
    for (let i = 0; i < 20_000; i++) {
      const data = nodeExternalData(inside)
      let got: string
      try {
        got = Buffer.from(data.read('sub/w', 0, 6)).toString()
      } catch (error) {
        expect(error).toBeInstanceOf(LanewiseError)
        got = (error as LanewiseError).code
      } finally {
        data.close()
      }
      seen.set(got, (seen.get(got) ?? 0) + 1)
    }
    await flip.terminate()
    expect([...seen.keys()].filter((key) => key !== 'inside' && key !== 'E_EXTERNAL')).toEqual([])
    expect(seen.size).toBe(2)
  })
})
