// Every case table, one line each.
import type { Case } from './case.js'
import { convCases } from './conv.js'
import { matmulCases } from './matmul.js'
import { transposeCases } from './transpose.js'

export const allCases: readonly Case[] = [
  ...convCases,
  ...matmulCases,
  ...transposeCases,
]
