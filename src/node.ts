/**
 * Lanewise for Node: every operator, models from the file system.
 *
 * @packageDocumentation
 */
import { commonOps } from './ops/common.js'
import { registerOps } from './ir/registry.js'
import { nodePlatform } from './platform/node.js'
import { setPlatform } from './platform/platform.js'

// A session that meets an operator outside the common set loads the others first: most never do, and start faster for it.
setPlatform({ ...nodePlatform, moreOps: async () => (await import('./api/register-all.js')).registerAllOps() })
registerOps(commonOps)

export * from './index.js'
