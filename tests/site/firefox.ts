import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { firefoxPath } from '../platforms/browsers.js'
import { root } from '../support/package.js'

const home = join(root, 'site/package.json')
const driver = existsSync(join(root, 'site/node_modules/puppeteer-core'))
export const hasFirefox = existsSync(firefoxPath) && driver
if (!driver) console.warn('skipped: puppeteer-core, which drives Firefox, is not installed (npm ci --prefix site)')
else if (!hasFirefox)
  console.warn(
    `skipped: there is no Firefox at ${firefoxPath} (Debian: apt-get install firefox-esr; elsewhere set FIREFOX_PATH)`,
  )

/** What is used of puppeteer's page. */
export interface Tab {
  goto(url: string): Promise<unknown>
  evaluate<A extends unknown[], R>(work: (...args: A) => R, ...args: A): Promise<Awaited<R>>
  on(event: 'console', handler: (message: { type(): string; text(): string }) => void): unknown
  on(event: 'pageerror', handler: (error: unknown) => void): unknown
  setViewport(size: { width: number; height: number }): Promise<void>
  readonly mouse: {
    move(x: number, y: number, options?: { steps?: number }): Promise<void>
    down(): Promise<void>
    up(): Promise<void>
  }
}

interface Puppeteer {
  launch(options: object): Promise<{ newPage(): Promise<Tab>; close(): Promise<void> }>
}

/** Debian's Firefox, driven by WebDriver BiDi. */
export async function openFirefox(): Promise<{ tab: Tab; close: () => Promise<void> }> {
  const file = pathToFileURL(createRequire(home).resolve('puppeteer-core')).href
  const { launch } = (await import(file)) as Puppeteer
  const browser = await launch({
    browser: 'firefox',
    executablePath: firefoxPath,
    headless: true,
    protocolTimeout: 300_000,
  })
  const tab = await browser.newPage()
  await tab.setViewport({ width: 1200, height: 900 })
  return { tab, close: () => browser.close() }
}

/** Waits until there is an element with this text (all of it is a regular expression's), and returns what it says. */
export function textOf(tab: Tab, selector: string, pattern: string): Promise<string> {
  return tab.evaluate(
    (selector: string, pattern: string) =>
      new Promise<string>((done, refuse) => {
        const late = Date.now() + 100_000
        const look = () => {
          const texts = [...document.querySelectorAll(selector)].map((element) => element.textContent ?? '')
          const found = texts.find((text) => new RegExp(pattern).test(text))
          if (found !== undefined) done(found)
          else if (Date.now() > late) refuse(new Error(`${selector} does not say ${pattern}: ${texts.join(' | ')}`))
          else setTimeout(look, 30)
        }
        look()
      }),
    selector,
    pattern,
  )
}
