import { describe, test } from 'vitest'
import { notFused, type Graph, type Node, type Value } from '../src/graph/ir.js'
import { channelsLastOrder } from '../src/graph/layout.js'
import { Program } from '../src/graph/program.js'
import { WeightStore } from '../src/graph/weights.js'
import type { HostTensor, HostValue } from '../src/host.js'
import { allOps } from '../src/ops/all.js'
import { parseAttributes, toRaw, type RawAttributes } from '../src/ops/attributes.js'
import { findOp, registerOps } from '../src/ops/registry.js'
import { transposed } from '../src/ops/transpose.js'
import { plain, type Case, type Plain } from './cases/case.js'
import { allCases } from './cases/index.js'
import { compareTensor, inputsOf } from './support/check-case.js'
import { makeContext } from './support/wasm.js'

registerOps(allOps)

// Every operator must give the same answer whatever order of axes its inputs lie in. Behind a Transpose a tensor of logical shape
// [N,C,H,W] lies channels-last, or in any other order, without a byte being moved.
const rows = allCases.filter((row) => row.inputs.some((spec) => spec && !spec.constant && spec.dtype !== 'string' && spec.shape.length > 2))
const orders = { 'channels-last': channelsLastOrder, reversed: (rank: number) => Array.from({ length: rank }, (_, i) => rank - 1 - i) }

describe.each(Object.keys(orders) as (keyof typeof orders)[])('%s', (order) => {
  test.each(rows.map((row) => [`${row.op} ${row.name}`, row] as const))('%s', async (_, row) => {
    await checkBehindTranspose(row, orders[order])
  })
})

async function checkBehindTranspose(row: Case, orderOf: (rank: number) => number[] | readonly number[]): Promise<void> {
  const op = findOp(row.domain ?? '', row.op)!
  const raw: RawAttributes = new Map()
  for (const [name, value] of Object.entries(row.attributes ?? {})) raw.set(name, toRaw(op.attributes[name].kind, value))
  const given = inputsOf(row)
  const feeds = new Map<Value, HostValue>()
  const nodes: Node[] = []
  const inputs = given.map((tensor, i) => {
    if (!tensor) return undefined
    const value: Value = { name: `x${i}` }
    const rank = tensor.shape.length
    if (row.inputs[i]!.constant) value.constant = tensor
    else if (rank < 3 || tensor.dtype === 'string') feeds.set(value, tensor)
    else {
      const order = orderOf(rank)
      const fed: Value = { name: `fed${i}` }
      feeds.set(fed, transposed(tensor, order))
      const perm = order.map((_, axis) => order.indexOf(axis))
      nodes.push({ op: findOp('', 'Transpose')!, name: `t${i}`, attributes: { perm }, inputs: [fed], outputs: [value], fused: notFused })
    }
    return value
  })
  const outputs = Array.from({ length: row.outputs ?? 1 }, (_, i): Value => ({ name: `y${i}` }))
  nodes.push({ op, name: 'node', attributes: parseAttributes(op.attributes, raw), inputs, outputs, fused: notFused })
  const graph: Graph = { name: 'test', inputs: [...feeds.keys()], outputs, nodes }
  const context = makeContext()
  const program = new Program(graph, context, new WeightStore(context), { build: 'simd', fast: true, shapedPass: () => true, arenaLimit: 2 ** 32 })
  const results = await program.run(feeds)
  const expected = row.reference(given.map((tensor) => tensor && plain(tensor)) as Plain[], row.attributes ?? {})
  outputs.forEach((output, i) => {
    if (expected[i]) compareTensor(results.get(output) as HostTensor, expected[i], row.tolerance, `output ${i}`)
  })
  program.dispose()
}
