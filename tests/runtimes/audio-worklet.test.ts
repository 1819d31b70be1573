// examples/audio-worklet with the packed library, in the audio worklet of Chromium and in Node.
import { build } from 'esbuild'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromiumFlags, chromiumPath, hasChromium, serve } from '../support/chromium.js'
import { readWav } from '../support/formats/wav.js'
import { root } from '../support/package.js'
import { installedIn } from '../support/set-up/installed.js'
import { sharedPath } from '../support/shared.js'

/** What render.js of the example gives, with lists for arrays. */
interface Rendered {
  readonly sound: number[]
  readonly speech: number[]
  readonly share: number
}
interface PageGlobals {
  render(samples: Float32Array, options: object): Promise<{ sound: Float32Array; speech: Float32Array; share: number }>
}

/** The same in Node, in portions as an audio worklet has them. */
const inNode = `
import { readFileSync, writeFileSync } from 'node:fs'
import { SpeechStream } from './stream.js'
import { exampleSound } from './sound.js'
const file = process.argv[2]
const bytes = file && readFileSync(file)
const samples = bytes ? new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)) : exampleSound(16000, 4)
const stream = new SpeechStream({ denoiser: readFileSync('denoiser.onnx'), voice: readFileSync('voice.onnx'), options: { build: 'simd' } })
const [sound, speech] = [samples, samples].map(({ length }) => new Float32Array(length))
for (let at = 0; at < samples.length; at += 128) stream.process(samples.subarray(at, at + 128), sound.subarray(at, at + 128), speech.subarray(at, at + 128))
for (const [name, values] of Object.entries({ samples, sound, speech })) writeFileSync(name + '.f32', values)
`

describe.skipIf(!hasChromium)('the example of an audio worklet', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lanewise-worklet-'))
  const example = join(folder, 'audio-worklet')
  const recording = sharedPath('models', 'gtcrn', 'test_wavs', 'mix.wav')
  let browser: Browser
  let server: Server
  let origin: string

  beforeAll(async () => {
    installedIn(folder)
    cpSync(join(root, 'examples/audio-worklet'), example, {
      recursive: true,
      filter: (path) => !/node_modules|\.onnx$|dist$/.test(path.slice(root.length)),
    })
    writeFileSync(join(example, 'in-node.js'), inNode)
    await build({
      entryPoints: ['render.js', 'worklet.js'].map((file) => join(example, file)),
      bundle: true,
      minify: true,
      format: 'esm',
      outdir: join(example, 'dist'),
      logLevel: 'error',
    })
    writeFileSync(
      join(example, 'dist/index.html'),
      '<!doctype html><link rel="icon" href="data:,"><script type="module">import { render } from "./render.js"; globalThis.render = render</script>',
    )
    ;({ server, origin } = await serve(join(example, 'dist')))
    browser = await chromium.launch({ executablePath: chromiumPath, args: chromiumFlags })
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await new Promise((done) => (server ? server.close(done) : done(undefined)))
    rmSync(folder, { recursive: true, force: true })
  })

  const node = (...args: string[]) => void execFileSync(process.execPath, args, { cwd: example, encoding: 'utf8' })
  const floats = (name: string) => new Float32Array(new Uint8Array(readFileSync(join(example, `${name}.f32`))).buffer)

  async function inWorklet(samples: Float32Array): Promise<Rendered> {
    for (const file of ['denoiser.onnx', 'voice.onnx']) cpSync(join(example, file), join(example, 'dist', file))
    const tab = await browser.newPage()
    const said: string[] = []
    tab.on('console', (message) => said.push(message.text()))
    try {
      await tab.goto(`${origin}/index.html`)
      await tab.waitForFunction('globalThis.render')
      const rendered = await tab.evaluate(async (samples) => {
        const { render } = globalThis as unknown as PageGlobals
        const { sound, speech, share } = await render(Float32Array.from(samples), { build: 'simd' })
        return { sound: Array.from(sound), speech: Array.from(speech), share }
      }, Array.from(samples))
      expect(said).toEqual([])
      return rendered
    } finally {
      await tab.close()
    }
  }

  /** Renders in a worklet what Node has made of the same samples. */
  async function compared(): Promise<Record<'samples' | 'sound' | 'speech', Float32Array>> {
    const [samples, sound, speech] = ['samples', 'sound', 'speech'].map(floats)
    const rendered = await inWorklet(samples)
    expect(rendered.sound).toEqual(Array.from(sound))
    expect(rendered.speech).toEqual(Array.from(speech))
    console.log(`rendered in ${(100 * rendered.share).toFixed(1)} % of the time that it sounds`)
    return { samples, sound, speech }
  }
  const power = (values: Float32Array) => values.reduce((sum, x) => sum + x * x, 0) / values.length

  test('small models of its own: the bits of Node, less noise, and a voice where there is one', async () => {
    rmSync(join(example, 'denoiser.onnx'), { force: true })
    rmSync(join(example, 'voice.onnx'), { force: true })
    node('models.js')
    node('in-node.js')
    const { samples, sound, speech } = await compared()
    const second = (values: Float32Array, n: number) => values.subarray(16000 * n, 16000 * (n + 1))
    expect(power(second(sound, 2))).toBeLessThan(0.1 * power(second(samples, 2)))
    expect(power(second(sound, 3))).toBeGreaterThan(0.8 * power(second(samples, 3)))
    expect(speech[16000 * 2.5]).toBeLessThan(0.1)
    expect(speech[16000 * 3.5]).toBeGreaterThan(0.9)
  }, 120_000)

  test.skipIf(recording === undefined)(
    'gtcrn and silero-vad over a recording: the bits of Node',
    async () => {
      const models = join(recording ?? '', '../../..')
      const copy = (from: string, to: string) => writeFileSync(join(example, to), readFileSync(join(models, from)))
      copy('gtcrn/gtcrn_simple.onnx', 'denoiser.onnx')
      copy('silero-vad/silero_vad_16k_op15.onnx', 'voice.onnx')
      const { samples } = readWav(readFileSync(recording ?? ''))
      const whole = samples.slice(0, samples.length - (samples.length % 128))
      writeFileSync(join(example, 'mix.f32'), whole)
      node('in-node.js', 'mix.f32')
      const { sound, speech } = await compared()
      // What gtcrn's authors have published, 512 samples later: to its steps of 1/32768, and to what is left of their
      // first frame, which they reflect.
      const published = readWav(readFileSync(join(models, 'gtcrn/test_wavs/enh.wav'))).samples
      const differences = sound.subarray(512 + 16000, 512 + 32000).map((x, i) => x - published[16000 + i])
      expect(power(differences)).toBeLessThan(1e-3 * power(published.subarray(16000, 32000)))
      expect(speech.some((probability) => probability > 0.9)).toBe(true)
      expect(speech.some((probability) => probability < 0.1)).toBe(true)
    },
    120_000,
  )
})
