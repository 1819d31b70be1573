import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import '../../src/all-ops.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../src/node.js'
import { readModel, writeModel } from '../../src/onnx/wire.js'
import { hasChromium } from '../support/chromium.js'
import { smallModel } from '../support/small-model.js'
import { hasFirefox, openFirefox, textOf } from './firefox.js'
import { drawLine, dropFile, hasAxe, openView, startSite, violations, type Site } from './site.js'

/** What the first view may take without the model, compressed. */
const FIRST_VIEW = 200_000

const seven = [
  [0.3, 0.25],
  [0.7, 0.25],
  [0.62, 0.45],
  [0.5, 0.8],
] as const

const three = [
  [0.3, 0.2],
  [0.6, 0.2],
  [0.65, 0.35],
  [0.45, 0.48],
  [0.7, 0.6],
  [0.6, 0.8],
  [0.3, 0.8],
] as const

describe.skipIf(!hasChromium)('the page in Chromium', () => {
  let site: Site
  beforeAll(async () => {
    site = await startSite()
  }, 300_000)
  afterAll(() => site?.close())

  test('a digit that is drawn by the mouse is read, and again after it was cleared', async () => {
    const { page, done } = await openView(site, 'draw')
    await page.getByText('Ready').waitFor()
    await drawLine(page, '.pad', seven)
    await page.locator('.answer strong', { hasText: '7' }).waitFor()
    expect(await page.locator('.facts').textContent()).toMatch(/^[\d.]+ ms for a picture/)
    await page.getByRole('button', { name: 'Clear' }).click()
    await page.getByText('Ready').waitFor()
    await drawLine(page, '.pad', [
      [0.5, 0.15],
      [0.5, 0.85],
    ])
    await page.locator('.answer strong', { hasText: '1' }).waitFor()
    await done()
  })

  test('a digit can be drawn by keys alone', async () => {
    const { page, done } = await openView(site, 'draw')
    await page.getByText('Ready').waitFor()
    await page.locator('.pad').focus()
    const press = async (key: string, times: number) => {
      for (let i = 0; i < times; i++) await page.keyboard.press(key)
    }
    await press('ArrowUp', 9)
    await press('Space', 1)
    await press('ArrowDown', 18)
    await press('Space', 1)
    await page.locator('.answer strong', { hasText: '1' }).waitFor()
    await press('Delete', 1)
    await page.getByText('Ready').waitFor()
    await done()
  })

  test('the first view takes one round trip after its HTML, and stays within its budget', async () => {
    // Answers are kept until all that the HTML names has been asked for; whatever is asked for later never comes.
    const html = readFileSync(join(site.folder, 'index.html'), 'utf8')
    const named = new Set(html.match(/\/page\/[\w.-]+\.(js|css|onnx)/g))
    expect(named.size).toBeGreaterThanOrEqual(4)
    const asked: string[] = []
    const waiting: (() => void)[] = []
    let open = true
    site.hold = (file, send) => {
      if (/(\/|\.html|icon\.svg)$/.test(file)) return send()
      if (!open) return
      asked.push(file)
      waiting.push(send)
      // Of the two builds of the kernels the engine takes one.
      open = !([...named].every((name) => asked.includes(name)) && asked.some((name) => name.endsWith('.wasm')))
      if (!open) for (const answer of waiting) answer()
    }
    try {
      const { page, done } = await openView(site, 'draw')
      await page.getByText('Ready').waitFor()
      await drawLine(page, '.pad', seven)
      await page.locator('.answer strong', { hasText: '7' }).waitFor()
      await done()
    } finally {
      site.hold = undefined
    }
    const sizes = ['/index.html', ...asked.filter((file) => !file.endsWith('.onnx'))].map(
      (file) => brotliCompressSync(readFileSync(join(site.folder, file))).length,
    )
    const total = sizes.reduce((a, b) => a + b, 0)
    expect(total).toBeLessThan(FIRST_VIEW)
    // Kernels and runtime alone are more than half of it: nothing was forgotten.
    expect(total).toBeGreaterThan(100_000)
  })

  test('signs are taught in fifty steps, tested, downloaded and loaded again', async () => {
    const { page, done } = await openView(site, 'teach')
    await page.getByRole('button', { name: 'Use drawn digits' }).click()
    // One more is drawn by hand: what is added is counted.
    await drawLine(page, '[aria-label="Draw examples"] .pad', three)
    await page.getByRole('button', { name: 'Add this drawing' }).click()
    await page.getByText('13 drawn').waitFor()
    await page.locator('#steps').fill('50')
    await page.getByRole('button', { name: 'Train' }).click()
    await page.getByText(/^Trained: 50 steps/).waitFor()
    expect(await page.locator('.curve').getAttribute('aria-label')).toMatch(/^The loss after 50 steps: [\d.]+$/)
    // Two of each twelve, the fifth and the tenth, are looked at twenty times each.
    const counts = (await page.locator('.confusion tbody td').allTextContents()).map(Number)
    expect(counts.length).toBe(9)
    expect(counts.reduce((a, b) => a + b, 0)).toBe(120)
    // Of those six four at least are right, where chance has two: what is drawn by the mouse differs from run to run,
    // and with it what is learned.
    expect(counts[0] + counts[4] + counts[8]).toBeGreaterThan(60)
    await drawLine(page, '[aria-label="Test"] .pad', three)
    const answer = page.locator('.tested .answer')
    await answer.locator('strong').waitFor()
    const said = await answer.textContent()
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download the ONNX file' }).click(),
    ])
    const bytes = readFileSync(await download.path())
    // The file is read by the library in Node, and by this page again.
    const session = await InferenceSession.create(bytes)
    expect(JSON.parse(session.metadata.get('classes') ?? '')).toEqual(['3', '5', '8'])
    await session.release()
    await page
      .locator('[aria-label="Test"] input[type=file]')
      .setInputFiles({ name: 'signs.onnx', mimeType: 'application/octet-stream', buffer: bytes })
    await page.getByText('Reads 3, 5, 8: the file signs.onnx').waitFor()
    expect(await answer.textContent()).toBe(said)
    await page
      .locator('[aria-label="Test"] input[type=file]')
      .setInputFiles({ name: 'other.onnx', mimeType: 'application/octet-stream', buffer: Buffer.from(smallModel()) })
    await page.getByText('this file was not made by this page').waitFor()
    await done()
  })

  test('a model that is dropped is drawn, run, profiled and compared with onnxruntime-web', async () => {
    const { page, done } = await openView(site, 'inspect')
    await dropFile(page, '.drop', 'dropped.onnx', smallModel())
    await page.getByText('Every operator is supported.').waitFor()
    await page.getByRole('heading', { name: 'dropped.onnx' }).waitFor()
    const ops = await page.locator('.graph .box.node .name').allTextContents()
    expect(ops).toEqual(expect.arrayContaining(['Conv', 'MaxPool', 'Gemm']))
    await page.locator('.graph .box.node', { hasText: 'MaxPool' }).first().click()
    await page.getByRole('heading', { name: /^MaxPool / }).waitFor()
    await page.locator('#input-0').selectOption('ones')
    await page.getByRole('button', { name: 'Run', exact: true }).click()
    const first = page.locator('.outputs tbody tr').first().locator('td').nth(3)
    await first.waitFor()
    const session = await InferenceSession.create(smallModel())
    const { scores } = await session.run({ image: new Tensor(new Float32Array(144).fill(1), [1, 1, 12, 12]) })
    await session.release()
    const shown = ((await first.textContent()) ?? '').replace(' …', '').split(', ').map(Number)
    const expected = Array.from(scores.data as Float32Array).slice(0, shown.length)
    shown.forEach((value, i) =>
      expect(Math.abs(value - expected[i])).toBeLessThan(1e-3 * Math.max(1, Math.abs(expected[i]))),
    )
    await page.getByRole('button', { name: 'Compare with onnxruntime-web' }).click()
    await page.locator('.comparison').getByText('they agree').first().waitFor()
    await page.getByRole('button', { name: 'Profile', exact: true }).click()
    await page.locator('.timeline').waitFor()
    // Names are searched, columns are sorted.
    await page.getByLabel('Find').fill('maxpool')
    const nodes = page.locator('[aria-label="Every node"] tbody tr')
    for (const row of await nodes.allTextContents()) expect(row.toLowerCase()).toContain('maxpool')
    await page.getByLabel('Find').fill('')
    await page.locator('.profile').getByRole('button', { name: 'ms', exact: true }).click()
    const ms = (await page.locator('[aria-label="Every node"] tbody td:nth-child(5)').allTextContents()).map(Number)
    expect(ms.length).toBeGreaterThan(3)
    expect(ms).toEqual([...ms].sort((a, b) => b - a))
    // Bars are chosen by keys.
    await page.locator('.timeline').focus()
    await page.keyboard.press('Home')
    expect(await page.locator('.timeline [aria-selected=true]').count()).toBe(1)
    if (hasAxe) expect(await violations(page)).toEqual([])
    await done()
  })

  test('what is not supported is listed and drawn, and files that are no models are refused', async () => {
    const { page, done } = await openView(site, 'inspect')
    await dropFile(page, '.drop', 'broken.onnx', new Uint8Array([1, 2, 3]))
    await page.locator('.about .problem').waitFor()
    const builder = new GraphBuilder('odd')
    builder.output(builder.op('Relu', [builder.input('x', 'float32', [2])]), 'y')
    const proto = readModel(exportModel(builder.graph()))
    const graph = proto.graph!
    const node = graph.node.map((one) => (one.opType === 'Relu' ? { ...one, opType: 'Rolu' } : one))
    const odd = writeModel({ ...proto, graph: { ...graph, node } })
    await dropFile(page, '.drop', 'odd.onnx', odd)
    await page.getByRole('heading', { name: 'Operators that are not supported' }).waitFor()
    expect(await page.locator('.graph .unsupported .name').allTextContents()).toEqual(['Rolu'])
    await done()
  })

  test('a drawn number is read beside the page, a scene is described with attention', async () => {
    const { page, done } = await openView(site, 'picture')
    await page.getByRole('button', { name: 'Try a drawn number' }).click()
    await page.locator('.answer').waitFor()
    expect(await page.locator('.answer').textContent()).toMatch(/^(\d+|No number was found\.)$/)
    await page.getByLabel('Describe a drawn scene').check()
    await page.getByRole('button', { name: 'Draw a scene' }).click()
    await page.locator('.caption').waitFor()
    expect(await page.locator('.caption').textContent()).toMatch(/^“.*(circle|square|triangle|cross).*”$/)
    expect(await page.locator('.words canvas').count()).toBe(await page.locator('.words figcaption').count())
    // A camera, here a made-up one, takes a picture for the same network.
    await page.getByRole('button', { name: 'Use the camera' }).click()
    await page.getByRole('button', { name: 'Take the picture' }).click()
    await page.locator('.caption').waitFor()
    if (hasAxe) expect(await violations(page)).toEqual([])
    await done()
  })

  test('two profiles stand beside each other, one of them from the command', async () => {
    const { page, done } = await openView(site, 'profile')
    await page.getByRole('button', { name: 'With and without graph passes' }).click()
    await page.locator('.timeline').nth(1).waitFor()
    await page.getByRole('heading', { name: 'A: house-numbers' }).waitFor()
    expect(await page.locator('.profile svg[aria-label^="Roofline"] .roof').count()).toBe(1)
    expect(await page.locator('.profile .block').count()).toBeGreaterThan(10)
    const node = { op: 'Conv', kernel: 'direct', bytes: 1000, flops: 4000 }
    const written = { model: 'before.onnx', engine: 'a machine', runs: 3, nodes: [{ ...node, node: 'one', ms: 2 }] }
    await page.getByLabel('Compare with').setInputFiles({
      name: 'before.json',
      mimeType: 'application/json',
      buffer: Buffer.from(JSON.stringify(written)),
    })
    await page.getByRole('heading', { name: 'B: before.onnx' }).waitFor()
    await page
      .getByLabel('Compare with')
      .setInputFiles({ name: 'odd.json', mimeType: 'application/json', buffer: Buffer.from('{"nodes":[{}]}') })
    await page.getByText('odd.json is no profile').waitFor()
    if (hasAxe) expect(await violations(page)).toEqual([])
    await done()
  })

  test('the device is measured in a worker', async () => {
    const { page, done } = await openView(site, 'measure')
    await page.locator('#peer').uncheck()
    await page.getByRole('button', { name: 'Measure this device' }).click()
    await page.getByText('Done.').waitFor()
    const rows = page.locator('.measured tbody tr')
    expect(await rows.count()).toBe(10)
    for (const text of await page.locator('.measured tbody td:nth-child(2)').allTextContents())
      expect(Number.parseFloat(text)).toBeGreaterThan(0)
    if (hasAxe) expect(await violations(page)).toEqual([])
    await done()
  })

  test.skipIf(!hasFirefox)('Firefox reads a drawn digit, takes a file and trains', async () => {
    const { tab, close } = await openFirefox()
    try {
      const said: string[] = []
      tab.on('console', (message) => {
        if (message.type() === 'error') said.push(message.text())
      })
      tab.on('pageerror', (error) => said.push(String(error)))
      await tab.goto(`${site.origin}#/draw`)
      await textOf(tab, '.facts', '^Ready')
      const { x, y, side } = await tab.evaluate(() => {
        const box = document.querySelector('.pad')!.getBoundingClientRect()
        return { x: box.left, y: box.top, side: box.width }
      })
      const [[left, top], ...others] = seven.map(([right, below]) => [x + right * side, y + below * side] as const)
      await tab.mouse.move(left, top)
      await tab.mouse.down()
      for (const [across, down] of others) await tab.mouse.move(across, down, { steps: 6 })
      await tab.mouse.up()
      await textOf(tab, '.answer strong', '^7$')
      await tab.goto(`${site.origin}#/inspect`)
      await textOf(tab, 'h1', 'Inspect')
      await tab.evaluate((base64: string) => {
        const transfer = new DataTransfer()
        transfer.items.add(new File([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))], 'dropped.onnx'))
        document.querySelector('.drop')!.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true }))
      }, Buffer.from(smallModel()).toString('base64'))
      await textOf(tab, '.fine', 'Every operator is supported')
      await tab.goto(`${site.origin}#/teach`)
      await textOf(tab, 'button', '^Use drawn digits')
      await tab.evaluate(() => {
        const press = (name: string) =>
          [...document.querySelectorAll('button')].find((button) => button.textContent?.startsWith(name))!.click()
        press('Use drawn digits')
        document.querySelector<HTMLInputElement>('#steps')!.value = '50'
        press('Train')
      })
      await textOf(tab, '.facts', '^Trained: 50 steps')
      expect(said).toEqual([])
    } finally {
      await close()
    }
  })

  test.skipIf(!hasFirefox)('Firefox reads a number, describes a scene, profiles and measures', async () => {
    const { tab, close } = await openFirefox()
    try {
      const said: string[] = []
      tab.on('console', (message) => {
        if (message.type() === 'error') said.push(message.text())
      })
      tab.on('pageerror', (error) => said.push(String(error)))
      const press = async (name: string): Promise<void> => {
        await textOf(tab, 'button', `^${name}`)
        await tab.evaluate(
          (name: string) =>
            [...document.querySelectorAll('button')].find((button) => button.textContent?.startsWith(name))!.click(),
          name,
        )
      }
      await tab.goto(`${site.origin}#/picture`)
      await press('Try a drawn number')
      await textOf(tab, '.answer', '^(\\d+|No number was found\\.)$')
      await tab.evaluate(() => {
        const label = [...document.querySelectorAll('label')].find(({ textContent }) =>
          textContent?.includes('Describe a drawn scene'),
        )
        label!.click()
      })
      await press('Draw a scene')
      await textOf(tab, '.caption', '^“.*(circle|square|triangle|cross).*”$')
      await tab.goto(`${site.origin}#/profile`)
      await press('With and without graph passes')
      await textOf(tab, 'h2, h3', '^B: house-numbers')
      await tab.goto(`${site.origin}#/measure`)
      await textOf(tab, 'button', '^Measure this device')
      await tab.evaluate(() => document.querySelector<HTMLInputElement>('#peer')!.click())
      await press('Measure this device')
      await textOf(tab, 'p', '^Done\\.')
      const figures = await tab.evaluate(() =>
        [...document.querySelectorAll('.measured tbody td:nth-child(2)')].map(({ textContent }) => textContent ?? ''),
      )
      expect(figures.length).toBe(10)
      for (const text of figures) expect(Number.parseFloat(text)).toBeGreaterThan(0)
      expect(said).toEqual([])
    } finally {
      await close()
    }
  })

  test.skipIf(!hasAxe).each([
    ['draw', 'light', 1200],
    ['draw', 'dark', 390],
    ['teach', 'dark', 390],
    ['picture', 'light', 390],
    ['inspect', 'dark', 390],
    ['profile', 'light', 390],
    ['measure', 'dark', 390],
  ] as const)('axe-core finds nothing: %s, %s, %i pixels', async (view, scheme, width) => {
    const { page, done } = await openView(site, view, { width, scheme })
    await page.locator(`.view.${view} h1`).waitFor()
    expect(await violations(page)).toEqual([])
    const link = (await page.locator('nav [aria-current]').boundingBox()) ?? { x: -1, width: 0 }
    expect(link.x).toBeGreaterThanOrEqual(0)
    expect(link.x + link.width).toBeLessThanOrEqual(width)
    // Nothing is wider than the window.
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
    await done()
  })
})
