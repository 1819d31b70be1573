import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseOptions } from '../../bench/options.js'
import type { Command } from '../../src/cli/command.js'
import { passes } from '../../src/passes/load/index.js'
import { shapedPasses } from '../../src/passes/shaped/index.js'
import { root } from '../support/package.js'

// What the guides list is what there is: commands with their options, environment variables, passes, options of
// sessions.

const read = (file: string) => readFileSync(join(root, file), 'utf8')
const page = read('docs/guides/commands.md')
/** Stands for options of pictures and sound that several commands share, explained below the table. */
const shared = ['input', 'dim', 'seed', 'size', 'crop', 'scale', 'mean', 'std', 'bgr', 'layout', 'rate']

async function commands(): Promise<Command[]> {
  const main = read('src/cli/main.ts')
  const names = /const commands: readonly Command\[\] = \[([\w\s,]+)\]/.exec(main)?.[1].match(/\w+/g) ?? []
  return Promise.all(
    names.map(async (name) => {
      const file = new RegExp(`import \\{[^}]*\\b${name}\\b[^}]*\\} from '(.*)'`).exec(main)?.[1] ?? ''
      const module = (await import(join(root, 'src/cli', file))) as Record<string, Command>
      return module[name]
    }),
  )
}

test('every command has a row with all of its options', async () => {
  const found = await commands()
  expect(found.length).toBeGreaterThan(10)
  const missing = found.flatMap(({ name, flags }) => {
    const row = page.split('\n').find((line) => line.startsWith(`| \`${name} `) || line.startsWith(`| \`${name}\``))
    if (!row) return [name]
    const given = /\| inputs|for pictures as below/.test(row) ? shared : []
    return Object.keys(flags)
      .filter((flag) => !['json', 'help', ...given].includes(flag) && !new RegExp(`--${flag}(?![\\w-])`).test(row))
      .map((flag) => `${name} --${flag}`)
  })
  expect(missing).toEqual([])
})

test('every environment variable of this project has a row', () => {
  const files = ['src', 'tests', 'bench', 'scripts', 'models'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.[jt]s$/.test(file) && !/node_modules|dist/.test(file))
      .map((file) => `${folder}/${file}`),
  )
  const read = new Set(
    files.flatMap((file) => readFileSync(join(root, file), 'utf8').match(/\bLANEWISE_[A-Z]+\b/g) ?? []),
  )
  expect([...read].filter((name) => !page.includes(`\`${name}`))).toEqual([])
})

test('passes by name', () => {
  const text = read('docs/guides/sessions.md')
  const listed = (/## Passes([\s\S]*?)\n## /.exec(text)?.[1] ?? '').match(/`([a-z]+(?:-[a-z]+)+)`/g) ?? []
  expect(listed.map((name) => name.slice(1, -1)).sort()).toEqual(
    [...passes, ...shapedPasses].map((pass) => pass.name).sort(),
  )
})

test('options of sessions', () => {
  const source = read('src/api/session-options.ts')
  const body = /export interface SessionOptions \{([\s\S]*?)\n\}/.exec(source)?.[1] ?? ''
  const options = [...body.matchAll(/^ {2}(?:readonly )?(\w+)\?:/gm)].map(([, name]) => name)
  expect(options.length).toBeGreaterThan(30)
  const pages = read('docs/guides/sessions.md') + read('docs/guides/from-onnxruntime.md')
  expect(options.filter((name) => name !== 'lenient' && !pages.includes(`\`${name}\``))).toEqual([])
})

test('commands of the bench, and the variants that they name', () => {
  const families = new Map(
    ['conv', 'matmul', 'attention', 'rnn', 'quantize', 'nbits'].map((family) => {
      const file = family === 'nbits' ? 'quantize/matmul-nbits' : `${family}/variants`
      // Those of convolutions are named with their kernels.
      const source = read(`src/ops/${file}.ts`) + (family === 'conv' ? read('src/ops/conv/kernels.ts') : '')
      return [family, new Set(source.match(/(?<=')[\w/-]+(?=')|winograd\/(?=\$)/g))] as const
    }),
  )
  const isVariant = (name: string): boolean => {
    const [family, ...rest] = name.split('/')
    const names = families.get(family)
    return names?.has(rest.join('/')) === true || (names?.has('winograd/') === true && rest[0] === 'winograd')
  }
  const pages = ['README.md', 'docs/performance.md', ...readdirSync(join(root, 'docs/performance')).map((file) => `docs/performance/${file}`)] // prettier-ignore
  const sources = readdirSync(join(root, 'src/ops'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `src/ops/${file}`)
  const wrong: string[] = []
  let commands = 0
  for (const page of pages)
    for (const [, text] of read(page).matchAll(/`npm run bench -- ([^`]+)`/g)) {
      const [suites, ...args] = [...text.replaceAll('\\|', '|').matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain) // prettier-ignore
      for (const suite of suites.split('|')) {
        if (/^(tables|figures)$/.test(suite) || args.includes('A,B')) continue
        commands++
        try {
          parseOptions([suite, ...args])
        } catch (error) {
          wrong.push(`${page}: ${text}: ${(error as Error).message}`)
        }
      }
    }
  for (const file of [...pages, ...sources])
    for (const [, names] of read(file).matchAll(/--variant\s+(\w+\/[\w/,-]+)/g))
      for (const name of names.split(',')) if (!isVariant(name) && !/\/[AB]$/.test(name)) wrong.push(`${file}: ${name}`)
  expect(wrong).toEqual([])
  expect(commands).toBeGreaterThan(40)
})

test('what says which variant runs where names all of them, and thresholds as they are', () => {
  const pages = ['depthwise', 'gemm', 'variants'].map((page) => read(`docs/performance/${page}.md`)).join('\n')
  const wrong: string[] = []
  let thresholds = 0
  for (const family of ['conv', 'matmul', 'attention', 'rnn', 'quantize']) {
    const source = read(`src/ops/${family}/variants.ts`)
    for (const [, name, value] of source.matchAll(/^(?:export )?const ([A-Z_]+) = (.*)$/gm)) {
      thresholds++
      if (!pages.includes(`\`${name}\` (${value})`)) wrong.push(`${name} is ${value}`)
    }
    const names = source.matchAll(/^ +name: '([\w/]+)'|^ {2}\{ name: '([\w/]+)'/gm)
    for (const [, one, other] of names)
      if (!pages.includes(`\`${one ?? other}\``)) wrong.push(`${family}/${one ?? other}`)
  }
  expect(wrong).toEqual([])
  expect(thresholds).toBeGreaterThan(8)
})
