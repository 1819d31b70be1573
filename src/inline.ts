/**
 * Lanewise with the kernels in its JavaScript: for bundles of one file, and for places that can read no file beside it.
 * The same exports as `lanewise`, and every operator from the start.
 *
 * @packageDocumentation
 */
import { loadMoreOps } from './api/more-ops.js'
import { registerAllOps } from './api/register-all.js'
import { inlineKernels } from './platform/inline-kernels.js'
import { browserPlatform } from './platform/browser.js'
import { setPlatform } from './platform/platform.js'

setPlatform({
  ...browserPlatform,
  wasm: async (build) => inlineKernels(build),
  wasmNow: inlineKernels,
  moreOps: loadMoreOps,
  oneThread: () => 'the kernels in the JavaScript are for one',
})
registerAllOps()

export * from './index.js'
export { default } from './index.js'
