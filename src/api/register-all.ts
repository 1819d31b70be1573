import { registerOps } from '../ir/registry.js'
import { allOps } from '../ops/all.js'
import { registerIntegerPasses } from '../passes/integers.js'
import { fuseIntegers, fuseIntegerSums } from '../passes/shaped/fuse-integers.js'

/** Makes every operator known, and the graph passes that need operators outside the common set. */
export function registerAllOps(): void {
  registerOps(allOps)
  registerIntegerPasses({ atLoad: fuseIntegers, withTypes: fuseIntegerSums })
}
