// Every case table, one line each.
import type { Case } from './case.js'
import { convTransposeCases } from './conv-transpose.js'
import { contribAttentionCases, contribCases } from './contrib.js'
import { convCases } from './conv.js'
import { einsumCases } from './einsum.js'
import { matmulCases } from './matmul.js'
import { mlCases } from './ml.js'
import { poolCases } from './pool.js'
import { quantizeFamilyCases } from './quantize.js'
import { quantizedLinearCases } from './quantized-linear.js'
import { rnnFamilyCases } from './rnn.js'
import { signalCases, spatialCases } from './spatial.js'
import { transposeCases } from './transpose.js'

export const allCases: readonly Case[] = [
  ...contribAttentionCases,
  ...contribCases,
  ...convCases,
  ...convTransposeCases,
  ...einsumCases,
  ...matmulCases,
  ...mlCases,
  ...poolCases,
  ...quantizedLinearCases,
  ...quantizeFamilyCases,
  ...rnnFamilyCases,
  ...signalCases,
  ...spatialCases,
  ...transposeCases,
]
