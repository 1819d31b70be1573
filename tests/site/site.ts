import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import { build } from 'vite'
import { expect } from 'vitest'
import { chromiumFlags, chromiumPath } from '../support/chromium.js'
import { page as builtPage, pageIsStale } from '../../scripts/bundle/page.js'
import { root } from '../support/package.js'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
}

/** The page, built and served from a folder that is not the root of its server, and a browser to look at it. */
export interface Site {
  readonly origin: string
  readonly browser: Browser
  readonly folder: string
  /** May keep an answer until later: called with every file that is asked for and what sends it. */
  hold: ((file: string, send: () => void) => void) | undefined
  close(): Promise<void>
}

export async function startSite(): Promise<Site> {
  // What `npm run site` has built of the same sources is looked at as it is.
  const stale = pageIsStale()
  const folder = stale ? mkdtempSync(join(tmpdir(), 'lanewise-site-')) : builtPage
  if (stale)
    await build({ configFile: join(root, 'site/vite.config.ts'), logLevel: 'error', build: { outDir: folder } })
  const site: { hold: Site['hold'] } = { hold: undefined }
  const answer = (path: string, response: ServerResponse) => {
    const file = join(folder, path.endsWith('/') ? `${path}index.html` : path)
    const send = () => {
      if (!existsSync(file)) return void response.writeHead(404).end()
      response.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' })
      response.end(readFileSync(file))
    }
    if (site.hold) site.hold(path, send)
    else send()
  }
  const server: Server = createServer((request, response) =>
    answer(new URL(request.url ?? '/', 'http://localhost').pathname.replace(/^\/some\/folder/, ''), response),
  )
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const browser = await chromium.launch({
    executablePath: chromiumPath,
    args: [...chromiumFlags, '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
  })
  return Object.assign(site, {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}/some/folder/`,
    browser,
    folder,
    async close() {
      await browser.close()
      await new Promise((done) => server.close(done))
      if (stale) rmSync(folder, { recursive: true, force: true })
    },
  })
}

/** A view in a tab of its own; `done` says that nothing was written to the console and nothing failed. */
export async function openView(
  { browser, origin }: Site,
  view: string,
  { width = 1200, scheme = 'light' }: { readonly width?: number; readonly scheme?: 'light' | 'dark' } = {},
): Promise<{ page: Page; done: () => Promise<void> }> {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme })
  const page = await context.newPage()
  page.setDefaultTimeout(100_000)
  const said: string[] = []
  page.on('console', (message) => {
    if (/error|warning/.test(message.type())) said.push(message.text())
  })
  page.on('pageerror', (error) => said.push(String(error.stack)))
  page.on('requestfailed', (request) => said.push(`failed: ${request.url()}`))
  await page.goto(`${origin}#/${view}`)
  return {
    page,
    async done() {
      // To be looked at: where the environment says, which is never a folder of the repository's.
      const shots = process.env.LANEWISE_SHOTS
      if (shots) await page.screenshot({ path: join(shots, `${view}-${scheme}-${width}.png`), fullPage: true })
      expect(said).toEqual([])
      await context.close()
    },
  }
}

const axe = join(root, 'site/node_modules/axe-core/axe.min.js')
export const hasAxe = existsSync(axe)
if (!hasAxe) console.warn('skipped: axe-core is not installed (npm ci --prefix site)')

/** What axe-core has to say against a page, by rule and element. */
export async function violations(page: Page): Promise<string[]> {
  await page.addScriptTag({ path: axe })
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> }
    }
    const found = await axe.run()
    return found.violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
    )
  })
}

/** Draws a line with the mouse: points are shares of the pad. */
export async function drawLine(page: Page, selector: string, points: readonly (readonly [number, number])[]) {
  const pad = page.locator(selector)
  await pad.scrollIntoViewIfNeeded()
  const box = await pad.boundingBox()
  if (!box) throw new Error(`${selector} is not to be seen`)
  const at = ([x, y]: readonly [number, number]) => [box.x + x * box.width, box.y + y * box.height] as const
  await page.mouse.move(...at(points[0]))
  await page.mouse.down()
  for (const point of points.slice(1)) await page.mouse.move(...at(point), { steps: 6 })
  await page.mouse.up()
}

/** Drops a file on an element, as from a folder of the desktop. */
export async function dropFile(page: Page, selector: string, name: string, bytes: Uint8Array): Promise<void> {
  const transfer = await page.evaluateHandle(
    ([name, base64]) => {
      const transfer = new DataTransfer()
      transfer.items.add(new File([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))], name))
      return transfer
    },
    [name, Buffer.from(bytes).toString('base64')] as const,
  )
  await page.dispatchEvent(selector, 'drop', { dataTransfer: transfer })
}
