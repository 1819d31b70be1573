import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import { chromiumFlags, chromiumPath, hasChromium } from '../support/chromium.js'
import { load, Skipped } from './row.js'

export const firefoxPath = process.env.FIREFOX_PATH ?? '/usr/bin/firefox-esr'

/** A browser in which pages are opened one after the other. */
export interface Browser {
  readonly version: string
  /**
   * Opens a page, and waits until an expression has a value, by default for what it makes `globalThis.answer` promise.
   */
  answer<T>(url: string, expression?: string): Promise<T>
  close(): Promise<void>
}

interface Tab {
  goto(url: string): Promise<unknown>
  evaluate(script: string): Promise<unknown>
  close(): Promise<void>
  on(event: 'pageerror', handler: (error: unknown) => void): unknown
}

/** A page's errors at the top level are its answer. */
async function ask<T>(tab: Tab, url: string, expression = 'globalThis.answer'): Promise<T> {
  let fail: (error: Error) => void
  const failed = new Promise<never>((_, reject) => (fail = reject))
  tab.on('pageerror', (error) => fail(error instanceof Error ? error : new Error(String(error))))
  const given = (async () => {
    await tab.goto(url)
    return (await tab.evaluate(`new Promise((resolve, reject) => {
      const late = Date.now() + 120000
      const look = () => {
        const value = ${expression}
        if (value) Promise.resolve(value).then(resolve, reject)
        else if (Date.now() > late) reject(new Error('the page gives no answer'))
        else setTimeout(look, 20)
      }
      look()
    })`)) as T
  })()
  try {
    return await Promise.race([given, failed])
  } finally {
    given.catch(() => undefined)
    failed.catch(() => undefined)
    await tab.close()
  }
}

/** @throws Skipped if there is no Chromium. */
export async function openChromium(): Promise<Browser> {
  if (!hasChromium) throw new Skipped(`there is no Chromium at ${chromiumPath}`)
  const browser = await chromium.launch({ executablePath: chromiumPath, args: chromiumFlags })
  return {
    version: browser.version(),
    answer: async (url, expression) => ask(await browser.newPage(), url, expression),
    close: () => browser.close(),
  }
}

/** Chromium with an extension, whose pages are opened by their names. @throws Skipped if there is no Chromium. */
export async function openExtension(folder: string): Promise<Browser> {
  if (!hasChromium) throw new Skipped(`there is no Chromium at ${chromiumPath}`)
  const context = await chromium.launchPersistentContext('', {
    executablePath: chromiumPath,
    headless: false,
    args: [
      ...chromiumFlags.map((flag) => (flag === '--headless' ? '--headless=new' : flag)),
      `--disable-extensions-except=${folder}`,
      `--load-extension=${folder}`,
    ],
  })
  const worker = context.serviceWorkers().at(0) ?? (await context.waitForEvent('serviceworker', { timeout: 30_000 }))
  const origin = new URL(worker.url()).host
  return {
    version: context.browser()?.version() ?? '',
    answer: async (page, expression) =>
      ask(await context.newPage(), `chrome-extension://${origin}/${page}`, expression),
    close: () => context.close(),
  }
}

/** What is used of puppeteer-core. */
interface Puppeteer {
  launch(options: object): Promise<{
    version(): Promise<string>
    newPage(): Promise<Tab>
    close(): Promise<void>
  }>
}

/** Debian's Firefox, which is driven by WebDriver BiDi. @throws Skipped if there is none. */
export async function openFirefox(folder: string): Promise<Browser> {
  if (!existsSync(firefoxPath))
    throw new Skipped(
      `there is no Firefox at ${firefoxPath} (Debian: apt-get install firefox-esr; elsewhere set FIREFOX_PATH)`,
    )
  const { launch } = await load<Puppeteer>(folder, 'puppeteer-core')
  const browser = await launch({
    browser: 'firefox',
    executablePath: firefoxPath,
    headless: true,
    protocolTimeout: 300_000,
    extraPrefsFirefox: { 'dom.serviceWorkers.testing.enabled': true },
  })
  return {
    version: (await browser.version()).replace(/^firefox\//i, ''),
    answer: async (url, expression) => ask(await browser.newPage(), url, expression),
    close: () => browser.close(),
  }
}
