import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../support/package.js'

/** What a reader takes in at a glance (docs/architecture.md). */
const MOST = 25

/** What is said of a folder, and those in it, that hold more files than that. */
function crowded(folder: string, path: string): string[] {
  const entries = readdirSync(join(folder, path), { withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.')).length
  const inside = entries
    .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
    .flatMap(({ name }) => crowded(folder, `${path}/${name}`))
  return files > MOST ? [`${path} holds ${files} files, more than ${MOST}: give some a folder`, ...inside] : inside
}

test.each(['assembly', 'bench', 'bindings', 'examples', 'models', 'scripts', 'src', 'tests'])(
  'no folder of %s holds too many files',
  (top) => {
    expect(crowded(root, top)).toEqual([])
  },
)

test('a crowded folder is found and named', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lanewise-folders-'))
  try {
    mkdirSync(join(folder, 'src/ops/conv'), { recursive: true })
    for (let i = 0; i < MOST; i++) writeFileSync(join(folder, `src/ops/conv/file-${i}.ts`), '')
    expect(crowded(folder, 'src')).toEqual([])
    writeFileSync(join(folder, 'src/ops/conv/one-more.ts'), '')
    expect(crowded(folder, 'src')).toEqual(['src/ops/conv holds 26 files, more than 25: give some a folder'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
