import { registerOps } from '../ir/registry.js'
import { frequentOps } from '../ops/frequent.js'
import { registerExtraPasses } from '../passes/extra.js'
import { fuseAttention } from '../passes/shaped/fuse-attention.js'
import { fuseNorm } from '../passes/shaped/fuse-norm.js'

/**
 * Makes the operators known that many models have, and recognises attention and normalisations that are written out.
 */
export function registerFrequentOps(): void {
  registerOps(frequentOps)
  registerExtraPasses({ attention: fuseAttention, norm: fuseNorm })
}
