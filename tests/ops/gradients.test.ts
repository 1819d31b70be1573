import { describe, test } from 'vitest'
import '../../src/node.js'
import { gradients } from '../../src/ops/gradients.js'
import { registerAllOps } from '../../src/api/register-all.js'
import type { OpDefinition } from '../../src/ir/op.js'
import { isFixed, type Case } from './case.js'
import { allCases } from './cases.js'
import { checkGradient } from '../support/cases/check-gradient.js'
import { builds } from '../support/wasm.js'

registerAllOps()

const names = new Set(
  gradients.map(({ op }) => `${(op as unknown as OpDefinition).domain}:${(op as unknown as OpDefinition).name}`),
)
/** A reference over such elements cannot be differentiated by differences: the step is lost in rounding. */
const extreme = (row: Case) =>
  row.inputs.some(
    (input) => input?.dtype === 'float32' && input.values?.some((value) => !(Math.abs(Number(value)) < 100)),
  )
const rows = allCases.filter(
  (row) =>
    names.has(`${row.domain ?? ''}:${row.op}`) &&
    row.opset === undefined &&
    row.gradient !== false &&
    !isFixed(row.reference) &&
    !extreme(row) &&
    row.inputs.some((input) => input?.dtype === 'float32'),
)

// Every row of every case table whose operator has a gradient: kernels against finite differences of the float64
// reference.
describe.each([...new Set(rows.map((row) => row.op))])('%s', (op) => {
  const own = rows.filter((row) => row.op === op)
  describe.each(builds)('%s', (build) => {
    test.each(own.map((row) => [row.name, row] as const))('%s', async (_, row) => {
      await checkGradient(row, build)
    })
  })
})
