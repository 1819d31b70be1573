// Every case table, one line each.
import type { Case } from './case.js'
import { transposeCases } from './transpose.js'

export const allCases: readonly Case[] = [...transposeCases]
