/**
 * As inline.ts, with models from the file system.
 *
 * @packageDocumentation
 */
import { loadMoreOps } from './api/more-ops.js'
import { registerAllOps } from './api/register-all.js'
import { inlineKernels } from './platform/inline-kernels.js'
import { nodePlatform } from './platform/node.js'
import { setPlatform } from './platform/platform.js'

setPlatform({
  ...nodePlatform,
  wasm: async (build) => inlineKernels(build),
  wasmNow: inlineKernels,
  moreOps: loadMoreOps,
  oneThread: () => 'the kernels in the JavaScript are for one',
})
registerAllOps()

export * from './index.js'
export { default } from './index.js'
