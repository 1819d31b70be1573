import type { OpDefinition } from '../../ir/op.js'
import { Gelu } from '../../ops/elementwise/unary.js'
import type { Graph, Node, Value } from '../../ir/graph.js'
import type { Rewriter } from '../../ir/rewrite.js'
import { nearly, plain } from '../pattern.js'
import { fuseGates, made, numberOf, productOf, type GateMatch } from '../product.js'

/**
 * x/2 · (1 + erf(x/√2)) and its approximation x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))) (Hendrycks & Gimpel, 2016), as
 * exporters write them, with the factors in any order.
 */
export const fuseGelu = {
  name: 'fuse-gelu',
  run: (graph: Graph): Graph => fuseGates(graph, match),
} as const

const op = Gelu as unknown as OpDefinition

const match: GateMatch = (rewriter, x, gate, by) => {
  if (!nearly(by, 0.5)) return undefined
  const sum = sumOf(made(rewriter, gate), 1)
  const f = sum && made(rewriter, sum.value)
  const argument = f?.inputs[0]
  if (!sum || !argument) return undefined
  if (plain(f, 'Erf')) {
    const { factors, by: scale, rank } = innerProduct(rewriter, argument, x)
    return only(factors, x) && nearly(scale, Math.SQRT1_2)
      ? { op, attributes: { approximate: 'none' }, rank: Math.max(rank, sum.rank) }
      : undefined
  }
  if (!plain(f, 'Tanh')) return undefined
  const cubic = cubicOf(rewriter, argument, x)
  return cubic === undefined ? undefined : { op, attributes: { approximate: 'tanh' }, rank: Math.max(cubic, sum.rank) }
}

/** The product that an argument is, if it is not x itself, which others read. */
function innerProduct(rewriter: Rewriter, value: Value, x: Value): ReturnType<typeof productOf> {
  return value === x || !rewriter.single(value) ? { factors: [value], by: 1, rank: 0 } : productOf(rewriter, value)
}

function only(factors: readonly Value[], x: Value): boolean {
  return factors.length === 1 && factors[0] === x
}

/** The axes of the numbers in √(2/π)·(x + 0.044715·x³) or √(2/π)·x·(1 + 0.044715·x²), if the argument is that. */
function cubicOf(rewriter: Rewriter, argument: Value, x: Value): number | undefined {
  const { factors, by, rank } = innerProduct(rewriter, argument, x)
  if (!nearly(by, Math.sqrt(2 / Math.PI))) return undefined
  const others = factors.filter((factor) => factor !== x)
  if (others.length !== 1) return undefined
  const add = plain(made(rewriter, others[0]), 'Add')
  if (!add || factors.length > 2) return undefined
  const power = factors.length === 1 ? 3 : 2
  const [a, b] = add.inputs as [Value, Value]
  for (const [lead, rest] of [
    [a, b],
    [b, a],
  ]) {
    const one = power === 2 ? numberOf(lead) : undefined
    if (power === 3 ? lead !== x : !nearly(one?.value, 1)) continue
    const product = innerProduct(rewriter, rest, x)
    const raised = powerOf(rewriter, product.factors, x)
    if (nearly(product.by, 0.044715) && raised?.power === power)
      return Math.max(rank, product.rank, raised.rank, one?.rank ?? 0)
  }
  return undefined
}

/** The power of x that factors make: x · x · x or Pow(x, 3). */
function powerOf(
  rewriter: Rewriter,
  factors: readonly Value[],
  x: Value,
): { readonly power: number; readonly rank: number } | undefined {
  if (factors.every((factor) => factor === x)) return { power: factors.length, rank: 0 }
  const pow = factors.length === 1 ? plain(made(rewriter, factors[0]), 'Pow') : undefined
  const exponent = pow?.inputs[0] === x && pow.attributes.axis === undefined ? numberOf(pow.inputs[1]) : undefined
  return exponent && { power: exponent.value, rank: exponent.rank }
}

/** The other summand of an Add with a number. */
function sumOf(node: Node | undefined, addend: number): { readonly value: Value; readonly rank: number } | undefined {
  const add = plain(node, 'Add')
  if (!add || add.attributes.axis !== undefined) return undefined
  const [a, b] = add.inputs as [Value, Value]
  for (const [value, other] of [
    [a, b],
    [b, a],
  ]) {
    const number = numberOf(other)
    if (number && nearly(number.value, addend)) return { value, rank: number.rank }
  }
  return undefined
}
