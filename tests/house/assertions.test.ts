import { expect, test } from 'vitest'
import { lint } from './oxlint.js'

const line = 'export const first = (list: readonly number[]) => list.at(0)!\n'
/** CONTRIBUTING.md: no `!` outside tests. */
const refused = ['src/ops/conv', 'bindings', 'bench/suites', 'scripts', 'models/mnist', 'site/src'].map(
  (folder) => `${folder}/example.ts`,
)
const found = lint(Object.fromEntries([...refused, 'tests/ops/example.test.ts'].map((file) => [file, line])))

test.each(refused)('`!` is refused in %s', (file) => {
  expect(found.get(file)).toMatchObject([{ rule: expect.stringContaining('no-non-null-assertion') as string }])
})

test('`!` is allowed in tests', () => {
  expect(found.get('tests/ops/example.test.ts')).toEqual([])
})
