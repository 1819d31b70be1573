import { describe, test } from 'vitest'
import { channelsLastOrder, identityOrder } from '../../src/core/layout.js'
import { allCases } from './cases.js'
import { families } from '../support/cases/called-kernels.js'
import { checkCase } from '../support/cases/check-case.js'

// Every operator must give the same answer whatever order of axes its inputs lie in.
const rows = allCases.filter((row) =>
  row.inputs.some((spec) => spec && !spec.constant && spec.dtype !== 'string' && spec.shape.length > 2),
)
const orders = { 'channels-last': channelsLastOrder, reversed: (rank: number) => [...identityOrder(rank)].reverse() }
const names = Object.keys(orders) as (keyof typeof orders)[]

// Axes that are the innermost ones only in channels-last have loops of their own in kernels; the reversed order, which
// no plan chooses, is for operators and left out where kernels are tested (npm run test:kernels), to be quick.
describe.each(families.length > 0 ? names.slice(0, 1) : names)('%s', (order) => {
  test.each(rows.map((row) => [`${row.op} ${row.name}`, row] as const))('%s', async (_, row) => {
    await checkCase(row, 'simd', orders[order])
  })
})
