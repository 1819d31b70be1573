/**
 * As inline.ts, with models from the file system.
 *
 * @packageDocumentation
 */
import { loadMoreOps } from './api/more-ops.js'
import { allOps } from './ops/all.js'
import { inlineKernels } from './platform/inline-kernels.js'
import { nodePlatform } from './platform/node.js'
import { setPlatform } from './platform/platform.js'
import { registerOps } from './ir/registry.js'

setPlatform({ ...nodePlatform, wasm: inlineKernels, moreOps: loadMoreOps })
registerOps(allOps)

export * from './index.js'
export { default } from './index.js'
