import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../support/package.js'

// Files of tests that share a process share what they import: a hook that is set while a module is loaded is set for
// the first of them alone.
test('no module that tests share sets a hook as it is loaded', () => {
  const tests = join(root, 'tests')
  const shared = readdirSync(tests, { recursive: true, encoding: 'utf8' }).filter(
    (file) => /(?<!\.test)\.ts$/.test(file) && !/node_modules|set-up\//.test(file),
  )
  expect(shared.length).toBeGreaterThan(50)
  const hook = /^(?:before|after)(?:All|Each)\(/m
  expect(hook.test('\nafterAll(() => 1)')).toBe(true)
  expect(shared.filter((file) => hook.test(readFileSync(join(tests, file), 'utf8')))).toEqual([])
})
