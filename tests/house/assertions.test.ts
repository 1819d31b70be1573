import { expect, test } from 'vitest'
import { lint } from './oxlint.js'

const line = 'export const first = (list: readonly number[]) => list.at(0)!\n'
const found = lint({
  'src/ops/conv/example.ts': line,
  'bindings/example.ts': line,
  'tests/ops/example.test.ts': line,
})

test.each(['src/ops/conv/example.ts', 'bindings/example.ts'])('`!` is refused in %s', (file) => {
  expect(found.get(file)).toMatchObject([{ rule: expect.stringContaining('no-non-null-assertion') as string }])
})

test('`!` is allowed in tests', () => {
  expect(found.get('tests/ops/example.test.ts')).toEqual([])
})
