// Decision trees (domain ai.onnx.ml): the operator of opset 5 and the two it replaces.
import { LanewiseError } from '../../core/errors.js'
import type { DType } from '../../core/dtype.js'
import type { HostTensor } from '../../core/host.js'
import { float, floats, int, ints, required, string, strings, tensor } from '../../ir/attributes.js'
import type { Address, Emitter } from '../../ir/emitter.js'
import { defineOp } from '../../ir/op.js'
import { emitCast } from '../elementwise/cast.js'
import { numbersOf } from '../shared/scalar-floats.js'
import { layOutForest, LEQ, MEMBER, type Forest, type Trees } from './forest.js'
import { labelsByNumber, tableOf } from './ml.js'
import { asFloat, emitTransform, emitVote, isFeature, placeless, type Vote } from './scores.js'

const domain = 'ai.onnx.ml'
const LEAF = -1
const modeNames = ['BRANCH_LEQ', 'BRANCH_LT', 'BRANCH_GTE', 'BRANCH_GT', 'BRANCH_EQ', 'BRANCH_NEQ', 'BRANCH_MEMBER']
const transforms = ['NONE', 'SOFTMAX', 'LOGISTIC', 'SOFTMAX_ZERO', 'PROBIT']
const aggregates = ['AVERAGE', 'SUM', 'MIN', 'MAX'] as const
/** Bytes of prepared rows that stay in the nearest cache beside the nodes. */
const BLOCK_BYTES = 16384

/**
 * Forests by the attributes that describe them and whether x is float64: made once, however many plans a session has.
 */
const forests = new WeakMap<object, (Forest | undefined)[]>()

/** @param numbers - everything that has digits: float32 must hold them all to be enough. */
function forestOf(
  attributes: object,
  x: DType,
  numbers: readonly (ArrayLike<number> | undefined)[],
  trees: () => Trees,
): Forest {
  let made = forests.get(attributes)
  if (!made) forests.set(attributes, (made = []))
  const fits = (value: number) => Object.is(Math.fround(value), value)
  const enough = () => numbers.every((list) => Array.prototype.every.call(list ?? [], fits))
  return (made[Number(x === 'float64')] ??= layOutForest(trees(), x !== 'float64' && enough() ? 'float32' : 'float64'))
}

/** Scores of every row of input 0, in the forest's precision. */
function emitForest(e: Emitter<unknown>, forest: Forest, scores: Address): void {
  const x = e.input(0)
  const [rows, columns] = tableOf(x.shape)
  if (rows === 0 || forest.targets === 0) return
  if (forest.features > columns)
    throw new LanewiseError('E_VALUE', `feature ${forest.features - 1} is outside [0, ${columns - 1}]`)
  const bytes = forest.width * (forest.dtype === 'float64' ? 8 : 4)
  // Whole groups of eight, as the kernel takes them.
  const block = Math.min(rows, 8 * Math.max(1, Math.min(8, Math.floor(BLOCK_BYTES / (8 * bytes)))))
  e.call(
    forest.dtype === 'float64' ? 'trees_f64' : 'trees_f32',
    asFloat(e, x, forest.dtype),
    scores,
    e.constant(forest.block),
    columns,
    e.scratch(64 + block * bytes),
    block,
    0,
    rows,
  )
}

/** Scores as output 0, with a post transform. */
function emitScores(e: Emitter<unknown>, forest: Forest, transform: string): void {
  const y = e.output(0)
  if (y.dtype === forest.dtype) emitForest(e, forest, y.at)
  else {
    const from = { ...placeless(y), dtype: forest.dtype, at: e.scratch(y.size * (forest.dtype === 'float64' ? 8 : 4)) }
    emitForest(e, forest, from.at)
    emitCast(e, from, y)
  }
  if (y.dtype === 'float32') return emitTransform(e, transform, y, forest.targets)
  if (transform === 'NONE') return
  const narrow = { ...placeless(y), dtype: 'float32' as const, at: e.scratch(y.size * 4) }
  emitCast(e, y, narrow)
  emitTransform(e, transform, narrow, forest.targets)
  emitCast(e, narrow, y)
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
    { dtype: x.dtype, shape: [tableOf(x.shape)[0], targets] },
  ],
  kernel: ([x]) => x === 'float32' || x === 'float64',
  emit(e) {
    const { attributes: a } = e
    const [splits, weights] = [numbersOf(a.nodes_splits), numbersOf(a.leaf_weights)]
    const numbers = [splits, weights, a.membership_values && numbersOf(a.membership_values)]
    const forest = forestOf(a, e.input(0).dtype, numbers, () => treesOf(a))
    emitScores(e, forest, transforms[a.post_transform] ?? String(a.post_transform))
  },
})

function treesOf(a: Parameters<NonNullable<typeof TreeEnsemble.emit>>[0]['attributes']): Trees {
  const [modes, weights] = [numbersOf(a.nodes_modes), numbersOf(a.leaf_weights)]
  const count = a.nodes_featureids.length
  const aggregate = aggregates[a.aggregate_function]
  if (!aggregate) throw new LanewiseError('E_VALUE', `aggregate_function ${a.aggregate_function} is not known`)
  for (const root of a.tree_roots)
    if (!(root >= 0 && root < count)) throw new LanewiseError('E_VALUE', `there is no root ${root}`)
  return {
    features: a.nodes_featureids,
    modes,
    splits: numbersOf(a.nodes_splits),
    missingIsTrue: a.nodes_missing_value_tracks_true,
    sets: setsOf(modes, a.membership_values),
    roots: a.tree_roots,
    child(node, passed) {
      const id = (passed ? a.nodes_truenodeids : a.nodes_falsenodeids)[node]
      const isLeaf = (passed ? a.nodes_trueleafs : a.nodes_falseleafs)[node]
      if (!(id >= 0 && id < (isLeaf ? a.leaf_targetids.length : count)))
        throw new LanewiseError('E_VALUE', `node ${node} leads to ${id}, which there is not`)
      return isLeaf ? -1 - id : id
    },
    leaf(leaf) {
      if (leaf >= weights.length) throw new LanewiseError('E_VALUE', `leaf ${leaf} has no weight`)
      return [[a.leaf_targetids[leaf], weights[leaf]]]
    },
    targets: a.n_targets,
    aggregate,
    base: [],
    gaps: false,
  }
}

/** Sets of values, one after the other with NaN between them, by the nodes that test for them. */
function setsOf(modes: ArrayLike<number>, values: HostTensor | undefined): Map<number, number[]> {
  const sets: Set<number>[] = [new Set()]
  for (const value of values ? Array.from(numbersOf(values)) : []) {
    if (Number.isNaN(value)) sets.push(new Set())
    else sets[sets.length - 1].add(value)
  }
  const found = new Map<number, number[]>()
  let next = 0
  for (let i = 0; i < modes.length; i++) {
    if (modes[i] !== MEMBER) continue
    const set = sets[next++]
    if (!set) throw new LanewiseError('E_VALUE', `node ${i} has no set of values`)
    found.set(
      i,
      [...set].sort((a, b) => a - b),
    )
  }
  return found
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

const baseOf = (a: OldTrees) => listOf(a.base_values, a.base_values_as_tensor)
const splitsOf = (a: OldTrees) => listOf(a.nodes_values, a.nodes_values_as_tensor)

/** Where the nodes of trees are in their list, by tree and number. */
class Places {
  /** Of each tree the first place, and its nodes by their numbers where these do not simply count from there. */
  private readonly trees = new Map<number, { first: number; byNumber: Map<number, number> }>()

  constructor(
    private readonly treeIds: readonly number[],
    private readonly nodeIds: readonly number[],
  ) {
    treeIds.forEach((tree, place) => {
      const known = this.trees.get(tree)
      if (!known) this.trees.set(tree, { first: place, byNumber: new Map([[nodeIds[place], place]]) })
      else if (!this.counts(tree, known.first, nodeIds[place], place)) known.byNumber.set(nodeIds[place], place)
    })
  }

  /** The first node of every tree. */
  get roots(): number[] {
    return [...this.trees.values()].map(({ first }) => first)
  }

  of(tree: number, node: number): number | undefined {
    const known = this.trees.get(tree)
    if (!known) return undefined
    const place = known.first + node
    return this.counts(tree, known.first, node, place) ? place : known.byNumber.get(node)
  }

  private counts(tree: number, first: number, node: number, place: number): boolean {
    return place === first + node && this.treeIds[place] === tree && this.nodeIds[place] === node
  }
}

function oldTrees(a: OldTrees, leaves: OldLeaves, targets: number, aggregate: string, gaps: boolean): Trees {
  const { nodes_treeids: treeIds, nodes_nodeids: nodeIds } = a
  const count = nodeIds.length
  if (treeIds.length !== count)
    throw new LanewiseError('E_VALUE', `there are ${count} nodes_nodeids and ${treeIds.length} nodes_treeids`)
  if (a.nodes_featureids.length !== count)
    throw new LanewiseError(
      'E_VALUE',
      `there are ${count} nodes_nodeids and ${a.nodes_featureids.length} nodes_featureids`,
    )
  const known = aggregates.find((name) => name === aggregate)
  if (!known) throw new LanewiseError('E_VALUE', `aggregate_function "${aggregate}" is not known`)
  const places = new Places(treeIds, nodeIds)
  const modes = Int8Array.from(a.nodes_modes, (name) => {
    const mode = name === 'LEAF' ? LEAF : modeNames.indexOf(name)
    if (mode < LEQ && name !== 'LEAF') throw new LanewiseError('E_VALUE', `node mode "${name}" is not known`)
    return mode
  })
  if (modes.includes(MEMBER)) throw new LanewiseError('E_VALUE', 'BRANCH_MEMBER has no set of values here')
  const weights = new Map<number, (readonly [number, number])[]>()
  leaves.ids.forEach((target, i) => {
    if (!(target >= 0 && target < targets))
      throw new LanewiseError('E_VALUE', `target ${target} is outside [0, ${targets - 1}]`)
    const place = places.of(leaves.trees[i], leaves.nodes[i])
    if (place === undefined) return
    const list = weights.get(place)
    if (list) list.push([target, leaves.weights[i]])
    else weights.set(place, [[target, leaves.weights[i]]])
  })
  const refer = (place: number) => (modes[place] === LEAF ? -1 - place : place)
  return {
    features: a.nodes_featureids,
    modes,
    splits: splitsOf(a),
    missingIsTrue: a.nodes_missing_value_tracks_true,
    roots: places.roots.map(refer),
    child(node, passed) {
      const id = (passed ? a.nodes_truenodeids : a.nodes_falsenodeids)[node]
      const place = places.of(treeIds[node], id)
      if (place === undefined)
        throw new LanewiseError(
          'E_VALUE',
          `node ${nodeIds[node]} of tree ${treeIds[node]} leads to ${id}, which there is not`,
        )
      return refer(place)
    },
    leaf: (place) => weights.get(place) ?? [],
    targets,
    aggregate: known,
    base: baseOf(a),
    gaps,
  }
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
    { dtype: 'float32', shape: [tableOf(x.shape)[0], targets] },
  ],
  kernel: ([x]) => isFeature(x),
  emit(e) {
    const { attributes: a } = e
    const leaves = {
      trees: a.target_treeids,
      nodes: a.target_nodeids,
      ids: a.target_ids,
      weights: listOf(a.target_weights, a.target_weights_as_tensor),
    }
    const numbers = [splitsOf(a), leaves.weights, baseOf(a)]
    const forest = forestOf(a, e.input(0).dtype, numbers, () =>
      oldTrees(a, leaves, a.n_targets, a.aggregate_function, false),
    )
    emitScores(e, forest, a.post_transform)
  },
})

export const TreeEnsembleClassifier = defineOp({
  name: 'TreeEnsembleClassifier',
  domain,
  arity: 1,
  outputs: 2,
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
  infer({ attributes: { classlabels_int64s: labels = [] }, inputs: [x] }) {
    const [rows] = tableOf(x.shape)
    return [
      { dtype: 'int64', shape: [rows] },
      { dtype: 'float32', shape: [rows, labels.length] },
    ]
  },
  kernel: ([x]) => isFeature(x),
  emit(e) {
    const { attributes: a } = e
    const labels = a.classlabels_int64s ?? []
    const weights = listOf(a.class_weights, a.class_weights_as_tensor)
    const leaves = { trees: a.class_treeids, nodes: a.class_nodeids, ids: a.class_ids, weights }
    const numbers = [splitsOf(a), weights, baseOf(a)]
    const forest = forestOf(a, e.input(0).dtype, numbers, () =>
      oldTrees(a, leaves, labels.length, 'SUM', labels.length > 2),
    )
    const [rows] = tableOf(e.input(0).shape)
    const scores = e.scratch(rows * labels.length * (forest.dtype === 'float64' ? 8 : 4))
    emitForest(e, forest, scores)
    const to = { labels: e.outputs[0] && e.output(0).at, scores: e.outputs[1] && e.output(1) }
    const vote = { labels, given: labels.length, transform: a.post_transform }
    emitVote(e, scores, forest.dtype, rows, to, { ...vote, ...telling(a, weights) })
  },
  decompose: (node) => labelsByNumber(node, 'TreeEnsembleClassifier', 'classlabels_int64s'),
})

/**
 * Two classes, and leaves that speak of one only. Their sum is a probability if no weight is negative, else a score;
 * class 0 then stands for "the class", which is labelled second, and the other gets the rest. The specification says
 * nothing of this; it is what ONNX Runtime does, and exporters count on it.
 */
function telling(
  a: { class_ids: readonly number[]; classlabels_int64s?: readonly number[]; post_transform: string },
  weights: ArrayLike<number>,
): Pick<Vote, 'only' | 'gaps' | 'transform'> {
  const [only = 0] = a.class_ids
  if (a.classlabels_int64s?.length !== 2 || a.class_ids.some((id) => id !== only))
    return { gaps: (a.classlabels_int64s?.length ?? 0) > 2, transform: a.post_transform }
  const probability = Array.prototype.every.call(weights, (weight: number) => weight >= 0)
  const threshold = probability ? 0.5 : 0
  if (only !== 0) return { only: { column: only, threshold, pair: 'row' }, transform: a.post_transform }
  const logistic = a.post_transform === 'LOGISTIC'
  const pair = probability && !logistic ? 'rest' : 'opposite'
  return { only: { column: 0, threshold, pair }, transform: logistic ? 'LOGISTIC' : 'NONE' }
}
