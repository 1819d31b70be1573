import { registerKernels } from '../../bindings/more-kernels.js'
import { quantizedKernels } from '../../bindings/quantized.js'
import { registerOps } from '../ir/registry.js'
import { allOps } from '../ops/all.js'
import { registerExtraPasses } from '../passes/extra.js'
import { dropInTraining } from '../ops/random/session-dropout.js'
import { fewBitProducts } from '../passes/load/few-bit-products.js'
import { widenHalves } from '../passes/load/widen-halves.js'
import { fuseQuantize } from '../passes/shaped/fuse-quantize.js'
import { fuseIntegers, fuseIntegerSums } from '../passes/shaped/fuse-integers.js'
import { registerFrequentOps } from './register-frequent.js'

/** Makes every operator known, and the graph passes that need operators outside the common set. */
export function registerAllOps(): void {
  registerFrequentOps()
  registerOps(allOps)
  registerKernels(quantizedKernels)
  registerExtraPasses({
    prepare: (graph) => widenHalves(dropInTraining(graph)),
    integersAtLoad: (graph) => fewBitProducts(fuseIntegers(graph)),
    integersWithTypes: fuseIntegerSums,
    quantizers: fuseQuantize,
  })
}
