/**
 * Lanewise for Node: every operator, models from the file system.
 *
 * @packageDocumentation
 */
import { commonOps } from './ops/common.js'
import { registerOps } from './ops/registry.js'
import { nodePlatform } from './platform/node.js'
import { setPlatform } from './platform/platform.js'

// A session that meets an operator outside the common set loads the others first: most never do, and start faster for it.
setPlatform({ ...nodePlatform, moreOps: async () => registerOps((await import('./ops/all.js')).allOps) })
registerOps(commonOps)

export * from './index.js'
