/**
 * Lanewise with the kernels in its JavaScript: for bundles of one file, and for places that can read no file beside it. The same exports as
 * `lanewise`, and every operator from the start.
 *
 * @packageDocumentation
 */
import { loadMoreOps } from './api/more-ops.js'
import { allOps } from './ops/all.js'
import { inlineKernels } from './platform/inline-kernels.js'
import { browserPlatform } from './platform/browser.js'
import { setPlatform } from './platform/platform.js'
import { registerOps } from './ir/registry.js'

setPlatform({ ...browserPlatform, wasm: inlineKernels, moreOps: loadMoreOps })
registerOps(allOps)

export * from './index.js'
export { default } from './index.js'
