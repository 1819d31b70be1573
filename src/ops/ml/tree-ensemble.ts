// Decision trees (domain ai.onnx.ml): the operator of opset 5 and the two it replaces.
import { LanewiseError } from '../../core/errors.js'
import type { HostTensor } from '../../core/host.js'
import { float, floats, int, ints, required, string, strings, tensor } from '../../ir/attributes.js'
import { floatTensor, numbersOf } from '../elementwise/scalar-floats.js'
import { classified, labelTensor, tableOf, type Labels } from './ml.js'
import { postTransform } from './ml-transform.js'
import { defineOp } from '../../ir/op.js'

const domain = 'ai.onnx.ml'

/** The tests of nodes by their numbers in opset 5; 6 is membership of a set. */
const tests: readonly ((value: number, split: number) => boolean)[] = [
  (value, split) => value <= split,
  (value, split) => value < split,
  (value, split) => value >= split,
  (value, split) => value > split,
  (value, split) => value === split,
  (value, split) => value !== split,
]
const MEMBER = 6
const modeNames = ['BRANCH_LEQ', 'BRANCH_LT', 'BRANCH_GTE', 'BRANCH_GT', 'BRANCH_EQ', 'BRANCH_NEQ']
const transforms = ['NONE', 'SOFTMAX', 'LOGISTIC', 'SOFTMAX_ZERO', 'PROBIT']
const aggregates = ['AVERAGE', 'SUM', 'MIN', 'MAX']

interface TreeNode {
  readonly feature: number
  readonly passes: (value: number) => boolean
  readonly missingIsTrue: boolean
  readonly then: TreeNode | Leaf
  readonly otherwise: TreeNode | Leaf
}

interface Leaf {
  readonly weights: readonly (readonly [target: number, weight: number])[]
}

interface Forest {
  readonly roots: readonly (TreeNode | Leaf)[]
  /** No way through a tree is longer, unless it goes in a circle. */
  readonly nodes: number
  readonly targets: number
}

/** Scores of every row: leaves' weights gathered over the trees. */
function evaluate(
  { roots, nodes, targets }: Forest,
  x: HostTensor,
  aggregate: string,
  base: readonly number[],
): { rows: number; scores: Float64Array } {
  const [rows, columns] = tableOf(x.shape)
  const values = numbersOf(x)
  const scores = new Float64Array(rows * targets)
  const seen = new Uint8Array(targets)
  if (!aggregates.includes(aggregate))
    throw new LanewiseError('E_VALUE', `aggregate_function "${aggregate}" is not known`)
  for (let r = 0; r < rows; r++) {
    const row = scores.subarray(r * targets, (r + 1) * targets)
    seen.fill(0)
    for (const root of roots) {
      let at = root
      for (let steps = 0; !('weights' in at); steps++) {
        if (steps > nodes) throw new LanewiseError('E_VALUE', 'the nodes of a tree go in a circle')
        if (!(at.feature >= 0 && at.feature < columns))
          throw new LanewiseError('E_VALUE', `feature ${at.feature} is outside [0, ${columns - 1}]`)
        const value = values[r * columns + at.feature]
        at = at.passes(value) || (at.missingIsTrue && Number.isNaN(value)) ? at.then : at.otherwise
      }
      for (const [target, weight] of at.weights) {
        if (aggregate === 'MIN' || aggregate === 'MAX') {
          const better = aggregate === 'MIN' ? weight < row[target] : weight > row[target]
          if (seen[target] === 0 || better) row[target] = weight
        } else {
          // In float32, as the weights are: a sum that meets a threshold exactly must meet it here, too.
          row[target] = Math.fround(row[target] + (aggregate === 'AVERAGE' ? weight / roots.length : weight))
        }
        seen[target] = 1
      }
    }
    // A target that no leaf spoke of stays 0 without its base value.
    for (let t = 0; t < targets; t++) if (seen[t] !== 0) row[t] += base[t] ?? 0
  }
  return { rows, scores }
}

/** A list of nodes linked by number; what a number means is for `resolve` to say. */
function link(
  count: number,
  describe: (i: number) => Pick<TreeNode, 'feature' | 'passes' | 'missingIsTrue'>,
  resolve: (i: number, branch: boolean, nodes: readonly TreeNode[]) => TreeNode | Leaf,
): TreeNode[] {
  type Open = { -readonly [K in keyof TreeNode]: TreeNode[K] }
  const nodes = Array.from({ length: count }, (_, i) => ({ ...describe(i) }) as Open)
  nodes.forEach((node, i) => {
    node.then = resolve(i, true, nodes)
    node.otherwise = resolve(i, false, nodes)
  })
  return nodes
}

export const TreeEnsemble = defineOp({
  name: 'TreeEnsemble',
  domain,
  arity: 1,
  attributes: {
    aggregate_function: int(1),
    leaf_targetids: required(ints()),
    leaf_weights: required(tensor()),
    membership_values: tensor(),
    n_targets: required(int()),
    nodes_falseleafs: required(ints()),
    nodes_falsenodeids: required(ints()),
    nodes_featureids: required(ints()),
    nodes_hitrates: tensor(),
    nodes_missing_value_tracks_true: ints(),
    nodes_modes: required(tensor()),
    nodes_splits: required(tensor()),
    nodes_trueleafs: required(ints()),
    nodes_truenodeids: required(ints()),
    post_transform: int(0),
    tree_roots: required(ints()),
  },
  infer: ({ attributes: { n_targets: targets }, inputs: [x] }) => [
    { dtype: x!.dtype, shape: [tableOf(x!.shape)[0], targets] },
  ],
  compute({ attributes: a, inputs: [x], outputs: [y] }) {
    const modes = numbersOf(a.nodes_modes)
    const splits = numbersOf(a.nodes_splits)
    const weights = numbersOf(a.leaf_weights)
    const sets = setsOf(a.membership_values)
    const targets = a.n_targets
    const leaves = a.leaf_targetids.map((target, i): Leaf => {
      if (!(target >= 0 && target < targets) || i >= weights.length)
        throw new LanewiseError('E_VALUE', `leaf ${i} of target ${target} is not one of ${targets} targets`)
      return { weights: [[target, weights[i]]] }
    })
    let members = 0
    const nodes = link(
      a.nodes_featureids.length,
      (i) => {
        const split = splits[i]
        const set = modes[i] === MEMBER ? sets[members++] : undefined
        const test = tests[modes[i]]
        if (!set && !test) throw new LanewiseError('E_VALUE', `node mode ${modes[i]} is not known or has no set`)
        return {
          feature: a.nodes_featureids[i],
          passes: set ? (value) => set.has(value) : (value) => test(value, split),
          missingIsTrue: a.nodes_missing_value_tracks_true?.[i] === 1,
        }
      },
      (i, branch, all) => {
        const id = (branch ? a.nodes_truenodeids : a.nodes_falsenodeids)[i]
        const found = (branch ? a.nodes_trueleafs : a.nodes_falseleafs)[i] ? leaves[id] : all[id]
        if (!found) throw new LanewiseError('E_VALUE', `node ${i} leads to ${id}, which there is not`)
        return found
      },
    )
    const roots = a.tree_roots.map((root) => {
      if (!nodes[root]) throw new LanewiseError('E_VALUE', `there is no root ${root}`)
      // A tree that is only a leaf is written as a node with the same leaf on both sides.
      return nodes[root]
    })
    const { scores } = evaluate({ roots, nodes: nodes.length, targets }, x!, aggregates[a.aggregate_function] ?? '', [])
    postTransform(transforms[a.post_transform] ?? '', scores, targets)
    return [floatTensor(y.dtype, y.shape, scores)]
  },
})

/** Sets of values, one behind the other with NaN between them. */
function setsOf(values: HostTensor | undefined): Set<number>[] {
  const sets: Set<number>[] = [new Set()]
  for (const value of values ? Array.from(numbersOf(values)) : []) {
    if (Number.isNaN(value)) sets.push(new Set())
    else sets[sets.length - 1].add(value)
  }
  return sets
}

const oldAttributes = {
  base_values: floats(),
  base_values_as_tensor: tensor(),
  nodes_falsenodeids: required(ints()),
  nodes_featureids: required(ints()),
  nodes_hitrates: floats(),
  nodes_hitrates_as_tensor: tensor(),
  nodes_missing_value_tracks_true: ints(),
  nodes_modes: required(strings()),
  nodes_nodeids: required(ints()),
  nodes_treeids: required(ints()),
  nodes_truenodeids: required(ints()),
  nodes_values: floats(),
  nodes_values_as_tensor: tensor(),
  post_transform: string('NONE'),
}

interface OldTrees {
  readonly base_values?: readonly number[]
  readonly base_values_as_tensor?: HostTensor
  readonly nodes_falsenodeids: readonly number[]
  readonly nodes_featureids: readonly number[]
  readonly nodes_missing_value_tracks_true?: readonly number[]
  readonly nodes_modes: readonly string[]
  readonly nodes_nodeids: readonly number[]
  readonly nodes_treeids: readonly number[]
  readonly nodes_truenodeids: readonly number[]
  readonly nodes_values?: readonly number[]
  readonly nodes_values_as_tensor?: HostTensor
}

/** Weights of leaves, named by tree and node. */
interface OldLeaves {
  readonly trees: readonly number[]
  readonly nodes: readonly number[]
  readonly ids: readonly number[]
  readonly weights: ArrayLike<number>
}

function listOf(list: readonly number[] | undefined, values: HostTensor | undefined): ArrayLike<number> {
  return values ? numbersOf(values) : (list ?? [])
}

function oldForest(a: OldTrees, leaves: OldLeaves, targets: number): Forest {
  if (a.nodes_treeids.length !== a.nodes_nodeids.length) {
    throw new LanewiseError(
      'E_VALUE',
      `there are ${a.nodes_nodeids.length} nodes_nodeids and ${a.nodes_treeids.length} nodes_treeids`,
    )
  }
  const splits = listOf(a.nodes_values, a.nodes_values_as_tensor)
  const weightsOf = new Map<string, [number, number][]>()
  leaves.ids.forEach((target, i) => {
    if (!(target >= 0 && target < targets))
      throw new LanewiseError('E_VALUE', `target ${target} is outside [0, ${targets - 1}]`)
    const key = `${leaves.trees[i]} ${leaves.nodes[i]}`
    const list = weightsOf.get(key)
    if (list) list.push([target, leaves.weights[i]])
    else weightsOf.set(key, [[target, leaves.weights[i]]])
  })
  const places = new Map(a.nodes_nodeids.map((node, i) => [`${a.nodes_treeids[i]} ${node}`, i]))
  const isLeaf = (i: number) => a.nodes_modes[i] === 'LEAF'
  const at = (i: number, nodes: readonly TreeNode[]): TreeNode | Leaf =>
    isLeaf(i) ? { weights: weightsOf.get(`${a.nodes_treeids[i]} ${a.nodes_nodeids[i]}`) ?? [] } : nodes[i]
  const nodes = link(
    a.nodes_nodeids.length,
    (i) => {
      const test = isLeaf(i) ? tests[0] : tests[modeNames.indexOf(a.nodes_modes[i])]
      if (!test) throw new LanewiseError('E_VALUE', `node mode "${a.nodes_modes[i]}" is not known`)
      const split = splits[i]
      return {
        feature: a.nodes_featureids[i],
        passes: (value) => test(value, split),
        missingIsTrue: a.nodes_missing_value_tracks_true?.[i] === 1,
      }
    },
    (i, branch, all) => {
      if (isLeaf(i)) return { weights: [] }
      const id = (branch ? a.nodes_truenodeids : a.nodes_falsenodeids)[i]
      const place = places.get(`${a.nodes_treeids[i]} ${id}`)
      if (place === undefined)
        throw new LanewiseError(
          'E_VALUE',
          `node ${a.nodes_nodeids[i]} of tree ${a.nodes_treeids[i]} leads to ${id}, which there is not`,
        )
      return at(place, all)
    },
  )
  // The first node of every tree is its root.
  const roots = [...new Set(a.nodes_treeids)].map((tree) => at(a.nodes_treeids.indexOf(tree), nodes))
  return { roots, nodes: nodes.length, targets }
}

export const TreeEnsembleRegressor = defineOp({
  name: 'TreeEnsembleRegressor',
  domain,
  arity: 1,
  attributes: {
    ...oldAttributes,
    aggregate_function: string('SUM'),
    n_targets: required(int()),
    target_ids: required(ints()),
    target_nodeids: required(ints()),
    target_treeids: required(ints()),
    target_weights: floats(),
    target_weights_as_tensor: tensor(),
  },
  infer: ({ attributes: { n_targets: targets }, inputs: [x] }) => [
    { dtype: 'float32', shape: [tableOf(x!.shape)[0], targets] },
  ],
  compute({ attributes: a, inputs: [x], outputs: [y] }) {
    const leaves = {
      trees: a.target_treeids,
      nodes: a.target_nodeids,
      ids: a.target_ids,
      weights: listOf(a.target_weights, a.target_weights_as_tensor),
    }
    const { scores } = evaluate(
      oldForest(a, leaves, a.n_targets),
      x!,
      a.aggregate_function,
      Array.from(listOf(a.base_values, a.base_values_as_tensor)),
    )
    postTransform(a.post_transform, scores, a.n_targets)
    return [floatTensor('float32', y.shape, scores)]
  },
})

export const TreeEnsembleClassifier = defineOp({
  name: 'TreeEnsembleClassifier',
  domain,
  arity: 1,
  attributes: {
    ...oldAttributes,
    class_ids: required(ints()),
    class_nodeids: required(ints()),
    class_treeids: required(ints()),
    class_weights: floats(),
    class_weights_as_tensor: tensor(),
    classlabels_int64s: ints(),
    classlabels_strings: strings(),
    threshold: float(),
  },
  compute({ attributes: a, inputs: [x] }) {
    const labels = (a.classlabels_strings?.length ? a.classlabels_strings : a.classlabels_int64s) ?? []
    const weights = listOf(a.class_weights, a.class_weights_as_tensor)
    const leaves = { trees: a.class_treeids, nodes: a.class_nodeids, ids: a.class_ids, weights }
    const { rows, scores } = evaluate(
      oldForest(a, leaves, labels.length),
      x!,
      'SUM',
      Array.from(listOf(a.base_values, a.base_values_as_tensor)),
    )
    const names = { classlabels_strings: a.classlabels_strings, classlabels_ints: a.classlabels_int64s }
    if (labels.length !== 2 || new Set(a.class_ids).size !== 1)
      return classified(names, rows, labels.length, scores, a.post_transform)
    return oneSided(
      names,
      rows,
      a.class_ids[0],
      scores,
      a.post_transform,
      Array.from(weights).every((weight) => weight >= 0),
    )
  },
})

/**
 * Two classes, and leaves that speak of one only. Their sum is a probability if no weight is negative, else a score; class 0 then stands
 * for "the class", which is labelled second, and the other gets the rest. The specification says nothing of this; it is what ONNX Runtime
 * does, and exporters count on it.
 */
function oneSided(
  names: Labels,
  rows: number,
  only: number,
  scores: Float64Array,
  transform: string,
  probability: boolean,
): HostTensor[] {
  const sums = Array.from({ length: rows }, (_, r) => scores[2 * r + only])
  const chosen = sums.map((sum) => (sum > (probability ? 0.5 : 0) ? 1 : 0))
  if (only === 0) {
    const logistic = transform === 'LOGISTIC'
    sums.forEach((sum, r) => scores.set([probability && !logistic ? 1 - sum : -sum, sum], 2 * r))
    if (logistic) postTransform(transform, scores, 2)
  } else {
    postTransform(transform, scores, 2)
  }
  return [labelTensor(names, chosen), floatTensor('float32', [rows, 2], scores)]
}
