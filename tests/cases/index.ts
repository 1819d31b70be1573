// Every case table, one line each.
import type { Case } from './case.js'
import { convTransposeCases } from './conv-transpose.js'
import { convCases } from './conv.js'
import { matmulCases } from './matmul.js'
import { poolCases } from './pool.js'
import { quantizeFamilyCases } from './quantize.js'
import { quantizedLinearCases } from './quantized-linear.js'
import { rnnFamilyCases } from './rnn.js'
import { transposeCases } from './transpose.js'

export const allCases: readonly Case[] = [
  ...convCases,
  ...convTransposeCases,
  ...matmulCases,
  ...poolCases,
  ...quantizedLinearCases,
  ...quantizeFamilyCases,
  ...rnnFamilyCases,
  ...transposeCases,
]
