import { buildSync } from 'esbuild'
import { spawn } from 'node:child_process'
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Random } from '../../../src/core/random.js'
import { Tensor } from '../../../src/api/tensor.js'
import { CheckpointStore } from '../../../src/train/checkpoints/checkpoint.js'
import type { Checkpoint } from '../../../src/train/checkpoints/checkpoint-file.js'
import { decodeSafetensors } from '../../../src/train/checkpoints/safetensors.js'
import { expectError } from '../../support/expect-error.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-checkpoint-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function checkpoint(step: number): Checkpoint {
  const tensors = new Map<string, Tensor>([
    ['weight', new Tensor('float32', Float32Array.of(step, 0.1, -step), [3])],
    ['moment', new Tensor('float16', Uint16Array.of(0x3c00), [1])],
  ])
  return { step, tensors, state: { step, text: '"lanewise.sha256":"', random: new Random(step).save() } }
}

describe('checkpoints', () => {
  test('come back as they were, the last few of them', () => {
    const store = new CheckpointStore(join(folder, 'a', 'b'), { keep: 2 })
    expect(store.latest()).toBeUndefined()
    for (const step of [0, 5, 10, 1000]) store.save(checkpoint(step))
    expect(store.steps()).toEqual([10, 1000])
    expect(store.latest()).toEqual(checkpoint(1000))
    expect(store.load(10)).toEqual(checkpoint(10))
    expect(readdirSync(store.folder).length).toBe(2)
    expect(decodeSafetensors(readFileSync(store.path(10))).tensors).toEqual(checkpoint(10).tensors)
    store.save({ ...checkpoint(1000), state: 'again' })
    expect(store.latest()?.state).toBe('again')
    store.rewind(10)
    expect(store.steps()).toEqual([10])
  })

  test('a bit that has changed anywhere makes the one before count', () => {
    const store = new CheckpointStore(folder)
    store.save(checkpoint(1))
    store.save(checkpoint(2))
    const whole = readFileSync(store.path(2))
    const random = new Random(1)
    for (let i = 0; i < 300; i++) {
      const damaged = Uint8Array.from(whole)
      damaged[i < whole.length ? i : random.integer(whole.length)] ^= 1 << random.integer(8)
      writeFileSync(store.path(2), damaged)
      const skipped: number[] = []
      expect(
        store.latest((step, error) => skipped.push(step) && expect(error.message).toContain('checkpoint-')),
      ).toEqual(checkpoint(1))
      expect(skipped).toEqual([2])
    }
  })

  test('so does one cut off anywhere, or of another step', () => {
    const store = new CheckpointStore(folder)
    store.save(checkpoint(1))
    store.save(checkpoint(2))
    const { length } = readFileSync(store.path(2))
    for (let size = length - 1; size >= 0; size -= 7) {
      truncateSync(store.path(2), size)
      expect(store.latest()).toEqual(checkpoint(1))
    }
    copyFileSync(store.path(1), store.path(2))
    expectError('E_PARSE', () => store.load(2), /of step 1/)
    expect(store.latest()).toEqual(checkpoint(1))
  })

  test('if none is whole, that is an error and not a new beginning', () => {
    const store = new CheckpointStore(folder)
    store.save(checkpoint(1))
    writeFileSync(store.path(1), 'nothing')
    expectError('E_PARSE', () => store.latest(), /none of the 1 checkpoints/)
    expectError('E_EXTERNAL', () => store.load(7))
  })

  test('what was not finished is left out and cleared away', () => {
    const store = new CheckpointStore(folder)
    store.save(checkpoint(1))
    store.save(checkpoint(2))
    renameSync(store.path(2), `${store.path(2)}.4711.tmp`)
    writeFileSync(join(folder, 'notes.tmp'), 'mine')
    expect(store.latest()).toEqual(checkpoint(1))
    store.save(checkpoint(3))
    expect(readdirSync(folder).sort()).toEqual([
      'checkpoint-0000000001.safetensors',
      'checkpoint-0000000003.safetensors',
      'notes.tmp',
    ])
  })

  test('what cannot be saved leaves everything as it was', () => {
    const store = new CheckpointStore(folder)
    store.save(checkpoint(1))
    const loop: { self?: unknown } = {}
    loop.self = loop
    for (const [step, state] of [
      [-1, 0],
      [1.5, 0],
      [10 ** 10, 0],
      [2, loop],
      [2, undefined],
      [2, 1n],
    ] as const)
      expectError('E_VALUE', () => store.save({ ...checkpoint(1), step, state }))
    expectError('E_EXTERNAL', () => new CheckpointStore(join(store.path(1), 'folder')).save(checkpoint(1)))
    expectError('E_VALUE', () => new CheckpointStore(folder, { keep: 1 }))
    expect(readdirSync(folder).length).toBe(1)
    expect(store.latest()).toEqual(checkpoint(1))
  })

  const kills = Number(process.env.LANEWISE_KILLS ?? 20)
  test(
    `${kills} kills while saving lose nothing`,
    async () => {
      const program = join(folder, 'run.mjs')
      buildSync({
        entryPoints: [fileURLToPath(new URL('checkpoint-run.ts', import.meta.url))],
        bundle: true,
        platform: 'node',
        format: 'esm',
        outfile: program,
      })
      const store = new CheckpointStore(join(folder, 'run'), { keep: 2 })
      const random = new Random(kills)
      let said = 0
      let unfinished = 0
      for (let kill = 0; kill < kills; kill++) {
        said = await killed(program, store.folder, said, random)
        unfinished += readdirSync(store.folder).filter((name) => name.endsWith('.tmp')).length
        const latest = store.latest((step) => expect.unreachable(`step ${step} is damaged`))!
        // One more may have been finished than there was time to say.
        expect(latest.step === said || latest.step === said + 1, `step ${latest.step} after ${said} was said`).toBe(
          true,
        )
        expect(latest.state).toEqual({ step: latest.step })
        const weight = latest.tensors.get('weight')!.data as Float32Array
        expect(weight.every((value, i) => value === latest.step + i)).toBe(true)
        said = latest.step
      }
      console.log(`${kills} kills at ${said} checkpoints, ${unfinished} of them in the middle of a file`)
      // Otherwise the kills came at moments that prove nothing; a few may well do so.
      if (kills >= 100) expect(unfinished).toBeGreaterThan(0)
    },
    60_000 + 2000 * kills,
  )
})

/**
 * Starts a run, lets it save at least once, kills it some time later, and tells the last step that it said was saved.
 */
function killed(program: string, folder: string, before: number, random: Random): Promise<number> {
  return new Promise((done, failed) => {
    const run = spawn(process.execPath, [program, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    run.stdout.setEncoding('utf8')
    run.stdout.on('data', (piece: string) => {
      if (text === '') setTimeout(() => run.kill('SIGKILL'), random.between(0, 30))
      text += piece
    })
    run.on('error', failed)
    run.on('close', (_, signal) => {
      if (signal !== 'SIGKILL') failed(new Error(`the run ended by itself: ${text}`))
      else done(Math.max(before, ...text.split('\n').slice(0, -1).map(Number)))
    })
  })
}
