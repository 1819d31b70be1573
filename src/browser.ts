/**
 * Lanewise for browsers and edge runtimes: the common operators; the others come by a dynamic import when a model needs
 * one.
 *
 * @packageDocumentation
 */
import { loadMoreOps } from './api/more-ops.js'
import { commonOps } from './ops/common.js'
import { registerOps } from './ir/registry.js'
import { browserPlatform } from './platform/browser.js'
import { setPlatform } from './platform/platform.js'

setPlatform({ ...browserPlatform, moreOps: loadMoreOps })
registerOps(commonOps)

export * from './index.js'
export { default } from './index.js'
