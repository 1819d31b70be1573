// Every case table, one line each.
import type { Case } from './case.js'
import { attentionCases, attentionShapes, rotaryCases } from './attention/attention.cases.js'
import { concatCases } from './movement/concat.cases.js'
import { constantCases } from './movement/constant.cases.js'
import { microsoftAttentionCases } from './attention/microsoft-attention.cases.js'
import { microsoftAttentionShapes } from './attention/microsoft-attention-shapes.cases.js'
import { microsoftConvCases } from './conv/microsoft-conv.cases.js'
import { microsoftGeluCases } from './elementwise/microsoft-gelu.cases.js'
import { microsoftMatmulCases } from './matmul/microsoft-matmul.cases.js'
import { microsoftNormCases, skipNormShapes } from './norm/microsoft-norm.cases.js'
import { convTransposeCases } from './conv/conv-transpose.cases.js'
import { convCases } from './conv/conv.cases.js'
import { depthToSpaceCases } from './movement/depth-to-space.cases.js'
import { einsumCases } from './matmul/einsum.cases.js'
import { elementwiseCases } from './elementwise/elementwise.cases.js'
import { expandCases } from './movement/expand.cases.js'
import { gatherCases } from './movement/gather.cases.js'
import { gridSampleCases } from './image/grid-sample.cases.js'
import { identityCases } from './movement/identity.cases.js'
import { integerCases } from './quantize/integer.cases.js'
import { lossCases } from './loss/loss.cases.js'
import { matmulCases } from './matmul/matmul.cases.js'
import { mlCases } from './ml/ml.cases.js'
import { linearModelCases } from './ml/svm.cases.js'
import { nonMaxSuppressionCases } from './image/non-max-suppression.cases.js'
import { normCases } from './norm/norm.cases.js'
import { padCases } from './movement/pad.cases.js'
import { poolCases } from './pool/pool.cases.js'
import { quantizeFamilyCases } from './quantize/quantize.cases.js'
import { quantizedLinearCases } from './quantize/quantized-linear.cases.js'
import { reductionCases } from './reduce/reduce.cases.js'
import { reshapeCases } from './movement/reshape.cases.js'
import { resizeCases } from './image/resize.cases.js'
import { rnnFamilyCases } from './rnn/rnn.cases.js'
import { scatterCases, scatterWindowCases } from './movement/scatter.cases.js'
import { selectCases } from './movement/select.cases.js'
import { sliceCases } from './movement/slice.cases.js'
import { classLossCases } from './loss/class-loss.cases.js'
import { detCases } from './matmul/det.cases.js'
import { optimizerCases } from './loss/optimizer.cases.js'
import { roiCases } from './pool/roi.cases.js'
import { signalCases } from './signal/signal.cases.js'
import { swigluCases } from './elementwise/swiglu.cases.js'
import { topKCases } from './reduce/top-k.cases.js'
import { transposeCases } from './movement/transpose.cases.js'
import { triluCases } from './movement/trilu.cases.js'

export const allCases: readonly Case[] = [
  ...attentionCases,
  ...attentionShapes,
  ...rotaryCases,
  ...concatCases,
  ...constantCases,
  ...microsoftAttentionCases,
  ...microsoftAttentionShapes,
  ...microsoftConvCases,
  ...microsoftGeluCases,
  ...microsoftMatmulCases,
  ...microsoftNormCases,
  ...skipNormShapes,
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
  ...linearModelCases,
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
  ...classLossCases,
  ...detCases,
  ...roiCases,
  ...scatterWindowCases,
  ...swigluCases,
  ...topKCases,
  ...transposeCases,
  ...triluCases,
]
