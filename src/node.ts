/**
 * Lanewise for Node: every operator, models from the file system.
 *
 * @module lanewise
 * @packageDocumentation
 */
import { allOpsNow } from './api/all-ops-now.js'
import { loadMoreOps } from './api/more-ops.js'
import { registerFrequentOps } from './api/register-frequent.js'
import { commonOps } from './ops/common.js'
import { registerOps } from './ir/registry.js'
import { nodePlatform } from './platform/node.js'
import { setPlatform } from './platform/platform.js'

// A session that meets an operator outside the common set loads the others first: most never do, and start faster for
// it.
setPlatform({ ...nodePlatform, moreOps: loadMoreOps, allOpsNow })
registerOps(commonOps)
registerFrequentOps()

export * from './index.js'
export { default } from './index.js'
