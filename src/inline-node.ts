/**
 * As inline.ts, with models from the file system.
 *
 * @packageDocumentation
 */
import { allOpsNow } from './api/all-ops-now.js'
import { loadMoreOps } from './api/more-ops.js'
import { commonOps } from './ops/common.js'
import { frequentOps } from './ops/frequent.js'
import { inlineKernels } from './platform/inline-kernels.js'
import { nodePlatform } from './platform/node.js'
import { setPlatform } from './platform/platform.js'
import { registerOps } from './ir/registry.js'

setPlatform({ ...nodePlatform, wasm: inlineKernels, moreOps: loadMoreOps, allOpsNow })
registerOps([...commonOps, ...frequentOps])

export * from './index.js'
export { default } from './index.js'
