import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cutting } from '../../bindings/threads.js'
import { rawBytes, type HostTensor } from '../../src/core/host.js'
import { allCases } from './cases.js'
import { inputsOf } from '../support/cases/case-model.js'
import { runNode, type NodeRun } from '../support/cases/run-node.js'
import { builds } from '../support/wasm.js'

// Every row of every case table gives the same bits when its calls are cut as finely as they can be and three threads
// take the pieces, each stopping now and then.
beforeAll(() => Object.assign(cutting, { pieces: 7, grain: 8, pauses: 200 }))
afterAll(() => Object.assign(cutting, { pieces: undefined, grain: undefined, pauses: undefined }))

const bits = (tensor: HostTensor) =>
  Array.isArray(tensor.data) ? tensor.data : Buffer.from(rawBytes(tensor.data)).toString('hex')

describe.each(builds)('%s', (build) => {
  const rows = allCases.map((row) => [`${row.op} ${row.name}`, row] as const)
  test.each(rows)('%s', async (_, row) => {
    const constants = row.inputs.flatMap((spec, i) => (spec?.constant ? [i] : []))
    const run: NodeRun = { ...row, inputs: inputsOf(row), constants, build }
    const one = await runNode(run)
    const three = await runNode({ ...run, threads: 3 })
    expect(three.map(bits)).toEqual(one.map(bits))
  })
})
