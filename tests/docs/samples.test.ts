import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { installedIn } from '../support/set-up/installed.js'
import { root } from '../support/package.js'
import { sharedRoot } from '../support/shared-root.js'

// Every
// ```ts block of README, docs and docs/guides, and every @example of a doc comment, is a program: it is compiled under `strict` and run, from the packed package. "```ts
// no-run" is compiled only. A new page is picked up by itself. Pages have no
// "```js": that would be code that nobody runs.

const documents = [
  'README.md',
  ...['docs', 'docs/guides'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((file) => file.endsWith('.md'))
      .map((file) => `${folder}/${file}`),
  ),
]

const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => `src/${file.replaceAll('\\', '/')}`)
  .sort()

interface Sample {
  readonly page: string
  /** The file it becomes, without ending. */
  readonly name: string
  readonly line: number
  readonly code: string
  readonly runs: boolean
}

function samplesOf(page: string): Sample[] {
  const text = readFileSync(join(root, page), 'utf8')
  const found: Sample[] = []
  for (const match of text.matchAll(/^```ts([^\n]*)\n([\s\S]*?)^```$/gm)) {
    const [, flags, code] = match
    const line = text.slice(0, match.index).split('\n').length
    const name = `${page.replace(/\.md$/, '').replaceAll('/', '-')}-${line}`
    found.push({ page, name, line, code, runs: !flags.split(/\s+/).includes('no-run') })
  }
  return found
}

/** The examples in doc comments. */
function examplesOf(page: string): Sample[] {
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(/\/\*\*[\s\S]*?\*\//g)].flatMap((comment) =>
    [...comment[0].matchAll(/@example\n([\s\S]*?)(?=\n\s*\* @\w|\n\s*\*\/)/g)].map(([, lines], i): Sample => {
      const line = text.slice(0, comment.index).split('\n').length
      const name = `${page.replace(/\.ts$/, '').replaceAll('/', '-')}-${line}-${i}`
      return { page, name, line, code: lines.replace(/^\s*\* ?/gm, ''), runs: true }
    }),
  )
}

const samples = [...documents.flatMap(samplesOf), ...sources.flatMap(examplesOf)]
const pages = [...documents, ...sources]
/** A classifier of digits that PyTorch has written; where it is not there, what needs it is compiled only. */
const model = join(sharedRoot, 'models/mnist-pytorch/cnn_mnist_pytorch.onnx')
/** What each sample has printed. */
const printed = new Map<string, string>()
let folder: string
let app: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-samples-'))
  app = join(folder, 'app')
  installedIn(app)
  mkdirSync(join(app, 'node_modules/@types'), { recursive: true })
  symlinkSync(join(root, 'node_modules/@types/node'), join(app, 'node_modules/@types/node'))
  if (existsSync(join(root, 'node_modules/undici-types')))
    symlinkSync(join(root, 'node_modules/undici-types'), join(app, 'node_modules/undici-types'))
  // What "lanewise/serve" needs.
  mkdirSync(join(app, 'node_modules/@hono'))
  for (const name of ['hono', '@hono/node-server', 'prom-client', 'bullmq', 'ioredis'])
    symlinkSync(join(root, 'node_modules', name), join(app, 'node_modules', name))
  const compilerOptions = {
    module: 'NodeNext',
    target: 'ES2022',
    lib: ['ES2023', 'DOM', 'ESNext.Disposable'],
    strict: true,
    types: ['node'],
    outDir: 'out',
    preserveSymlinks: true,
  }
  writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
  for (const { name, code } of samples) writeFileSync(join(app, `${name}.ts`), `${code}\nexport {}\n`)
  for (const name of ['main', 'signed-square'])
    cpSync(join(root, `examples/own-operator/${name}.ts`), join(app, `${name}.ts`))
}, 300_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('there are samples to run in README and in the guides', () => {
  const counted = ['README.md', 'docs/guides/first-model.md', 'docs/guides/graphs.md'].map(
    (page) => samples.filter((sample) => sample.page === page && sample.runs).length,
  )
  expect(Math.min(...counted)).toBeGreaterThan(0)
})

test('every doc comment with an example has one that is found, and pages have no code that is not run', () => {
  const examples = sources.filter((file) => /^\s*\* @example\b/m.test(readFileSync(join(root, file), 'utf8')))
  expect(examples.length).toBeGreaterThan(15)
  expect(examples.filter((file) => !samples.some(({ page }) => page === file))).toEqual([])
  const untested = documents.filter((page) =>
    /^```(js|javascript|typescript)\b/m.test(readFileSync(join(root, page), 'utf8')),
  )
  expect(untested).toEqual([])
})

test('they compile under strict, and so does examples/own-operator', { timeout: 300_000 }, () => {
  let output = ''
  try {
    execFileSync(process.execPath, [join(root, 'node_modules/typescript-native/bin/tsc'), '-p', '.'], {
      cwd: app,
      encoding: 'utf8',
      stdio: 'pipe',
    })
  } catch (error) {
    output = (error as { stdout: string }).stdout
  }
  expect(output).toBe('')
})

const withPrograms = pages.filter((page) => samples.some((sample) => sample.page === page && sample.runs))

describe.each(withPrograms)('%s', (page) => {
  const mine = samples.filter((sample) => sample.page === page && sample.runs)
  // Samples of one page may build upon each other's files; those of different pages do not meet.
  const place = () => join(app, 'run', page.replaceAll('/', '-'))
  beforeAll(() => {
    mkdirSync(place(), { recursive: true })
    if (existsSync(model)) cpSync(model, join(place(), 'model.onnx'))
  })
  test.each(mine.map(({ line, name }) => [line, name] as const))('line %i runs', { timeout: 300_000 }, (_, name) => {
    const { code } = samples.find((sample) => sample.name === name)!
    if (code.includes("'model.onnx'") && !existsSync(join(place(), 'model.onnx'))) {
      console.log(`skipped: ${name} needs ${model}`)
      return
    }
    const program = join(app, 'out', `${name}.js`)
    const out = execFileSync(process.execPath, ['--no-warnings', program], { cwd: place(), encoding: 'utf8' })
    printed.set(name, out)
    // What a sample says it prints, it prints: "console.log(…) // -2, 0, 1".
    const flat = out.replace(/\s+/g, ' ')
    for (const [, numbers] of code.matchAll(/console\.log\(.*\) \/\/ (-?[\d.]+(?:, -?[\d.]+)*)$/gm))
      expect(flat).toContain(numbers)
  })
})

test('the ONNX file of another tool is fine-tuned by at most 25 lines', () => {
  const [first] = samples.filter(({ page }) => page === 'docs/guides/fine-tuning.md')
  expect(first.code.split('\n').filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(25)
  const out = printed.get(first.name)
  if (out === undefined) return
  const [before, after] = [/before ([\d.e-]+)/, /after ([\d.e-]+)/].map((pattern) => Number(pattern.exec(out)?.[1]))
  expect(after).toBeLessThan(before / 10)
})

test('examples/own-operator computes, is written and read, and has a gradient', () => {
  const out = execFileSync(process.execPath, ['out/main.js'], { cwd: app, encoding: 'utf8' })
  expect(out.match(/-?\d+(?=[,\s\]])/g)?.join(' ')).toContain('3 -12')
  expect(out.match(/-?\d+(?=[,\s\]])/g)?.join(' ')).toContain('6 12')
})

test('examples/own-operator takes fewer than 40 lines', () => {
  expect(readFileSync(join(app, 'signed-square.ts'), 'utf8').trimEnd().split('\n').length).toBeLessThan(40)
})
