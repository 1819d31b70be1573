import { describe, expect, test } from 'vitest'
import type { DType } from '../../../src/core/dtype.js'
import { hostFrom, hostTensor } from '../../../src/core/host.js'
import { expectRejects } from '../../support/expect-error.js'
import { seeded } from '../../support/random.js'
import { runNode } from '../../support/cases/run-node.js'
import { builds } from '../../support/wasm.js'
import { scoresOf, type Leaves, type TreeNodes } from './trees.reference.js'

const domain = 'ai.onnx.ml'
const modes = ['BRANCH_LEQ', 'BRANCH_LT', 'BRANCH_GTE', 'BRANCH_GT', 'BRANCH_EQ', 'BRANCH_NEQ']

interface Random {
  readonly nodes: TreeNodes
  readonly leaves: Leaves
}

/**
 * Trees of every mode, splits at values that features have, infinities and NaN among them, node numbers in any order.
 */
function randomTrees(seed: number, trees: number, features: number, targets: number, many: boolean): Random {
  const random = seeded(seed)
  const below = (n: number) => Math.floor(random() * n)
  const nodes = { trees: [], ids: [], features: [], modes: [], values: [], missing: [], then: [], otherwise: [] } as {
    [K in keyof TreeNodes]: TreeNodes[K][number][]
  }
  const leaves = { trees: [], ids: [], targets: [], weights: [] } as { [K in keyof Leaves]: Leaves[K][number][] }
  for (let tree = 0; tree < trees; tree++) {
    let next = 0
    const step = 1 + below(2)
    const grow = (depth: number): number => {
      const id = step * next++
      const at = nodes.ids.length
      const leaf = depth === 0 || random() < 0.2
      nodes.trees.push(tree)
      nodes.ids.push(id)
      nodes.features.push(leaf ? 0 : below(features))
      nodes.modes.push(leaf ? 'LEAF' : modes[below(modes.length)])
      nodes.values.push(random() < 0.1 ? [Infinity, -Infinity, NaN, -0][below(4)] : below(9) / 2 - 2)
      nodes.missing.push(below(2))
      nodes.then.push(0)
      nodes.otherwise.push(0)
      if (leaf) {
        const first = below(targets)
        for (let k = 0; k < (many ? below(targets + 1) : 1); k++) {
          leaves.trees.push(tree)
          leaves.ids.push(id)
          leaves.targets.push((first + k) % targets)
          leaves.weights.push(random() < 0.1 ? -0 : Math.fround(random() - 0.5))
        }
      } else {
        nodes.then[at] = grow(depth - 1)
        nodes.otherwise[at] = grow(depth - 1)
      }
      return id
    }
    grow(below(7))
  }
  return { nodes, leaves }
}

const attributesOf = ({ nodes, leaves }: Random, what: 'target' | 'class') => ({
  nodes_treeids: nodes.trees,
  nodes_nodeids: nodes.ids,
  nodes_featureids: nodes.features,
  nodes_modes: nodes.modes,
  nodes_values: nodes.values,
  nodes_missing_value_tracks_true: nodes.missing,
  nodes_truenodeids: nodes.then,
  nodes_falsenodeids: nodes.otherwise,
  [`${what}_treeids`]: leaves.trees,
  [`${what}_nodeids`]: leaves.ids,
  [`${what}_ids`]: leaves.targets,
  [`${what}_weights`]: leaves.weights,
})

function table(dtype: DType, rows: number, columns: number, seed: number) {
  const random = seeded(seed)
  const odd = dtype.startsWith('float')
  const values = Array.from({ length: rows * columns }, () =>
    odd && random() < 0.15
      ? [NaN, Infinity, -Infinity, -0][Math.floor(random() * 4)]
      : Math.floor(random() * 9) / (odd ? 2 : 1) - 2,
  )
  return {
    x: hostFrom(dtype, [rows, columns], values),
    row: (r: number) => values.slice(r * columns, (r + 1) * columns),
  }
}

describe.each(builds)('%s', (build) => {
  test.each(['float32', 'float64', 'int32', 'int64'] as const)(
    'a regressor of %s follows every test',
    async (dtype) => {
      for (let seed = 1; seed <= 24; seed++) {
        const [targets, rows, features] = [1 + (seed % 3), [1, 3, 8, 21][seed % 4], 1 + (seed % 5)]
        const aggregate = ['SUM', 'AVERAGE', 'MIN', 'MAX'][Math.floor(seed / 4) % 4]
        const trees = randomTrees(seed, [1, 5, 8, 19][seed % 4], features, targets, seed % 2 === 0)
        const { x, row } = table(dtype, rows, features, seed)
        const base = seed % 3 === 0 ? Array.from({ length: targets }, (_, t) => t - 0.5) : []
        const round = dtype === 'float64' ? (value: number) => value : Math.fround
        const expected = Float32Array.from({ length: rows * targets }, (_, i) => {
          const scores = scoresOf(row(Math.floor(i / targets)), trees.nodes, trees.leaves, targets, aggregate, round)
          const score = scores[i % targets]
          // Of several targets, one that no leaf spoke of stays 0.
          return score === undefined ? (targets > 1 ? 0 : (base[0] ?? 0)) : round(score + (base[i % targets] ?? 0))
        })
        const attributes = {
          ...attributesOf(trees, 'target'),
          n_targets: targets,
          aggregate_function: aggregate,
          base_values: base,
        }
        const [y] = await runNode({ op: 'TreeEnsembleRegressor', domain, attributes, inputs: [x], build })
        expect(
          Array.from(y.data as Float32Array, (v) => v + 0),
          `seed ${seed}`,
        ).toEqual(Array.from(expected, (v) => v + 0))
      }
    },
  )

  test('a classifier leaves classes out that no leaf spoke of', async () => {
    for (let seed = 1; seed <= 24; seed++) {
      const [classes, rows, features] = [3 + (seed % 3), [1, 5, 16][seed % 3], 4]
      const trees = randomTrees(seed, [1, 2, 11][seed % 3], features, classes, seed % 2 === 0)
      const { x, row } = table('float32', rows, features, seed)
      const labels = Array.from({ length: classes }, (_, c) => 10 + c)
      const attributes = { ...attributesOf(trees, 'class'), classlabels_int64s: labels }
      const [label, z] = await runNode({
        op: 'TreeEnsembleClassifier',
        domain,
        attributes,
        inputs: [x],
        outputs: 2,
        build,
      })
      for (let r = 0; r < rows; r++) {
        const scores = scoresOf(row(r), trees.nodes, trees.leaves, classes, 'SUM', Math.fround)
        const spoken = scores.filter((score) => score !== undefined)
        const best = scores.indexOf(Math.max(...spoken))
        expect(Array.from((z.data as Float32Array).slice(r * classes, (r + 1) * classes), (v) => v + 0)).toEqual(
          scores.map((score) => (score ?? 0) + 0),
        )
        expect(Number(label.data[r]), `seed ${seed}`).toBe(labels[Math.max(best, 0)])
      }
    }
  })
})

const stump = {
  nodes_treeids: [0, 0, 0],
  nodes_nodeids: [0, 1, 2],
  nodes_featureids: [0, 0, 0],
  nodes_modes: ['BRANCH_LEQ', 'LEAF', 'LEAF'],
  nodes_values: [0.5, 0, 0],
  nodes_truenodeids: [1, 0, 0],
  nodes_falsenodeids: [2, 0, 0],
  class_treeids: [0, 0],
  class_nodeids: [1, 2],
  class_ids: [0, 1],
  class_weights: [1, 1],
}

test('labels that are texts', async () => {
  const attributes = { ...stump, classlabels_strings: ['low', 'high'] }
  const x = hostFrom('float32', [3, 1], [0, 1, 0.5])
  const [labels, scores] = await runNode({ op: 'TreeEnsembleClassifier', domain, attributes, inputs: [x], outputs: 2 })
  expect(labels).toMatchObject({ dtype: 'string', shape: [3], data: ['low', 'high', 'low'] })
  expect([...scores.data]).toEqual([1, 0, 0, 1, 1, 0])
})

test('float64 splits and weights keep their digits', async () => {
  const { class_treeids, class_nodeids, class_ids, class_weights, ...nodes } = stump
  const attributes = {
    ...nodes,
    nodes_values: undefined,
    nodes_values_as_tensor: hostTensor('float64', [3], Float64Array.of(0.1, 0, 0)),
    target_treeids: class_treeids,
    target_nodeids: class_nodeids,
    target_ids: class_ids.map(() => 0),
    target_weights_as_tensor: hostTensor(
      'float64',
      [2],
      Float64Array.from(class_weights, (w, i) => w * i),
    ),
    n_targets: 1,
  }
  delete (attributes as Partial<typeof attributes>).nodes_values
  const x = hostTensor('float64', [2, 1], Float64Array.of(0.1, 0.1 + 1e-12))
  const [y] = await runNode({ op: 'TreeEnsembleRegressor', domain, attributes, inputs: [x] })
  expect([...y.data]).toEqual([0, 1])
})

/** One node per set of values: 1 where x is a member, else 0. */
const member = (missing: number) => ({
  n_targets: 1,
  nodes_featureids: [0, 0],
  nodes_modes: hostTensor('uint8', [2], Uint8Array.of(6, 6)),
  nodes_splits: hostTensor('float32', [2], new Float32Array(2)),
  nodes_truenodeids: [1, 1],
  nodes_trueleafs: [1, 1],
  nodes_falsenodeids: [1, 0],
  nodes_falseleafs: [0, 1],
  nodes_missing_value_tracks_true: [0, missing],
  membership_values: hostTensor('float32', [7], Float32Array.of(7, 3, -2, NaN, 11, NaN, NaN)),
  leaf_targetids: [0, 0],
  leaf_weights: hostTensor('float32', [2], Float32Array.of(0, 1)),
  tree_roots: [0],
})

test('membership of sets', async () => {
  const x = hostFrom('float32', [7, 1], [3, -2, 7, 11, 5, NaN, 2.5])
  for (const missing of [0, 1]) {
    const [y] = await runNode({ op: 'TreeEnsemble', domain, attributes: member(missing), inputs: [x] })
    expect([...y.data]).toEqual([1, 1, 1, 1, 0, missing, 0])
  }
})

test('what is wrong with trees is said', async () => {
  const x = hostFrom('float32', [1, 1], [0])
  const run = (changes: object) =>
    runNode({
      op: 'TreeEnsembleClassifier',
      domain,
      attributes: { ...stump, classlabels_int64s: [0, 1], ...changes },
      inputs: [x],
      outputs: 2,
    })
  await expectRejects('E_VALUE', () => run({ nodes_truenodeids: [0, 0, 0] }), /circle/)
  await expectRejects('E_VALUE', () => run({ nodes_truenodeids: [7, 0, 0] }), /leads to 7/)
  await expectRejects('E_VALUE', () => run({ nodes_featureids: [1, 0, 0] }), /feature 1/)
  await expectRejects('E_VALUE', () => run({ nodes_modes: ['BRANCH_SOMETIMES', 'LEAF', 'LEAF'] }), /mode/)
  await expectRejects('E_VALUE', () => run({ class_ids: [0, 2] }), /target 2/)
  await expectRejects('E_VALUE', () => run({ post_transform: 'SQUARE' }), /SQUARE/)
})
