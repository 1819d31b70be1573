// Runs of scoring, with the models of these tests.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect } from 'vitest'
import type { HostTensor } from '../../src/core/host.js'
import type { ScoreOptions } from '../../src/serve.js'
import { score } from './built.js'
import { picky, scaled, small } from './models.js'

/**
 * A folder for one file of tests, which is removed at its end. Files share this module: what it made itself would end
 * with the first of them.
 */
export function scoring() {
  const folder = mkdtempSync(join(tmpdir(), 'lanewise-score-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const at = (name: string) => join(folder, name)
  for (const [name, bytes] of Object.entries({ small: small(), scaled: scaled(2), picky: picky() }))
    writeFileSync(at(`${name}.onnx`), bytes)

  let outputs = 0
  /** The name of the output that was begun last. */
  const lastOutput = () => `out${outputs - 1}`

  async function scored(model: string, input: string, options: Partial<ScoreOptions> = {}) {
    const output = at(`out${outputs++}`)
    const files = { model: at(`${model}.onnx`), input: at(input), output, cache: at('cache') }
    const manifest = await score({ ...files, ...options })
    const lines = (name: string) =>
      readFileSync(join(output, name), 'utf8')
        .split('\n')
        .filter(Boolean)
        .map(
          (line) =>
            JSON.parse(line) as { index: number; id?: string; outputs: Record<string, unknown>; error?: object },
        )
    return { output, manifest, lines: lines('output.jsonl'), failed: lines('failed.jsonl') }
  }

  return { folder, at, lastOutput, scored }
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
