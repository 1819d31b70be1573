import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { appliedOperators, defaultVersion, generate } from '../../scripts/default-set.js'
import { OPERATORS, TYPE_SETS } from '../../src/onnx/schema/default-set.js'
import { OPERATORS as EVERY_OPERATOR, TYPE_SETS as EVERY_SET } from '../../src/onnx/schema/operators.js'
import { schemaAt, schemasOf, useSchemas, type Place, type Schema } from '../../src/onnx/schemas.js'
import { EXPORT_OPSET } from '../../src/onnx/versions.js'

const every = { operators: EVERY_OPERATOR, sets: EVERY_SET }

/** What a version says, whatever its parameters are called. */
function meaning({ inputs, outputs, attributes }: Schema): unknown {
  const parameters = [...new Set([...inputs, ...outputs].map(({ parameter }) => parameter).filter(Boolean))]
  const place = ({ parameter, ...rest }: Place) => ({ ...rest, parameter: parameters.indexOf(parameter) })
  return { inputs: inputs.map(place), outputs: outputs.map(place), attributes: [...attributes].toSorted() }
}

test('the file is what the script makes', async () => {
  const file = new URL('../../src/onnx/schema/default-set.ts', import.meta.url)
  expect(await generate()).toBe(readFileSync(file, 'utf8'))
})

test('it says of each operator what its version says', () => {
  const names = appliedOperators()
  expect(names.length).toBeGreaterThan(90)
  const expected = names.map((name) => {
    const version = defaultVersion(name)
    return version && [name, meaning(version), version.since > EXPORT_OPSET ? version.since : undefined]
  })
  useSchemas({ operators: OPERATORS, sets: TYPE_SETS })
  const found = names.map((name) => {
    const [version, ...others] = schemasOf('', name)
    expect(others).toEqual([])
    return [name, meaning(version), version.since > EXPORT_OPSET ? version.since : undefined]
  })
  useSchemas(every)
  expect(found).toEqual(expected)
})

test('what holds in the default set holds in the newer ones that an operator may need', () => {
  useSchemas(every)
  const names = appliedOperators()
  const newest = Math.max(...names.map((name) => defaultVersion(name)?.since ?? 0))
  expect(newest).toBeGreaterThan(EXPORT_OPSET)
  for (const name of names) {
    const first = defaultVersion(name)
    for (let opset = Math.max(EXPORT_OPSET, first?.since ?? 0); opset <= newest; opset++) {
      const later = schemaAt('', name, opset)
      expect(later?.deprecated, `${name} in ${opset}`).toBe(false)
      for (const side of ['inputs', 'outputs'] as const)
        first?.[side].forEach(({ types }, i) => {
          for (const letter of types.split('/')[0])
            expect(later?.[side][i].types, `${name} in ${opset}`).toContain(letter)
        })
      for (const attribute of [...(first?.attributes ?? [])].filter(Boolean))
        expect(later?.attributes, `${name} in ${opset}`).toContain(attribute)
    }
  }
})
