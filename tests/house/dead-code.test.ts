import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { deadIn } from '../../scripts/kernel-lint.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-knip-'))
  copyFileSync(join(root, 'knip.config.ts'), join(folder, 'knip.config.ts'))
  write('package.json', '{ "name": "small", "type": "module" }')
  write('tsconfig.json', '{ "compilerOptions": { "module": "nodenext", "types": [] } }')
  write('src/node.ts', "import { used } from './core/parts.js'\nconsole.log(used)\n")
  write('src/core/parts.ts', 'export const used = 1\n')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function write(name: string, text: string): void {
  const file = join(folder, name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

interface Found {
  readonly file: string
  readonly files?: readonly { readonly name: string }[]
  readonly exports: readonly { readonly name: string }[]
  readonly devDependencies: readonly { readonly name: string }[]
}

/** What the configuration of this repository finds in a small project, and whether `npm run lint` would fail. */
function found(): { code: number | null; names: string[] } {
  const knip = join(root, 'node_modules/knip/bin/knip.js')
  // Not whether knip itself is listed there: the configuration imports its types.
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [knip, '--include', 'files,exports,dependencies', '--reporter', 'json'],
    {
      cwd: folder,
      encoding: 'utf8',
    },
  )
  if (!stdout) throw new Error(stderr)
  const { issues } = JSON.parse(stdout) as { issues: Found[] }
  const names = issues.flatMap(({ file, files, exports, devDependencies }) => [
    ...(files ?? []).map(() => file),
    ...exports.map(({ name }) => `${file} ${name}`),
    ...devDependencies.map(({ name }) => name),
  ])
  return { code: status, names }
}

test('nothing is said of a project in which all is used', () => {
  expect(found()).toEqual({ code: 0, names: [] })
})

test('an export that nobody imports is found', () => {
  write('src/core/parts.ts', 'export const used = 1\nexport function planted(): void {}\n')
  expect(found()).toEqual({ code: 1, names: ['src/core/parts.ts planted'] })
})

test('a file that nobody imports is found, in tests as in src', () => {
  write('src/core/alone.ts', 'export const alone = 1\n')
  write('tests/support/alone.ts', 'export const alone = 1\n')
  write('tests/core/parts.test.ts', "import { used } from '../../src/core/parts.js'\nconsole.log(used)\n")
  const { code, names } = found()
  expect(code).toBe(1)
  expect(names.sort()).toEqual(['src/core/alone.ts', 'tests/support/alone.ts'])
})

test('a dependency that nobody imports is found', () => {
  write('package.json', '{ "name": "small", "type": "module", "devDependencies": { "left-over": "1" } }')
  expect(found()).toEqual({ code: 1, names: ['left-over'] })
})

test('kernels: what is imported and not used, and exports that no other file imports, are found', () => {
  const files = new Map([
    ['assembly/abi/inference.ts', 'export { scale_f32 } from "../matmul/scale";\n'],
    [
      'assembly/matmul/scale.ts',
      'import { madd as fused, splat } from "../lib/simd";\n' +
        '// No splat is wanted here.\nexport function scale_f32(): void {\n  fused();\n}\nexport function alone(): void {}\n',
    ],
    ['assembly/lib/simd.ts', 'export function madd(): void {}\nexport function splat(): void {}\n'],
    ['assembly/generated/tiles.ts', 'export function put(): void {}\nexport function tile(): void {\n  put();\n}\n'],
  ])
  expect(deadIn(files)).toEqual([
    'assembly/matmul/scale.ts: splat is imported and not used',
    'assembly/matmul/scale.ts: alone is exported and imported by nobody',
    'assembly/generated/tiles.ts: tile is exported and imported by nobody',
  ])
})
