// Every case table, one line each.
import type { Case } from './case.js'
import { concatCases } from './concat.js'
import { constantCases } from './constant.js'
import { convTransposeCases } from './conv-transpose.js'
import { contribAttentionCases, contribCases } from './contrib.js'
import { convCases } from './conv.js'
import { depthToSpaceCases } from './depth-to-space.js'
import { expandCases } from './expand.js'
import { gatherCases } from './gather.js'
import { gridSampleCases } from './grid-sample.js'
import { identityCases } from './identity.js'
import { matmulCases } from './matmul.js'
import { nonMaxSuppressionCases } from './non-max-suppression.js'
import { padCases } from './pad.js'
import { poolCases } from './pool.js'
import { quantizeFamilyCases } from './quantize.js'
import { quantizedLinearCases } from './quantized-linear.js'
import { reshapeCases } from './reshape.js'
import { resizeCases } from './resize.js'
import { elementwiseCases } from './elementwise.js'
import { matmulCases } from './matmul.js'
import { normCases } from './norm.js'
import { poolCases } from './pool.js'
import { quantizeFamilyCases } from './quantize.js'
import { quantizedLinearCases } from './quantized-linear.js'
import { reductionCases } from './reduce.js'
import { rnnFamilyCases } from './rnn.js'
import { scatterCases } from './scatter.js'
import { selectCases } from './select.js'
import { sliceCases } from './slice.js'
import { topKCases } from './top-k.js'
import { transposeCases } from './transpose.js'
import { triluCases } from './trilu.js'

export const allCases: readonly Case[] = [
  ...concatCases,
  ...constantCases,
  ...contribAttentionCases,
  ...contribCases,
  ...convCases,
  ...convTransposeCases,
  ...depthToSpaceCases,
  ...expandCases,
  ...gatherCases,
  ...gridSampleCases,
  ...identityCases,
  ...matmulCases,
  ...nonMaxSuppressionCases,
  ...padCases,
  ...elementwiseCases,
  ...matmulCases,
  ...normCases,
  ...poolCases,
  ...quantizeFamilyCases,
  ...reshapeCases,
  ...resizeCases,
  ...quantizedLinearCases,
  ...reductionCases,
  ...rnnFamilyCases,
  ...scatterCases,
  ...selectCases,
  ...sliceCases,
  ...topKCases,
  ...transposeCases,
  ...triluCases,
]
