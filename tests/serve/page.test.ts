import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ModelServer } from '../../src/serve.js'
import { chromiumFlags, chromiumPath, hasChromium } from '../support/chromium.js'
import { serve } from './built.js'
import { post } from './client.js'
import { modelFolder } from './models.js'

describe.skipIf(!hasChromium)('the page', () => {
  let folder: string
  let server: ModelServer
  let browser: Browser
  let page: Page
  const problems: string[] = []

  beforeAll(async () => {
    folder = modelFolder()
    const models = ['small', 'scaled'].map((name) => join(folder, `${name}.onnx`))
    server = await serve({ models, port: 0, threads: 1, poll: 0 })
    browser = await chromium.launch({ executablePath: chromiumPath, args: chromiumFlags })
    page = await browser.newPage()
    // A policy that refuses something says so on the console.
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
    page.on('pageerror', (error) => problems.push(error.message))
    await page.goto(server.url)
  }, 60_000)

  afterAll(async () => {
    await browser.close()
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const answered = async (): Promise<string> => {
    await page.click('button')
    await page.waitForFunction(() => / ms$/.test(document.querySelector('#answer')?.textContent ?? ''))
    return (await page.textContent('#answer')) ?? ''
  }

  test('shows the models and their inputs', async () => {
    await page.waitForSelector('legend')
    expect(await page.locator('option').allTextContents()).toEqual(['small', 'scaled'])
    expect(await page.locator('legend').allTextContents()).toEqual(['image: FP32 [-1, 1, 8, 8]'])
  })

  test('gives a model the pixels of a picture that is chosen', async () => {
    const grey = Uint8Array.from({ length: 64 }, (_, i) => 4 * i)
    const picture = join(folder, 'picture.png')
    writeFileSync(
      picture,
      await sharp(grey, { raw: { width: 8, height: 8, channels: 1 } })
        .png()
        .toBuffer(),
    )
    await page.setInputFiles('input[type=file]', picture)
    const data = [...grey].map((value) => value / 255)
    const { json } = await post(`${server.url}/v2/models/small/infer`, {
      inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 8, 8], data }],
    })
    const text = await answered()
    expect(text).toMatch(/^scores: FP32 \[1, 36\]/)
    const shown = (/first: (.*)/.exec(text)?.[1] ?? '').split(', ').map(Number)
    expect(shown.length).toBe(20)
    shown.forEach((value, i) => expect(value).toBeCloseTo(json.outputs[0].data[i], 3))
  })

  test('gives a model numbers, and says what is wrong with them', async () => {
    await page.selectOption('#model', 'scaled')
    await page.waitForFunction(() => document.querySelector('legend')?.textContent?.startsWith('x:'))
    await page.fill('textarea', '1, 2')
    expect(await answered()).toMatch(/^y: FP32 \[1, 2\]\n.*\n {2}first: 2\.0000, 4\.0000\n/)
    expect(problems).toEqual([])
    await page.fill('textarea', '1, 2, 3')
    await page.click('button')
    await page.waitForFunction(() => document.querySelector('#answer')?.textContent?.includes('but 3 were sent'))
  })
})
