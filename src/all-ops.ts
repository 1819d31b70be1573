/**
 * Makes every operator known at once: `import 'lanewise/ops/all'`. Sessions load them by themselves when a model needs
 * one, and so does a `GraphBuilder` in Node; this is for where there are no dynamic imports, for a `GraphBuilder` in a
 * browser, and for one in a bundled program of Node. In a browser it is also what lets `exportModel` of
 * `lanewise/train` write other operator sets.
 *
 * @module lanewise/ops/all
 * @packageDocumentation
 */
import * as outputs from './api/graph/declare-outputs.js'
import * as images from './api/images/image.js'
import { lateImages, lateParts } from './api/late-parts.js'
import * as specialKernels from './api/load/special-kernels.js'
import * as warmUp from './api/load/warm-up.js'
import * as prepared from './api/prepared/read.js'
import { registerAllOps } from './api/register-all.js'
import { knowEverySet } from './onnx/sets/know-every-set.js'
import { provideVariations } from './plan/plans.js'
import * as variations from './plan/variations.js'
import * as modelCache from './platform/model-cache.js'

registerAllOps()
knowEverySet()
provideVariations(variations)
lateImages.load = async () => images
Object.assign(lateParts, {
  warmUp: async () => warmUp,
  outputs: async () => outputs,
  modelCache: async () => modelCache,
  prepared: async () => prepared,
  specialKernels: async () => specialKernels,
} satisfies typeof lateParts)
