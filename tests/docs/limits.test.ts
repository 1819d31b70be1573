import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isDType } from '../../src/core/dtype.js'
import { MAX_RANK } from '../../src/core/shape.js'
import { NEWEST_OPSET } from '../../src/onnx/import.js'
import { NEWEST_WRITTEN, OLDEST_OPSET } from '../../src/onnx/versions.js'
import { exportModel, GraphBuilder, loadGraph, Tensor, type DType } from '../../src/node.js'
import { root } from '../support/package.js'

const page = readFileSync(join(root, 'docs/limits.md'), 'utf8')

test('operator sets and axes are those of the code', async () => {
  expect(page).toContain(`| operator sets of ai.onnx that are read | ${OLDEST_OPSET} to ${NEWEST_OPSET} |`)
  const g = new GraphBuilder()
  g.output(g.op('Relu', [g.input('x', 'float32', [1])]), 'y')
  const { opsets } = await loadGraph(exportModel(g.graph()))
  expect(page).toContain(`writes | ${OLDEST_OPSET} to ${NEWEST_WRITTEN}; ${opsets.get('')} by default`)
  expect(page).toContain(`| axes of a tensor | ${MAX_RANK} |`)
})

test('every type has a row, and the array it names', () => {
  const rows = [...page.slice(page.indexOf('## Types')).matchAll(/^\| (`.*?) \| (.*?) \|/gm)]
  const named = rows.flatMap(([, types, arrays]) => {
    const names = [...types.matchAll(/`(\w+)`/g)].map(([, type]) => type)
    const kinds = [...arrays.matchAll(/`([\w[\]]+)`/g)].map(([, array]) => array)
    return names.map((name, i) => [name, kinds[Math.min(i, kinds.length - 1)], kinds] as const)
  })
  expect(named.every(([name]) => isDType(name))).toBe(true)
  const all = 'float32 float64 float16 bfloat16 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz float8e8m0 float4e2m1 int2 uint2 int4 uint4 int8 uint8 int16 uint16 int32 uint32 int64 uint64 bool complex64 complex128 string' // prettier-ignore
  expect(named.map(([name]) => name).sort()).toEqual(all.split(' ').sort())
  for (const [name, kind, kinds] of named) {
    const source = name === 'string' ? ['a', 'b'] : name.startsWith('complex') ? [1, 0] : [1, 1]
    const { data } = new Tensor(name as DType, source, name.startsWith('complex') ? [1] : undefined)
    const array = Array.isArray(data) ? 'string[]' : data.constructor.name
    expect(name === 'float16' ? kinds : [kind], name).toContain(array)
  }
})
