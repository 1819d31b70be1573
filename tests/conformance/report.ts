import type { Status, TestResult } from './suite.js'

export interface Count {
  pass: number
  fail: number
  unsupported: number
  leftOut: number
}

/** Results counted; left-out tests belong to no total. */
function count(results: readonly TestResult[]): Count {
  const of = (status: Status): number => results.filter((result) => result.status === status).length
  return { pass: of('pass'), fail: of('fail'), unsupported: of('unsupported'), leftOut: of('left out') }
}

/** The parts of the whole that are reported by themselves. */
export function groups(results: readonly TestResult[]): ReadonlyMap<string, Count> {
  const node = results.filter((result) => result.collection === 'node')
  return new Map([
    ['node: tensor types', count(node.filter((result) => result.category === 'tensor'))],
    ['node: sequences, optionals, packed and tiny types', count(node.filter((result) => result.category === 'other'))],
    ['node: vision and feed-forward operators', count(node.filter((result) => result.vision))],
    ['pytorch-converted', count(results.filter((result) => result.collection === 'pytorch-converted'))],
    ['all', count(results)],
  ])
}

/** Counts per operator of the node tests, and per collection for the others. */
export function byOp(results: readonly TestResult[]): ReadonlyMap<string, Count> {
  const ops = [...new Set(results.map((result) => result.op))].sort()
  return new Map(ops.map((op) => [op, count(results.filter((result) => result.op === op))]))
}

function row(name: string, { pass, fail, unsupported, leftOut }: Count): string {
  const total = pass + fail + unsupported
  const share = total ? `${((100 * pass) / total).toFixed(1)} %` : ''
  return `| ${name} | ${pass} | ${fail} | ${unsupported} | ${leftOut || ''} | ${share} |`
}

/** A Markdown table of counts. */
export function countTable(title: string, counts: ReadonlyMap<string, Count>): string {
  const head = `| ${title} | pass | fail | unsupported | left out | share |\n|---|--:|--:|--:|--:|--:|`
  return [head, ...[...counts].map(([name, counted]) => row(name, counted))].join('\n')
}

/** Operators that are named as missing, with the number of tests that each stands in the way of. */
export function missingOps(results: readonly TestResult[]): string {
  const blocked = new Map<string, number>()
  for (const { status, op } of results) if (status === 'unsupported') blocked.set(op, (blocked.get(op) ?? 0) + 1)
  return [...blocked]
    .sort((a, b) => b[1] - a[1])
    .map(([op, tests]) => `${op} ${tests}`)
    .join(', ')
}
