/**
 * Lanewise with the kernels in its JavaScript: for bundles of one file, and for places that can read no file beside it. The same exports as
 * `lanewise`.
 *
 * @packageDocumentation
 */
import { allOpsNow } from './api/all-ops-now.js'
import { loadMoreOps } from './api/more-ops.js'
import { commonOps } from './ops/common.js'
import { frequentOps } from './ops/frequent.js'
import { inlineKernels } from './platform/inline-kernels.js'
import { browserPlatform } from './platform/browser.js'
import { setPlatform } from './platform/platform.js'
import { registerOps } from './ir/registry.js'

setPlatform({ ...browserPlatform, wasm: inlineKernels, moreOps: loadMoreOps, allOpsNow })
registerOps([...commonOps, ...frequentOps])

export * from './index.js'
export { default } from './index.js'
