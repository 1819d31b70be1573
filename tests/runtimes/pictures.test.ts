// Pictures as tensors and back, beside onnxruntime-common in Chromium.
import { build } from 'esbuild'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromiumFlags, chromiumPath, hasChromium, serve } from '../support/chromium.js'
import { root } from '../support/package.js'

/** What is done with a picture or a tensor, in both libraries. */
interface Task {
  readonly what:
    | 'ImageData'
    | 'translucent ImageData'
    | 'ImageBitmap'
    | 'HTMLImageElement'
    | 'address'
    | 'toImageData'
    | 'toDataURL'
  readonly options?: object
  /** Of the tensor that becomes a picture. */
  readonly dims?: readonly number[]
}

type Outcome = { readonly dims?: number[]; readonly data?: number[]; readonly text?: string; readonly error?: true }

interface PageGlobals {
  both(task: Task): Promise<{ ours: Outcome; theirs: Outcome }>
}

const page = `
import { Tensor } from ${JSON.stringify(join(root, 'dist/browser.js'))}
import { Tensor as OrtTensor } from 'onnxruntime-common'

const [width, height] = [5, 4]
function pixels(alpha) {
  const data = new ImageData(width, height)
  for (let i = 0; i < data.data.length; i++) data.data[i] = i % 4 === 3 ? alpha(i) : (i * 37 + 11) % 256
  return data
}
async function source(what) {
  if (what === 'translucent ImageData') return pixels((i) => (i * 13) % 256)
  const data = pixels(() => 255)
  if (what === 'ImageData') return data
  if (what === 'ImageBitmap') return createImageBitmap(data)
  if (what === 'address') return '/picture.png'
  const image = new Image()
  image.src = '/picture.png'
  await image.decode()
  return image
}
async function outcome(Tensor, { what, options, dims }) {
  // onnxruntime writes into the options.
  const own = options && structuredClone(options)
  try {
    if (!what.startsWith('to')) {
      const { dims, data } = await Tensor.fromImage(await source(what), own)
      return { dims: [...dims], data: [...data] }
    }
    const size = dims.reduce((a, b) => a * b, 1)
    const bytes = Float32Array.from({ length: size }, (_, i) => ((i * 29 + 7) % 256) / 255)
    const tensor = new Tensor('float32', bytes, dims)
    if (what === 'toDataURL') return { text: tensor.toDataURL(own) }
    const { width, height, data } = tensor.toImageData(own)
    return { dims: [height, width], data: [...data] }
  } catch {
    return { error: true }
  }
}
globalThis.both = async (task) => ({ ours: await outcome(Tensor, task), theirs: await outcome(OrtTensor, task) })
`

const formats = [undefined, 'RGB', 'RGBA', 'BGR', 'RBG'] as const
const norms = [
  { mean: 127.5, bias: -127.5 },
  { mean: [58.395, 57.12, 57.375], bias: [-123.675, -116.28, -103.53] },
  { mean: [255, 128, 64, 32], bias: [0, 1, 2, 3] },
]
const sized = { resizedWidth: 3, resizedHeight: 2 }

const tasks: Task[] = [
  { what: 'ImageData' },
  { what: 'translucent ImageData' },
  { what: 'HTMLImageElement' },
  { what: 'HTMLImageElement', options: { norm: norms[2] } },
  { what: 'HTMLImageElement', options: sized },
  { what: 'HTMLImageElement', options: { resizedWidth: 7, resizedHeight: 6 } },
  { what: 'HTMLImageElement', options: { tensorFormat: 'RGB' } },
  { what: 'address' },
  { what: 'ImageData', options: { tensorLayout: 'NHWC' } },
  { what: 'ImageData', options: { resizedWidth: 3 } },
  ...(['ImageData', 'translucent ImageData', 'ImageBitmap', 'address'] as const).flatMap((what) => [
    ...formats.map((tensorFormat) => ({ what, options: { ...(tensorFormat && { tensorFormat }) } })),
    ...norms.map((norm, i) => ({ what, options: { norm, tensorFormat: (['RGB', 'BGR', 'RGBA'] as const)[i] } })),
    { what, options: { ...sized, tensorFormat: 'RGB' } },
    { what, options: { resizedWidth: 7, resizedHeight: 6, tensorFormat: 'RGBA' } },
  ]),
  // Left out: BGR and channels that stand last, which onnxruntime reads as if they were RGB, channel by channel; RBG
  // and options without a format, which it refuses.
  { what: 'toImageData', dims: [1, 3, 4, 5] },
  { what: 'toImageData', dims: [1, 3, 4, 5], options: { format: 'RGB' } },
  { what: 'toImageData', dims: [1, 4, 4, 5], options: { format: 'RGBA' } },
  { what: 'toImageData', dims: [1, 4, 4, 5], options: { format: 'RGB' } },
  { what: 'toImageData', dims: [1, 3, 4, 5], options: { format: 'RGB', norm: { mean: 200, bias: 0.1 } } },
  {
    what: 'toImageData',
    dims: [1, 3, 4, 5],
    options: { format: 'RGB', norm: { mean: [200, 100, 50], bias: [0, 0.1, 0.2] } },
  },
  { what: 'toDataURL', dims: [1, 3, 4, 5] },
  { what: 'toDataURL', dims: [1, 3, 4, 5], options: { format: 'RGB', norm: { mean: 255, bias: 0 } } },
]

describe.skipIf(!hasChromium)('pictures', () => {
  let folder: string
  let server: Server
  let browser: Browser
  let tab: Page

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lanewise-pictures-'))
    const site = join(folder, 'site')
    mkdirSync(site)
    writeFileSync(join(folder, 'page.js'), page)
    await build({
      entryPoints: [join(folder, 'page.js')],
      outfile: join(site, 'page.js'),
      bundle: true,
      format: 'esm',
      platform: 'browser',
      nodePaths: [join(root, 'node_modules')],
      logLevel: 'error',
    })
    writeFileSync(
      join(site, 'index.html'),
      '<!doctype html><title>pictures</title><script type="module" src="page.js"></script>',
    )
    const data = Uint8Array.from({ length: 4 * 5 * 3 }, (_, i) => (i * 71 + 5) % 256)
    writeFileSync(
      join(site, 'picture.png'),
      await sharp(data, { raw: { width: 5, height: 4, channels: 3 } })
        .png()
        .toBuffer(),
    )
    const served = await serve(site, [])
    server = served.server
    browser = await chromium.launch({ executablePath: chromiumPath, args: chromiumFlags })
    tab = await browser.newPage()
    tab.setDefaultTimeout(120_000)
    await tab.goto(`${served.origin}/index.html`)
    await tab.waitForFunction('globalThis.both')
  }, 180_000)

  afterAll(async () => {
    await browser?.close()
    await new Promise((done) => (server ? server.close(done) : done(undefined)))
    rmSync(folder, { recursive: true, force: true })
  })

  test.each(
    tasks.map(
      (task) =>
        [`${task.what} ${(task.dims ?? []).join('×')} ${JSON.stringify(task.options ?? 'alone')}`, task] as const,
    ),
  )('%s is as in onnxruntime', async (_, task) => {
    const { ours, theirs } = await tab.evaluate((task) => (globalThis as unknown as PageGlobals).both(task), task)
    expect(ours).toEqual(theirs)
  })
})
