import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Tensor } from '../../src/api/tensor.js'
import { appendTo, readBytes, readBytesNow, writeAtomically } from '../../src/platform/node-files.js'
import { lockFolder } from '../../src/platform/run-lock.js'
import { CheckpointStore } from '../../src/train/checkpoints/checkpoint.js'
import type { Checkpoint } from '../../src/train/checkpoints/checkpoint-file.js'
import { expectError, expectRejects } from '../support/expect-error.js'

// The folder of a run may be one that others write to as well.

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-hostile-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const checkpoint = (step: number): Checkpoint => ({
  step,
  tensors: new Map([['weight', new Tensor('float32', [step, -step], [2])]]),
  state: { step },
})

/** A checkpoint whose checksum fits, with other metadata. */
function rewritten(store: CheckpointStore, step: number, from: string, to: string): void {
  const bytes = readFileSync(store.path(step))
  const text = bytes.toString('latin1')
  expect(from.length).toBe(to.length)
  expect(text).toContain(from)
  const blank = text.replace(from, to).replace(/("lanewise\.sha256":")[0-9a-f]{64}/, `$1${'0'.repeat(64)}`)
  const hash = createHash('sha256').update(Buffer.from(blank, 'latin1')).digest('hex')
  writeFileSync(store.path(step), Buffer.from(blank.replace(`"${'0'.repeat(64)}`, `"${hash}`), 'latin1'))
}

describe('checkpoints', () => {
  test('whose state is no JSON are passed over for the one before', () => {
    const store = new CheckpointStore(folder)
    store.save(checkpoint(1))
    store.save(checkpoint(2))
    rewritten(store, 2, String.raw`{\"step\":2}`, String.raw`{\"step\":2,`)
    expectError('E_PARSE', () => store.load(2), /no JSON/)
    const skipped: number[] = []
    expect(store.latest((step) => skipped.push(step))).toEqual(checkpoint(1))
    expect(skipped).toEqual([2])
  })

  test('are files: folders and links with their names neither count nor are removed', () => {
    const store = new CheckpointStore(folder, { keep: 2 })
    const outside = join(folder, 'outside')
    writeFileSync(outside, 'mine')
    mkdirSync(store.path(90))
    symlinkSync(outside, store.path(91))
    for (const step of [1, 2, 3]) store.save(checkpoint(step))
    expect(store.steps()).toEqual([2, 3])
    expect(store.latest()).toEqual(checkpoint(3))
    expectError('E_EXTERNAL', () => store.load(91))
    expectError('E_EXTERNAL', () => store.load(90))
    // A folder in the place of the next one: an error, and everything is as before.
    expectError('E_EXTERNAL', () => store.save(checkpoint(90)))
    // A link is replaced, not followed.
    store.save(checkpoint(91))
    expect(readFileSync(outside, 'utf8')).toBe('mine')
    expect(store.latest()).toEqual(checkpoint(91))
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  test('of more than 2 GiB are written and read', { timeout: 900_000 }, (context) => {
    if (!process.env.LANEWISE_LARGE) {
      console.log('skipped: it takes 4 GiB of memory and of disk (set LANEWISE_LARGE)')
      return context.skip()
    }
    const store = new CheckpointStore(folder)
    const large = new Float32Array(2 ** 29 + 2 ** 26)
    for (let i = 0; i < large.length; i += 2 ** 20) large[i] = i
    store.save({ step: 1, tensors: new Map([['large', new Tensor(large, [large.length])]]), state: null })
    const data = store.load(1).tensors.get('large')!.data as Float32Array
    expect(data.length).toBe(large.length)
    for (let i = 0; i < large.length; i += 2 ** 20) expect(data[i]).toBe(i)
  })
})

describe('the lock of a run', () => {
  test('keeps others out until it is given back', () => {
    const unlock = lockFolder(folder)
    expectError('E_STATE', () => lockFolder(folder), new RegExp(`process ${process.pid}`))
    unlock()
    lockFolder(folder)()
    expect(existsSync(join(folder, 'lock'))).toBe(false)
  })

  test.each([
    ['a process that has ended', { host: hostname(), pid: 2 ** 22 + 1, key: 'a' }],
    ['an earlier process of this number', { host: hostname(), pid: process.pid, key: 'b' }],
    ['nobody', 'no JSON'],
  ])('that %s left is taken over', (_, left) => {
    writeFileSync(join(folder, 'lock'), JSON.stringify(left))
    const unlock = lockFolder(folder)
    expectError('E_STATE', () => lockFolder(folder))
    unlock()
    expect(readdirSync(folder)).toEqual([])
  })

  test('of another machine stands', () => {
    writeFileSync(join(folder, 'lock'), JSON.stringify({ host: 'elsewhere', pid: 1, key: 'c' }))
    expectError('E_STATE', () => lockFolder(folder))
  })
})

describe('files', () => {
  test('are written beside links, not through them', () => {
    const outside = join(folder, 'outside')
    writeFileSync(outside, 'mine')
    const path = join(folder, 'log')
    symlinkSync(outside, path)
    for (const empty of [true, false]) expectError('E_EXTERNAL', () => appendTo(path, empty))
    writeAtomically(path, [Uint8Array.of(65)])
    expect(readFileSync(outside, 'utf8')).toBe('mine')
    expect(readFileSync(path, 'utf8')).toBe('A')
  })

  test.skipIf(process.platform === 'win32')('are no FIFOs, devices or folders', async () => {
    const fifo = join(folder, 'fifo')
    execFileSync('mkfifo', [fifo])
    for (const path of [fifo, '/dev/zero', folder]) {
      expectError('E_EXTERNAL', () => readBytesNow(path))
      await expectRejects('E_EXTERNAL', () => readBytes(path))
    }
    expectError('E_EXTERNAL', () => appendTo(fifo, false))
    const file = join(folder, 'file')
    writeFileSync(file, 'abc')
    expect(await readBytes(file, 3)).toEqual(Uint8Array.of(97, 98, 99))
    await expectRejects('E_BUDGET', () => readBytes(file, 2))
  })
})
