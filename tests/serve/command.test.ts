import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { scaled } from './models.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'lanewise-serve-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function lanewise(...args: string[]) {
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator](), errors: () => errors }
}

test.each([
  ['[1, 2]\nnothing\n', 0, /1 scored, 1 failed/],
  ['nothing\n{}\n', 1, /0 scored, 2 failed/],
])('scoring of %j ends with %i', async (text, code, said) => {
  writeFileSync(join(folder, 'scaled.onnx'), scaled(2))
  writeFileSync(join(folder, 'items.jsonl'), text)
  const run = ['--input', 'items.jsonl', '--output', `run${code}`, '--local', '1']
  const { child, lines, errors } = lanewise('score', 'scaled.onnx', ...run)
  const ended = once(child, 'exit')
  let all = ''
  for await (const line of { [Symbol.asyncIterator]: () => lines }) all += `${line}\n`
  expect(await ended, errors()).toEqual([code, null])
  expect(all).toMatch(said)
})

test('serves until it is told to stop, and says that there is no authentication', async () => {
  writeFileSync(join(folder, 'scaled.onnx'), scaled(2))
  const { child, lines, errors } = lanewise('serve', 'scaled.onnx', '--port', '0', '--threads', '1')
  const next = async () => String((await lines.next()).value)
  expect(await next(), errors()).toBe('scaled, in batches')
  const url = /http:\/\/127\.0\.0\.1:\d+$/.exec(await next())?.[0]
  expect(await next()).toMatch(/no authentication/)
  expect(await (await fetch(`${url}/v2/health/ready`)).json()).toEqual({ ready: true })
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
})

test.each([
  [[], 2, /a model or --models DIR is missing/],
  [['--port', 'x', 'a.onnx'], 2, /--port must be a whole number/],
  [['--port', '99999', 'a.onnx'], 2, /--port must be .* at most 65535, got "99999"/],
  [['--body-limit', '0', 'a.onnx'], 2, /--body-limit must be .*above 0/],
  [['--memory-limit', '0.5', 'a.onnx'], 2, /--memory-limit must be .*at least 1/],
  [['nowhere.onnx'], 1, /^error E_EXTERNAL: cannot read .*nowhere\.onnx/],
])('with %j says what is wrong', async (args, code, message) => {
  const { child, errors } = lanewise('serve', ...args)
  expect(await once(child, 'exit')).toEqual([code, null])
  expect(errors()).toMatch(message)
})
