import { describe, expect, test } from 'vitest'
import { hostFrom } from '../../src/core/host.js'
import type { Graph, Node, Value } from '../../src/ir/graph.js'
import { GraphBuilder } from '../../src/node.js'
import { alone, ops, type Build } from './one-pass.js'

describe('eliminate-dead', () => {
  test('removes what nobody reads, and what only that read', async () => {
    const nodes = await alone('eliminate-dead', (g, x) => {
      g.op('Neg', [g.op('Abs', [x])])
      g.node('Split', [g.op('Exp', [x])], { axis: 0, num_outputs: 2 }, { outputs: 2 })
      return g.op('Relu', [x])
    })
    expect(ops(nodes)).toEqual(['Relu'])
  })

  test('keeps a node of which one output is read', async () => {
    const nodes = await alone(
      'eliminate-dead',
      (g, x) => g.node('Split', [x], { axis: 0, num_outputs: 2 }, { outputs: 2 })[1],
    )
    expect(ops(nodes)).toEqual(['Split'])
  })

  test('keeps what only a body reads', async () => {
    const nodes = await alone('eliminate-dead', (g, x) => {
      const seen = g.op('Exp', [x])
      const branch = (name: string, op: string): Graph => {
        const inner = new GraphBuilder(name)
        const value = inner.op(op, [seen], {}, `${name}_${op}`)
        return { name, inputs: [], outputs: [value], nodes: [{ ...nodeOf(inner, value), inputs: [seen] }] }
      }
      const condition = g.constant('yes', hostFrom('bool', [], [1]))
      return g.op('If', [condition], { then_branch: branch('t', 'Neg'), else_branch: branch('e', 'Abs') })
    })
    expect(ops(nodes)).toEqual(['Exp', 'If'])
  })
})

/** The node that makes a value in a builder whose graph is never finished. */
function nodeOf(builder: GraphBuilder, value: Value): Node {
  return (builder as unknown as { nodes: Node[] }).nodes.find(({ outputs }) => outputs.includes(value))!
}

describe('eliminate-identity', () => {
  test.each<[string, Build, string[]]>([
    [
      'chains of Identity and Dropout',
      (g, x) => g.op('Relu', [g.op('Identity', [g.op('Dropout', [g.op('Identity', [g.op('Neg', [x])])])])]),
      ['Neg', 'Relu'],
    ],
    ['not one that makes an output', (g, x) => g.op('Identity', [g.op('Neg', [x])]), ['Neg', 'Identity']],
    [
      'not one whose mask is read',
      (g, x) => g.node('Dropout', [x], {}, { outputs: 2 }).map((y, i) => (i === 0 ? g.op('Neg', [y]) : y)),
      ['Dropout', 'Neg'],
    ],
    ['of an input that is read twice', (g, x) => g.op('Add', [g.op('Identity', [x]), g.op('Identity', [x])]), ['Add']],
    [
      'beside an Identity that makes an output',
      (g, x) => {
        const y = g.op('Identity', [x])
        return [y, g.op('Neg', [g.op('Identity', [y])])]
      },
      ['Identity', 'Neg'],
    ],
  ])('%s', async (_, build, left) => {
    expect(ops(await alone('eliminate-identity', build))).toEqual(left)
  })
})
