import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { logMelGraph, speechConfig, transcribe, type SpeechSegment } from '../../src/generate.js'
import { exportModel, InferenceSession } from '../../src/node.js'
import { WordPieceTokenizer } from '../../src/text/index.js'
import { writeModels } from '../clients/models.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
/** A second and a half of two channels, whose mean is the sound. */
const sound = Int16Array.from({ length: 24_000 }, (_, i) => 8000 * Math.sin(i / 7) * Math.sin(i / 900) ** 2)
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-transcribe-'))
  writeModels(folder)
  const stereo = new Int16Array(2 * sound.length)
  sound.forEach((x, i) => stereo.set([x + 500, x - 500], 2 * i))
  const head = Buffer.alloc(44)
  head.write('RIFF', 0)
  head.writeUInt32LE(36 + stereo.byteLength, 4)
  head.write('WAVEfmt ', 8)
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(2, 22)
  head.writeUInt32LE(16_000, 24)
  head.writeUInt32LE(64_000, 28)
  head.writeUInt16LE(4, 32)
  head.writeUInt16LE(16, 34)
  head.write('data', 36)
  head.writeUInt32LE(stereo.byteLength, 40)
  writeFileSync(join(folder, 'sound.wav'), Buffer.concat([head, Buffer.from(stereo.buffer)]))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function run(...args: string[]) {
  return spawnSync(process.execPath, [main, 'transcribe', ...args], { cwd: folder, encoding: 'utf8' })
}

test('a file is written down as the library does it, and as subtitles', async () => {
  const json = (name: string) =>
    JSON.parse(readFileSync(join(folder, 'whisper', `${name}.json`), 'utf8')) as Record<string, unknown>
  const config = speechConfig({
    config: json('config'),
    generation: json('generation_config'),
    preprocessor: json('preprocessor_config'),
  })
  const create = (name: string) => InferenceSession.create(join(folder, 'whisper/onnx', name), { build: 'simd' })
  const model = {
    config,
    tokenizer: WordPieceTokenizer.fromJSON(json('tokenizer')),
    features: await InferenceSession.create(exportModel(logMelGraph(config.sound)), { build: 'simd' }),
    encoder: await create('encoder_model.onnx'),
    decoder: await create('decoder_model_merged.onnx'),
  }
  const expected: SpeechSegment[] = []
  const samples = Float32Array.from(sound, (x) => x / 32768)
  for await (const segment of transcribe(model, samples, { language: 'en', maxTokens: 7 })) expected.push(segment)
  expect(expected.map(({ from, to }) => [from, to])).toEqual([
    [0, 1],
    [1, 1.5],
  ])
  const args = ['whisper', 'sound.wav', '--build', 'simd', '--max-tokens', '7', '--srt', 'sound.srt']
  const made = run(...args, '--json')
  expect(made.status, made.stderr).toBe(0)
  const text = expected.map((segment) => segment.text).join(' ')
  expect(JSON.parse(made.stdout)).toMatchObject({ language: 'en', text, seconds: 1.5, segments: expected })
  expect(readFileSync(join(folder, 'sound.srt'), 'utf8')).toBe(
    `1\n00:00:00,000 --> 00:00:01,000\n${expected[0].text}\n\n2\n00:00:01,000 --> 00:00:01,500\n${expected[1].text}\n`,
  )
  const shown = run(...args)
  expect(shown.stdout).toContain(`[00:00:01.000 → 00:00:01.500] ${expected[1].text}\n`)
  expect(shown.stdout).toMatch(/1\.5 s of sound in .* language en/)
})

test('what is missing is said', () => {
  const refused = (code: number, message: RegExp, ...args: string[]) => {
    const { status, stderr } = run(...args)
    expect(stderr).toMatch(message)
    expect(status).toBe(code)
  }
  refused(2, /a folder of a model and a \.wav file/, 'whisper')
  refused(1, /E_EXTERNAL: bert has no generation_config\.json/, 'bert', 'sound.wav')
  refused(1, /E_PARSE: whisper\/config\.json/, 'whisper', 'whisper/config.json')
  refused(1, /E_VALUE: the model has no language "xx"/, 'whisper', 'sound.wav', '--language', 'xx')
})
