import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { generate, pastToPresent } from '../../src/generate.js'
import { InferenceSession } from '../../src/node.js'
import { Tokenizer } from '../../src/text/index.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const models = fileURLToPath(new URL('../../models/transformer-lm', import.meta.url))
const PROMPT = 'This film was'
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-generate-'))
  mkdirSync(join(folder, 'onnx'))
  copyFileSync(join(models, 'lm.onnx'), join(folder, 'onnx', 'model.onnx'))
  copyFileSync(join(models, 'tokenizer.json'), join(folder, 'tokenizer.json'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function run(...args: string[]) {
  return spawnSync(process.execPath, [main, 'generate', ...args], { cwd: folder, encoding: 'utf8' })
}

interface Made {
  readonly text: string
  readonly tokens: readonly number[]
  readonly given: number
}

function made(...args: string[]): Made {
  const prompt = args.includes('--prompt') ? [] : ['--prompt', PROMPT]
  const { status, stdout, stderr } = run('.', ...prompt, '--build', 'simd', '--json', ...args)
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout) as Made
}

test('a text is continued as the library does it, and shown as it is made', async () => {
  const tokenizer = Tokenizer.fromJSON(readFileSync(join(models, 'tokenizer.json'), 'utf8'))
  const session = await InferenceSession.create(join(models, 'lm.onnx'), { build: 'simd', states: pastToPresent })
  const expected: number[] = []
  for await (const token of generate(session, tokenizer.encode(PROMPT), { maxTokens: 8 })) expected.push(token)
  const { tokens, text, given } = made('--max-tokens', '8')
  expect(tokens).toEqual(expected)
  expect(text).toBe(tokenizer.decode(expected))
  expect(given).toBe(tokenizer.encode(PROMPT).length)
  const { status, stdout, stderr } = run('.', '--prompt', PROMPT, '--build', 'simd', '--max-tokens', '8')
  expect(status, stderr).toBe(0)
  expect(stdout).toMatch(/8 made in/)
  expect(stdout.startsWith(PROMPT + text.trimEnd())).toBe(true)
})

test('drawing follows its seed, beams search, a token of the configuration ends the text', () => {
  const drawn = ['--max-tokens', '6', '--temperature', '1', '--top-k', '50', '--top-p', '0.95']
  expect(made(...drawn, '--seed', '3').tokens).toEqual(made(...drawn, '--seed', '3').tokens)
  const texts = new Set(['4', '5', '6'].map((seed) => made(...drawn, '--seed', seed).text))
  expect(texts.size).toBeGreaterThan(1)
  expect(made('--max-tokens', '4', '--beams', '2').tokens.length).toBe(4)
  const { tokens } = made('--max-tokens', '5')
  writeFileSync(join(folder, 'generation_config.json'), JSON.stringify({ eos_token_id: [tokens[3]] }))
  expect(made('--max-tokens', '5').tokens).toEqual(tokens.slice(0, tokens.indexOf(tokens[3])))
  rmSync(join(folder, 'generation_config.json'))
})

test('several prompts side by side, stop texts, processors, a draft and a profile', () => {
  const { text, tokens } = made('--max-tokens', '12')
  const batch = run('.', '--prompt', PROMPT, '--prompt', 'It is', '--build', 'simd', '--max-tokens', '12', '--json')
  expect(batch.status, batch.stderr).toBe(0)
  const { texts } = JSON.parse(batch.stdout) as { texts: Made[] }
  expect(texts.map((one) => one.tokens)).toEqual([tokens, made('--max-tokens', '12', '--prompt', 'It is').tokens])
  const word = text.trim().split(/\s+/)[2]
  expect(made('--max-tokens', '12', '--stop', word).text).toBe(text.slice(0, text.indexOf(word)))
  const draft = ['--draft', 'onnx/model.onnx', '--draft-tokens', '3']
  expect(made('--max-tokens', '12', ...draft).tokens).toEqual(tokens)
  const once = made('--max-tokens', '30', '--no-repeat', '1').tokens
  expect(new Set(once).size).toBe(30)
  writeFileSync(join(folder, 'generation_config.json'), JSON.stringify({ eos_token_id: tokens[0] }))
  expect(made('--max-tokens', '5').tokens).toEqual([])
  expect(made('--max-tokens', '5', '--min-tokens', '2').tokens.length).toBeGreaterThanOrEqual(2)
  rmSync(join(folder, 'generation_config.json'))
  const profiled = run('.', '--prompt', PROMPT, '--build', 'simd', '--max-tokens', '5', '--profile')
  expect(profiled.status, profiled.stderr).toBe(0)
  expect(profiled.stdout).toMatch(/first token after .*; another every .* \(median\)/)
  expect(profiled.stdout).toMatch(/^Attention +[\d.]+ .?s +[\d.]+ %$/m)
}, 120_000)

test('what is missing is said', () => {
  const refused = (code: number, message: RegExp, ...args: string[]) => {
    const { status, stderr } = run(...args)
    expect(status, stderr).toBe(code)
    expect(stderr).toMatch(message)
  }
  refused(2, /--prompt is missing/, '.')
  refused(2, /one folder/, '--prompt', 'x')
  refused(2, /--stop is for one prompt/, '.', '--prompt', 'x', '--prompt', 'y', '--stop', 'z')
  refused(2, /--beams is for one prompt/, '.', '--prompt', 'x', '--prompt', 'y', '--beams', '2')
  refused(1, /E_EXTERNAL: onnx has neither tokenizer\.json nor tokenizer\.model/, 'onnx', '--prompt', 'x')
  refused(1, /other\.onnx" cannot be read/, '.', '--prompt', 'x', '--model', 'other.onnx')
  mkdirSync(join(folder, 'pair', 'onnx'), { recursive: true })
  copyFileSync(join(folder, 'tokenizer.json'), join(folder, 'pair', 'tokenizer.json'))
  writeFileSync(join(folder, 'pair', 'onnx', 'encoder_model.onnx'), '')
  refused(1, /E_UNSUPPORTED: pair has an encoder/, 'pair', '--prompt', 'x')
  writeFileSync(join(folder, 'config.json'), '{')
  refused(1, /E_PARSE: config\.json is no JSON/, '.', '--prompt', 'x')
  rmSync(join(folder, 'config.json'))
})
