/**
 * Lanewise for browsers and edge runtimes: the common operators; "lanewise/ops/all" adds the others.
 *
 * @packageDocumentation
 */
import { commonOps } from './ops/common.js'
import { registerOps } from './ir/registry.js'
import { browserPlatform } from './platform/browser.js'
import { setPlatform } from './platform/platform.js'

setPlatform(browserPlatform)
registerOps(commonOps)

export * from './index.js'
