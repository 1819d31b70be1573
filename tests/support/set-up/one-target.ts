// Before each file of tests that `npm run test:kernels` runs. It has one target compiled, the kernels of training with
// those of inference among them: sessions find these, and no relaxed build. What kernels are called is written down.
import { readFileSync } from 'node:fs'
import { afterAll } from 'vitest'
import { RELAXED_PROBE } from '../../../bindings/module.js'
import { nodePlatform } from '../../../src/platform/node.js'
import { quickTarget } from '../../../scripts/kernels.js'
import { noteCalls, writeCalls } from '../cases/called-kernels.js'

const quick = new URL(`../../../dist/wasm/${quickTarget}.wasm`, import.meta.url)
const bytes = () => readFileSync(quick)
Object.assign(nodePlatform, {
  wasm: () => Promise.resolve(bytes()),
  wasmNow: bytes,
  readKernels: () => Promise.resolve(bytes()),
})

const { validate } = WebAssembly
WebAssembly.validate = (bytes) => bytes !== RELAXED_PROBE && validate(bytes)

const { LANEWISE_CALLED } = process.env
if (LANEWISE_CALLED) {
  noteCalls()
  afterAll(() => writeCalls(LANEWISE_CALLED))
}
