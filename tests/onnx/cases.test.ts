import { describe, test } from 'vitest'
import type { HostTensor, HostValue } from '../../src/core/host.js'
import { allCases } from '../ops/cases.js'
import { plain, type Case, type Plain } from '../ops/case.js'
import { lanewise, onnxruntimeWeb } from '../conformance/engines.js'
import { caseModel, inputsOf } from '../support/cases/case-model.js'
import { compareTensor } from '../support/cases/check-case.js'
import { builds } from '../support/wasm.js'

/** What onnxruntime-web says of types and operators that it has no kernel for. */
const lacking =
  /NOT_IMPLEMENTED|not implemented|Could not find an implementation|is not a registered function|No Op registered|Type Error|INVALID_GRAPH|Unsupported|unsupported/i

/** Whether the other engine's answer is within the case's tolerance of the float64 reference. */
function rightByReference(row: Case, name: string, answer: HostTensor): boolean {
  const references = row.reference(
    inputsOf(row).map((tensor) => tensor && plain(tensor)) as Plain[],
    row.attributes ?? {},
  )
  try {
    compareTensor(answer, references[Number(name.slice(1))], row.tolerance)
    return true
  } catch {
    return false
  }
}

// Every row of every case table, written as ONNX, read back here and by onnxruntime-web: the same numbers. What a case
// says against asking onnxruntime-web is in its row.
describe.each([...new Set(allCases.map((row) => row.op))])('%s', (op) => {
  test('agrees with onnxruntime-web', { timeout: 120_000 }, async () => {
    const peer = await onnxruntimeWeb()
    const rows = allCases.filter((row) => row.op === op && !row.withoutOrt && row.opset === undefined)
    const wrong: string[] = []
    let asked = 0
    for (const row of rows) {
      const { bytes, feeds } = caseModel(row)
      let expected: ReadonlyMap<string, HostValue>
      try {
        const model = await peer.load(bytes)
        expected = await model.run(feeds)
        await model.release()
      } catch (error) {
        if (lacking.test(String((error as Error).message))) continue
        throw new Error(`onnxruntime-web refuses "${row.name}"`, { cause: error })
      }
      asked++
      for (const build of builds) {
        const model = await lanewise({ build, logLevel: 'error' }).load(bytes)
        const actual = await model.run(feeds)
        await model.release()
        for (const [name, value] of expected) {
          const what = `${row.op} ${row.name}: ${name} (${build}) against onnxruntime-web`
          try {
            compareTensor(actual.get(name) as HostTensor, plain(value as HostTensor), row.tolerance, what)
          } catch (error) {
            // Where the two differ, the float64 reference decides who is right; ops.test.ts holds us to it, too.
            if (rightByReference(row, name, value as HostTensor)) throw error
            wrong.push(row.name)
          }
        }
      }
    }
    if (asked < rows.length)
      console.log(`${op}: onnxruntime-web was asked ${asked} of ${rows.length} cases, the others it does not implement`)
    if (wrong.length > 0)
      console.log(`${op}: onnxruntime-web is off the float64 reference in: ${[...new Set(wrong)].join(', ')}`)
  })
})
