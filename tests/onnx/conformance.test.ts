import { expect, it } from 'vitest'
import { lanewise } from '../conformance/engines.js'
import { readExpected, surprises } from '../conformance/expected.js'
import { countTable, groups } from '../conformance/report.js'
import { runSuite } from '../conformance/suite.js'
import { skipUnlessShared } from '../support/shared.js'
import { builds } from '../support/wasm.js'

skipUnlessShared("ONNX's operator tests", ['onnx-tests'], (root) => {
  it.each(builds)(
    'pass in the %s build, but for those listed',
    async (build) => {
      const engine = lanewise({ build, logLevel: 'error' })
      const results = await runSuite(engine, { root })
      console.log(countTable(engine.name, groups(results)))
      expect(results.length).toBeGreaterThan(900)
      expect(surprises(results, readExpected())).toEqual([])
    },
    600_000,
  )

  it('are listed as failing only with a reason', () => {
    const { failures } = readExpected()
    expect(Object.keys(failures).filter((name) => !failures[name])).toEqual([])
  })
})
