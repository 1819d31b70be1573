import { existsSync, readFileSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'

export const chromiumPath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'
export const hasChromium = existsSync(chromiumPath)
if (!hasChromium)
  console.warn(
    `skipped: there is no Chromium at ${chromiumPath} (Debian: apt-get install chromium; elsewhere set CHROMIUM_PATH)`,
  )

export const chromiumFlags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.wasm': 'application/wasm',
  '.onnx': 'application/octet-stream',
  '.lw': 'application/octet-stream',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.bin': 'application/octet-stream',
}

/** What makes a page cross-origin isolated, so that it may share memory. */
export const isolation = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
} as const

/** Serves a folder on a free port of this machine. @param requested - is told of every path. */
export async function serve(
  folder: string,
  requested: string[] = [],
  headers: Readonly<Record<string, string>> = {},
): Promise<{ server: Server; origin: string }> {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname)
    requested.push(path)
    const file = join(folder, path)
    if (!existsSync(file) || types[extname(file)] === undefined) {
      response.writeHead(404).end()
      return
    }
    const { mtimeMs, size } = statSync(file)
    response.writeHead(200, { 'content-type': types[extname(file)], etag: `"${size}-${mtimeMs}"`, ...headers })
    response.end(request.method === 'HEAD' ? undefined : readFileSync(file))
  })
  // A client on a crowded machine may be slow to send what follows: its connection is not closed under it.
  server.keepAliveTimeout = 120_000
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}
