// A folder of its own for runs of scoring, with the models of these tests.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect } from 'vitest'
import type { HostTensor } from '../../src/core/host.js'
import type { ScoreOptions } from '../../src/serve.js'
import { score } from './built.js'
import { picky, scaled, small } from './models.js'

export const folder = mkdtempSync(join(tmpdir(), 'lanewise-score-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
export const at = (name: string) => join(folder, name)
for (const [name, bytes] of Object.entries({ small: small(), scaled: scaled(2), picky: picky() }))
  writeFileSync(at(`${name}.onnx`), bytes)

let outputs = 0
/** The name of the output that was begun last. */
export const lastOutput = () => `out${outputs - 1}`

export async function scored(model: string, input: string, options: Partial<ScoreOptions> = {}) {
  const output = at(`out${outputs++}`)
  const manifest = await score({ model: at(`${model}.onnx`), input: at(input), output, cache: at('cache'), ...options })
  const lines = (name: string) =>
    readFileSync(join(output, name), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map(
        (line) => JSON.parse(line) as { index: number; id?: string; outputs: Record<string, unknown>; error?: object },
      )
  return { output, manifest, lines: lines('output.jsonl'), failed: lines('failed.jsonl') }
}

export const refused = (code: string, promise: Promise<unknown>, message: RegExp) =>
  expect(promise).rejects.toMatchObject({
    name: 'LanewiseError',
    code,
    message: expect.stringMatching(message) as string,
  })

export const floats = (shape: readonly number[], values: readonly number[]): HostTensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
})
