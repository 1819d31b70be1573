import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readNpy } from '../../src/data/formats/npy.js'
import { embed } from '../../src/generate.js'
import { InferenceSession } from '../../src/node.js'
import { WordPieceTokenizer } from '../../src/text/index.js'
import { writeModels } from '../clients/models.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const texts = ['a bird sang', 'two cats slept under the old tree while it sang', 'a dog', 'it']
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-embed-'))
  writeModels(folder)
  writeFileSync(join(folder, 'texts.txt'), texts.join('\n') + '\n')
  writeFileSync(
    join(folder, 'texts.jsonl'),
    texts
      .map((text, i) => JSON.stringify(i === 3 ? text : { id: i === 0 ? 'first' : undefined, body: text }))
      .join('\n'),
  )
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function run(...args: string[]) {
  return spawnSync(process.execPath, [main, 'embed', 'bert', '--build', 'simd', ...args], {
    cwd: folder,
    encoding: 'utf8',
  })
}

async function expected(options: Parameters<typeof embed>[2], cut = (tokens: Int32Array) => tokens) {
  const tokenizer = WordPieceTokenizer.fromJSON(readFileSync(join(folder, 'bert/tokenizer.json'), 'utf8'))
  await using session = await InferenceSession.create(join(folder, 'bert/onnx/model.onnx'), { build: 'simd' })
  return await embed(
    session,
    texts.map((text) => cut(tokenizer.encode(text))),
    options,
  )
}

test('lines of text become an array, lines of JSON become lines with vectors', async () => {
  const whole = run('--input', 'texts.txt', '-o', 'out.npy', '--json')
  expect(whole.status, whole.stderr).toBe(0)
  const { dtype, shape, data } = readNpy(readFileSync(join(folder, 'out.npy')), 'out.npy')
  const vectors = await expected({})
  expect([dtype, ...shape]).toEqual(['float32', texts.length, vectors[0].length])
  expect([...(data as Float32Array)]).toEqual(vectors.flatMap((vector) => [...vector]))
  expect(JSON.parse(whole.stdout)).toMatchObject({ texts: 4, size: vectors[0].length, tokens: 16, cut: 0 })

  const options = ['--field', 'body', '--pooling', 'cls', '--no-normalize', '--max-tokens', '3', '--batch', '2']
  const lines = run('--input', 'texts.jsonl', '-o', 'out.jsonl', ...options)
  expect(lines.status, lines.stderr).toBe(0)
  expect(lines.stdout).toMatch(/4 vectors of 32, 1 of texts cut to 3 tokens/)
  const made = readFileSync(join(folder, 'out.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id?: string; embedding: number[] })
  const cls = await expected({ pooling: 'cls', normalize: false, batchSize: 2 }, (tokens) => tokens.slice(0, 3))
  expect(made).toEqual(cls.map((vector, i) => ({ ...(i === 0 && { id: 'first' }), embedding: [...vector] })))
})

test('a folder of Sentence Transformers says how', async () => {
  const write = (name: string, value: object) => writeFileSync(join(folder, 'bert', name), JSON.stringify(value))
  mkdirSync(join(folder, 'bert/1_Pooling'), { recursive: true })
  const module = (type: string) => ({ type: `sentence_transformers.models.${type}` })
  write('modules.json', [module('Transformer'), module('Pooling')])
  write('sentence_bert_config.json', { max_seq_length: 2 })
  write('1_Pooling/config.json', { pooling_mode_cls_token: false, pooling_mode_max_tokens: true })
  try {
    expect(run('--input', 'texts.txt', '-o', 'said.npy').status).toBe(0)
    const { data } = readNpy(readFileSync(join(folder, 'said.npy')), 'said.npy')
    const vectors = await expected({ pooling: 'max', normalize: false }, (tokens) => tokens.slice(0, 2))
    expect([...(data as Float32Array)]).toEqual(vectors.flatMap((vector) => [...vector]))
    write('modules.json', [module('Transformer'), module('Pooling'), module('Dense')])
    const { status, stderr } = run('--input', 'texts.txt', '-o', 'said.npy')
    expect(status).toBe(1)
    expect(stderr).toMatch(/E_UNSUPPORTED: bert has a module Dense/)
  } finally {
    for (const name of ['modules.json', 'sentence_bert_config.json', '1_Pooling'])
      rmSync(join(folder, 'bert', name), { recursive: true })
  }
})

test('what is wrong is said with its line', () => {
  const refused = (code: number, message: RegExp, ...args: string[]) => {
    const { status, stderr } = run(...args)
    expect(stderr).toMatch(message)
    expect(status).toBe(code)
  }
  writeFileSync(join(folder, 'bad.jsonl'), '"a bird"\n{"text": "a"}\n{')
  writeFileSync(join(folder, 'other.jsonl'), '{"body": "a"}')
  writeFileSync(join(folder, 'blank.txt'), 'a bird\n\ncats\n')
  refused(2, /--input is missing/, '-o', 'x.npy')
  refused(2, /--output must be/, '--input', 'texts.txt', '-o', 'x.csv')
  refused(1, /E_PARSE: bad\.jsonl:3/, '--input', 'bad.jsonl', '-o', 'x.npy')
  refused(
    1,
    /E_VALUE: other\.jsonl:1: it has no text in text, sentence, content/,
    '--input',
    'other.jsonl',
    '-o',
    'x.npy',
  )
  refused(1, /E_VALUE: blank\.txt:2/, '--input', 'blank.txt', '-o', 'x.npy')
  refused(1, /ENOENT/, '--input', 'nothing.txt', '-o', 'x.npy')
})
