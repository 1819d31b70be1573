import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'lanewise-pipe-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('files are whole although nobody reads the output to its end', async () => {
  const page = join(folder, 'flame.html')
  const args = ['profile', join(root, 'models/mnist/small.onnx'), '--html', page, '--repeat', '2']
  const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // As "lanewise … | head -0" does: every line that is written finds the pipe closed.
  child.stdout.destroy()
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const code = await new Promise((done) => child.on('close', done))
  expect(errors).toBe('')
  expect(code).toBe(0)
  expect(readFileSync(page, 'utf8')).toMatch(/<\/html>\s*$/)
})
