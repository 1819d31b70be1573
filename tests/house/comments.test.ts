import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../support/package.js'

/** Columns. The formatter breaks code there and leaves comments alone; scripts/kernel-lint.ts looks after assembly/. */
const MOST = 120
/** Of the line after them or of the whole file: these may not be broken. */
const DIRECTIVE = /oxlint-|@ts-|v8 ignore|knip/

/** The lines of comments that are too wide, but for those that are one long word. */
function wide(file: string, text: string): string[] {
  return text.split('\n').flatMap((line, i) => {
    const comment = /^ *(?:\/\/|\/\*\*|\*) ?(.*)$/.exec(line)?.[1]
    const broken =
      comment
        ?.replace(/\{@[^}]*\}|`[^`]*`/g, 'x')
        .trim()
        .includes(' ') ?? false
    return broken && line.length > MOST && !DIRECTIVE.test(line)
      ? [`${file}:${i + 1} is ${line.length} columns wide`]
      : []
  })
}

const elsewhere = new Set(['node_modules', 'dist', 'results', 'fixtures', 'tiles', 'schema'])

/** The files of code in a folder and those in it. */
function filesOf(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return elsewhere.has(entry.name) ? [] : filesOf(path)
    return /\.m?[tj]s$/.test(path) && !/exports\.d\.ts$|quantized-wasm\.ts$/.test(path) ? [path] : []
  })
}

test.each(['bench', 'bindings', 'examples', 'models', 'scripts', 'site', 'src', 'tests'])(
  'comments of %s are no wider than code',
  (top) => {
    const files = filesOf(top)
    expect(files.length).toBeGreaterThan(1)
    expect(files.flatMap((file) => wide(file, readFileSync(join(root, file), 'utf8')))).toEqual([])
  },
)

test('a wide comment is found', () => {
  const words = 'word '.repeat(25)
  expect(wide('a.ts', `const x = 1\n// ${words}`)).toEqual(['a.ts:2 is 128 columns wide'])
  expect(wide('a.ts', `  /** ${words}*/`)).toEqual(['a.ts:1 is 133 columns wide'])
  expect(wide('a.ts', `// ${'https://example.org/'.repeat(7)}`)).toEqual([])
})
