// Every case table, one line each.
import type { Case } from './case.js'
import { attentionCases, attentionShapes, optimizerCases, rotaryCases } from './attention.js'
import { concatCases } from './concat.js'
import { constantCases } from './constant.js'
import { contribAttentionCases, contribAttentionShapes, contribCases, skipNormShapes } from './contrib.js'
import { convTransposeCases } from './conv-transpose.js'
import { convCases } from './conv.js'
import { depthToSpaceCases } from './depth-to-space.js'
import { einsumCases } from './einsum.js'
import { elementwiseCases } from './elementwise.js'
import { expandCases } from './expand.js'
import { gatherCases } from './gather.js'
import { gridSampleCases } from './grid-sample.js'
import { identityCases } from './identity.js'
import { integerCases } from './integer.js'
import { lossCases } from './loss.js'
import { matmulCases } from './matmul.js'
import { mlCases } from './ml.js'
import { nonMaxSuppressionCases } from './non-max-suppression.js'
import { normCases } from './norm.js'
import { padCases } from './pad.js'
import { poolCases } from './pool.js'
import { quantizeFamilyCases } from './quantize.js'
import { quantizedLinearCases } from './quantized-linear.js'
import { reductionCases } from './reduce.js'
import { reshapeCases } from './reshape.js'
import { resizeCases } from './resize.js'
import { rnnFamilyCases } from './rnn.js'
import { scatterCases } from './scatter.js'
import { selectCases } from './select.js'
import { sliceCases } from './slice.js'
import { signalCases, spatialCases } from './spatial.js'
import { topKCases } from './top-k.js'
import { transposeCases } from './transpose.js'
import { triluCases } from './trilu.js'

export const allCases: readonly Case[] = [
  ...attentionCases,
  ...attentionShapes,
  ...rotaryCases,
  ...concatCases,
  ...constantCases,
  ...contribAttentionCases,
  ...contribAttentionShapes,
  ...skipNormShapes,
  ...contribCases,
  ...convCases,
  ...convTransposeCases,
  ...depthToSpaceCases,
  ...einsumCases,
  ...elementwiseCases,
  ...expandCases,
  ...gatherCases,
  ...gridSampleCases,
  ...identityCases,
  ...integerCases,
  ...lossCases,
  ...matmulCases,
  ...mlCases,
  ...nonMaxSuppressionCases,
  ...normCases,
  ...optimizerCases,
  ...padCases,
  ...poolCases,
  ...quantizedLinearCases,
  ...quantizeFamilyCases,
  ...reductionCases,
  ...reshapeCases,
  ...resizeCases,
  ...rnnFamilyCases,
  ...scatterCases,
  ...selectCases,
  ...signalCases,
  ...sliceCases,
  ...spatialCases,
  ...topKCases,
  ...transposeCases,
  ...triluCases,
]
