// Every case table, one line each.
import type { Case } from './case.js'
import { convCases } from './conv.js'
import { elementwiseCases } from './elementwise.js'
import { matmulCases } from './matmul.js'
import { normCases } from './norm.js'
import { poolCases } from './pool.js'
import { quantizeFamilyCases } from './quantize.js'
import { quantizedLinearCases } from './quantized-linear.js'
import { reductionCases } from './reduce.js'
import { rnnFamilyCases } from './rnn.js'
import { transposeCases } from './transpose.js'

export const allCases: readonly Case[] = [
  ...convCases,
  ...elementwiseCases,
  ...matmulCases,
  ...normCases,
  ...poolCases,
  ...quantizeFamilyCases,
  ...quantizedLinearCases,
  ...reductionCases,
  ...rnnFamilyCases,
  ...transposeCases,
]
