import { describe, test } from 'vitest'
import { channelsLastOrder, identityOrder } from '../../src/core/layout.js'
import { allCases } from './cases.js'
import { checkCase } from '../support/cases/check-case.js'

// Every operator must give the same answer whatever order of axes its inputs lie in.
const rows = allCases.filter((row) =>
  row.inputs.some((spec) => spec && !spec.constant && spec.dtype !== 'string' && spec.shape.length > 2),
)
const orders = { 'channels-last': channelsLastOrder, reversed: (rank: number) => [...identityOrder(rank)].reverse() }

describe.each(Object.keys(orders) as (keyof typeof orders)[])('%s', (order) => {
  test.each(rows.map((row) => [`${row.op} ${row.name}`, row] as const))('%s', async (_, row) => {
    await checkCase(row, 'simd', orders[order])
  })
})
