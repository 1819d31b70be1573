import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import { wrap } from 'node:module'
import { afterAll, expect, test } from 'vitest'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'lanewise-warm-'))
afterAll(() => rmSync(folder, { recursive: true }))

const bundle = (answer: number) => `
const { basename } = require('node:path')
exports.name = basename(__filename)
exports.warm = async () => void exports.handler(1)
exports.handler = (n) => n * ${answer}
`

const node = (...args: string[]) => execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
const answer = () => node('-e', `const b = require('./app.warm.cjs'); console.log(b.name, b.handler(2))`)

test('a bundle is loaded with what was compiled of it, or without if that is of another', () => {
  const app = join(folder, 'app.cjs')
  writeFileSync(app, bundle(21))
  const { loader, cache } = JSON.parse(node(main, 'warm-cache', 'app.cjs', '--call', 'warm', '--json')) as {
    loader: string
    cache: string
  }
  expect([loader, cache]).toEqual([join(folder, 'app.warm.cjs'), `${app}.cache`])
  expect(answer()).toBe('app.cjs 42\n')
  const kept = readFileSync(cache)
  const source = readFileSync(app)
  expect(kept.readUInt32LE(0)).toBe(source.length)
  const script = new Script(wrap(source.toString()), { filename: app, cachedData: kept.subarray(4 + source.length) })
  expect(script.cachedDataRejected).toBe(false)
  // V8 alone would take it: the source is as long as before.
  writeFileSync(app, bundle(34))
  expect(answer()).toBe('app.cjs 68\n')
  writeFileSync(cache, kept.subarray(0, kept.length / 2))
  writeFileSync(app, bundle(21))
  expect(answer()).toBe('app.cjs 42\n')
  rmSync(cache)
  expect(answer()).toBe('app.cjs 42\n')
})

test('what cannot be run is refused in one line', () => {
  writeFileSync(join(folder, 'broken.cjs'), 'throw new RangeError("too far")')
  writeFileSync(join(folder, 'later.cjs'), 'exports.later = () => import("node:os")')
  for (const [args, said] of [
    [['broken.cjs'], /error E_VALUE: broken.cjs cannot be run: RangeError: too far/],
    [['later.cjs'], /error E_UNSUPPORTED: later.cjs has import\(\)/],
    [['nowhere.cjs'], /error ENOENT/],
    [['model.onnx'], /usage error/],
    [[], /usage error/],
  ] as const) {
    let stderr = ''
    try {
      execFileSync(process.execPath, [main, 'warm-cache', ...args], { cwd: folder, stdio: 'pipe' })
    } catch (error) {
      stderr = String((error as { stderr: Buffer }).stderr)
    }
    expect(stderr).toMatch(said)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  }
})
