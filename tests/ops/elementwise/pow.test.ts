import { describe, expect, test } from 'vitest'
import { numbersIn, tensorOf } from '../../support/numbers.js'
import { runNode } from '../../support/cases/run-node.js'
import { builds } from '../../support/wasm.js'

/** C11 F.10.4.4, for whole and broken, even and odd exponents. */
function cPower(x: number, y: number): number {
  if (y === 0 || x === 1) return 1
  if (x === -1 && Math.abs(y) === Infinity) return 1
  return Math.pow(x, y)
}

const bases = [0, -0, 1, -1, 2, -2, 0.5, -0.5, Infinity, -Infinity, NaN]
const exponents = [0, -0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, 1e30, Infinity, -Infinity, NaN]
const pairs = bases.flatMap((x) => exponents.map((y) => [x, y] as const))
const expected = pairs.map(([x, y]) => Math.fround(cPower(x, y)))

describe.each(builds)('Pow at its special points, build %s', (build) => {
  describe.each(['float32', 'float64'] as const)('%s', (dtype) => {
    const all = [pairs.map(([x]) => x), pairs.map(([, y]) => y)].map((list) => tensorOf(dtype, [pairs.length], list))

    test.each([
      ['fed', []],
      ['folded', [0, 1]],
    ])('element by element, %s', async (_, constants) => {
      const [y] = await runNode({ op: 'Pow', inputs: all, constants, build })
      expect(numbersIn(y).map(Math.fround)).toEqual(expected)
    })

    test.each(exponents)('one exponent for all: %s', async (exponent) => {
      for (const constants of [[], [1], [0, 1]]) {
        const inputs = [tensorOf(dtype, [bases.length], bases), tensorOf(dtype, [], [exponent])]
        const [y] = await runNode({ op: 'Pow', inputs, constants, build })
        expect(numbersIn(y).map(Math.fround)).toEqual(bases.map((x) => Math.fround(cPower(x, exponent))))
      }
    })

    test.each(bases)('one base for all: %s', async (base) => {
      const inputs = [tensorOf(dtype, [], [base]), tensorOf(dtype, [exponents.length], exponents)]
      const [y] = await runNode({ op: 'Pow', inputs, build })
      expect(numbersIn(y).map(Math.fround)).toEqual(exponents.map((e) => Math.fround(cPower(base, e))))
    })
  })
})

test.each(['int32', 'int64'] as const)('whole bases of type %s with broken exponents', async (dtype) => {
  const inputs = [tensorOf(dtype, [4], [1, -1, 1, 2]), tensorOf('float32', [4], [NaN, Infinity, -Infinity, -1])]
  const [fed] = await runNode({ op: 'Pow', inputs })
  const [folded] = await runNode({ op: 'Pow', inputs, constants: [0, 1] })
  expect([numbersIn(fed), numbersIn(folded)]).toEqual([
    [1, 1, 1, 0],
    [1, 1, 1, 0],
  ])
})
