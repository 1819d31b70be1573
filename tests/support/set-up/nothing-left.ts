// Around each file of tests that shares its process with others: what one leaves behind would fail another, and which
// one depends on the order of the day. Here it fails the file that left it, every time.
import { afterAll, expect } from 'vitest'
import { env } from '../../../src/core/env.js'
import { registeredOps } from '../../../src/ir/registry.js'

// What libraries add, once for all, is no matter: what was there has to be the same, and no switch of ours may come to
// it.
const variables = Object.keys(process.env)
const globals = Object.entries(Object.getOwnPropertyDescriptors(globalThis)).filter(([, { get }]) => !get)

const state = () => ({
  'operators of registerOp': [...registeredOps.keys()],
  'the settings of env': structuredClone({ logLevel: env.logLevel, debug: env.debug, wasm: { ...env.wasm } }),
  'variables of the environment': Object.fromEntries(
    Object.entries(process.env).filter(([name]) => variables.includes(name) || name.startsWith('LANEWISE_')),
  ),
  'the working directory': process.cwd(),
})

const before = state()
afterAll(() => {
  expect(state()).toEqual(before)
  const now = globalThis as unknown as Record<string, unknown>
  const replaced = globals.filter(([name, { value }]) => !Object.is(now[name], value)).map(([name]) => name)
  expect(replaced, 'what was replaced of globalThis').toEqual([])
})
