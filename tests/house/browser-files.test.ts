import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { Random } from '../../src/core/random.js'
import { Sha256 } from '../../src/core/sha256.js'
import * as browser from '../../src/platform/browser-files.js'
import * as files from '../../src/platform/node-files.js'
import * as optional from '../../src/platform/optional.js'
import * as lock from '../../src/platform/run-lock.js'

test('the build for browsers has every name of what it replaces', () => {
  const names = [files, optional, lock].flatMap((module) => Object.keys(module))
  expect(Object.keys(browser).sort()).toEqual(names.sort())
})

test('SHA-256 is that of Node, whatever the pieces', () => {
  const random = new Random(1)
  for (const length of [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000, 100_003]) {
    const bytes = Uint8Array.from({ length }, () => random.integer(256))
    const hash = new Sha256()
    for (let at = 0; at < length;) {
      const count = 1 + random.integer(200)
      hash.update(bytes.subarray(at, at + count))
      at += count
    }
    expect(hash.hex(), `${length} bytes`).toBe(createHash('sha256').update(bytes).digest('hex'))
  }
})
