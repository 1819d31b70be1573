import { describe, test } from 'vitest'
import { allCases } from './cases.js'
import { checkCase } from '../support/cases/check-case.js'
import { builds } from '../support/wasm.js'

// Every row of every case table, in every build this engine runs, against the float64 reference.
describe.each([...new Set(allCases.map((row) => row.op))])('%s', (op) => {
  const rows = allCases.filter((row) => row.op === op)
  describe.each(builds)('%s', (build) => {
    test.each(rows.map((row) => [row.name, row] as const))('%s', async (_, row) => {
      await checkCase(row, build)
    })
  })
})
