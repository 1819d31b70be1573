// Models of tables as XGBoost, LightGBM, CatBoost and scikit-learn export them: their shapes with random numbers, a few
// hundred kilobytes each.
import type { DType } from '../../src/core/dtype.js'
import { hostTensor, type HostTensor } from '../../src/core/host.js'
import { seeded } from '../../tests/support/random.js'
import { model, node, type Attributes } from '../graph.js'
import type { Work } from '../work.js'

const domain = 'ai.onnx.ml'

interface Split {
  readonly feature: number
  readonly value: number
  readonly missing: boolean
  readonly then: Tree
  readonly otherwise: Tree
}
type Tree = Split | { readonly leaf: readonly (readonly [target: number, weight: number])[] }
type Grow = (random: () => number, features: number, leaf: () => Tree) => Tree

const split = (random: () => number, features: number, then: Tree, otherwise: Tree): Split => ({
  feature: Math.floor(random() * features),
  value: Math.fround(2 * random() - 1),
  missing: random() < 0.5,
  then,
  otherwise,
})

/** Level by level to a depth; a branch may end early. */
function levels(depth: number, stop: number): Grow {
  const grow = (random: () => number, features: number, leaf: () => Tree, left: number): Tree =>
    left === 0 || (left < depth && random() < stop)
      ? leaf()
      : split(random, features, grow(random, features, leaf, left - 1), grow(random, features, leaf, left - 1))
  return (random, features, leaf) => grow(random, features, leaf, depth)
}

/** The leaf that gains most is split next, so that some branches are much deeper than others. */
function leafwise(count: number): Grow {
  const grow = (random: () => number, features: number, leaf: () => Tree, leaves: number): Tree => {
    if (leaves === 1) return leaf()
    const left = 1 + Math.floor(random() * random() * (leaves - 1))
    return split(random, features, grow(random, features, leaf, left), grow(random, features, leaf, leaves - left))
  }
  return (random, features, leaf) => grow(random, features, leaf, count)
}

/** The same test for all nodes of a level. */
function oblivious(depth: number): Grow {
  return (random, features, leaf) => {
    const tests = Array.from({ length: depth }, () => [Math.floor(random() * features), Math.fround(2 * random() - 1)])
    const grow = (level: number): Tree =>
      level === depth
        ? leaf()
        : {
            feature: tests[level][0],
            value: tests[level][1],
            missing: false,
            then: grow(level + 1),
            otherwise: grow(level + 1),
          }
    return grow(0)
  }
}

interface ForestSpec {
  readonly name: string
  readonly trees: number
  readonly features: number
  readonly grow: Grow
  readonly mode: string
  /** Whether missing values are said to go one way or the other. */
  readonly missing: boolean
  /** 0: a regression. */
  readonly classes: number
  /** What a leaf of a tree speaks of: one target, or of all classes. */
  readonly leaf: 'one' | 'all'
  readonly transform?: string
  readonly base?: readonly number[]
  readonly dtype?: DType
}

const forests: readonly ForestSpec[] = [
  {
    name: 'XGBoost two classes, 1000 trees',
    trees: 1000,
    features: 40,
    grow: levels(6, 0.15),
    mode: 'BRANCH_LT',
    missing: true,
    classes: 2,
    leaf: 'one',
    transform: 'LOGISTIC',
    base: [0.1],
  },
  {
    name: 'XGBoost five classes, 500 trees',
    trees: 500,
    features: 40,
    grow: levels(6, 0.15),
    mode: 'BRANCH_LT',
    missing: true,
    classes: 5,
    leaf: 'one',
    transform: 'SOFTMAX',
  },
  {
    name: 'LightGBM regression, 500 trees',
    trees: 500,
    features: 60,
    grow: leafwise(31),
    mode: 'BRANCH_LEQ',
    missing: true,
    classes: 0,
    leaf: 'one',
  },
  {
    name: 'CatBoost regression, 500 trees',
    trees: 500,
    features: 30,
    grow: oblivious(6),
    mode: 'BRANCH_GT',
    missing: false,
    classes: 0,
    leaf: 'one',
    base: [0.3],
  },
  {
    name: 'random forest, three classes, 100 trees',
    trees: 100,
    features: 20,
    grow: levels(11, 0.12),
    mode: 'BRANCH_LEQ',
    missing: false,
    classes: 3,
    leaf: 'all',
  },
  {
    name: 'random forest regression, 100 trees, float64',
    trees: 100,
    features: 20,
    grow: levels(10, 0.12),
    mode: 'BRANCH_LEQ',
    missing: false,
    classes: 0,
    leaf: 'one',
    dtype: 'float64',
  },
  {
    name: 'gradient boosting regression, 100 trees',
    trees: 100,
    features: 13,
    grow: levels(3, 0),
    mode: 'BRANCH_LEQ',
    missing: false,
    classes: 0,
    leaf: 'one',
    base: [1.5],
  },
]

function forestNode(spec: ForestSpec, random: () => number): { operator: string; attributes: Attributes } {
  const nodes = {
    tree: [] as bigint[],
    id: [] as bigint[],
    feature: [] as bigint[],
    mode: [] as string[],
    value: [] as number[],
  }
  const ways = { missing: [] as bigint[], then: [] as bigint[], otherwise: [] as bigint[] }
  const leaves = { tree: [] as bigint[], node: [] as bigint[], id: [] as bigint[], weight: [] as number[] }
  const { classes, trees } = spec
  for (let t = 0; t < trees; t++) {
    let next = 0n
    const target = classes > 2 ? t % classes : 0
    const weight = () => Math.fround((random() - 0.5) / 10)
    const leaf = (): Tree =>
      spec.leaf === 'one'
        ? { leaf: [[target, weight()]] }
        : { leaf: Array.from({ length: classes }, (_, c) => [c, Math.fround(random() / trees)] as const) }
    const write = (tree: Tree): bigint => {
      const id = next++
      const at = nodes.id.length
      const isLeaf = 'leaf' in tree
      nodes.tree.push(BigInt(t))
      nodes.id.push(id)
      nodes.feature.push(isLeaf ? 0n : BigInt(tree.feature))
      nodes.mode.push(isLeaf ? 'LEAF' : spec.mode)
      nodes.value.push(isLeaf ? 0 : tree.value)
      ways.missing.push(spec.missing && !isLeaf && tree.missing ? 1n : 0n)
      ways.then.push(0n)
      ways.otherwise.push(0n)
      if (isLeaf) {
        for (const [to, amount] of tree.leaf) {
          leaves.tree.push(BigInt(t))
          leaves.node.push(id)
          leaves.id.push(BigInt(to))
          leaves.weight.push(amount)
        }
      } else {
        ways.then[at] = write(tree.then)
        ways.otherwise[at] = write(tree.otherwise)
      }
      return id
    }
    write(spec.grow(random, spec.features, leaf))
  }
  const what = classes > 0 ? 'class' : 'target'
  return {
    operator: classes > 0 ? 'TreeEnsembleClassifier' : 'TreeEnsembleRegressor',
    attributes: {
      nodes_treeids: nodes.tree,
      nodes_nodeids: nodes.id,
      nodes_featureids: nodes.feature,
      nodes_modes: nodes.mode,
      nodes_values: nodes.value,
      nodes_missing_value_tracks_true: ways.missing,
      nodes_truenodeids: ways.then,
      nodes_falsenodeids: ways.otherwise,
      [`${what}_treeids`]: leaves.tree,
      [`${what}_nodeids`]: leaves.node,
      [`${what}_ids`]: leaves.id,
      [`${what}_weights`]: leaves.weight,
      post_transform: spec.transform ?? 'NONE',
      ...(classes > 0
        ? { classlabels_int64s: Array.from({ length: classes }, (_, c) => BigInt(c)) }
        : { n_targets: 1n }),
      ...(spec.base ? { base_values: spec.base } : {}),
    },
  }
}

function table(rows: number, columns: number, seed: number, dtype: DType = 'float32'): HostTensor {
  const random = seeded(seed)
  const values = Float64Array.from({ length: rows * columns }, () => 2.4 * random() - 1.2)
  if (dtype === 'int64')
    return hostTensor(
      dtype,
      [rows, columns],
      BigInt64Array.from(values, (value) => BigInt(Math.floor(6 * value + 7))),
    )
  return hostTensor(dtype, [rows, columns], dtype === 'float64' ? values : Float32Array.from(values))
}

function* forestWorks(): Generator<() => Work> {
  for (const [i, spec] of forests.entries())
    for (const rows of [1, 100, 10000])
      yield () => {
        const { operator, attributes } = forestNode(spec, seeded(77 + i))
        const outputs = spec.classes > 0 ? ['label', 'scores'] : ['y']
        return {
          suite: 'models',
          group: 'tabular',
          name: `${spec.name}, ${rows} row${rows === 1 ? '' : 's'}`,
          model: model({
            inputs: { x: [rows, spec.features] },
            outputs,
            outputTypes: { label: 'int64', scores: 'float32', y: 'float32' },
            nodes: [node(operator, ['x'], outputs, attributes, domain)],
            opset: 15,
            dtype: spec.dtype,
          }),
          feeds: [11, 12, 13].map((seed) => new Map([['x', table(rows, spec.features, seed, spec.dtype)]])),
        }
      }
}

interface TableSpec {
  readonly name: string
  readonly operator: string
  readonly features: number
  readonly attributes: (random: () => number) => Attributes
  readonly dtype?: DType
  readonly to?: DType
}

const list = (random: () => number, count: number): number[] =>
  Array.from({ length: count }, () => Math.fround(2 * random() - 1))
const whole = (count: number): bigint[] => Array.from({ length: count }, (_, i) => BigInt(i))

const tables: readonly TableSpec[] = [
  {
    name: 'LinearClassifier, three classes',
    operator: 'LinearClassifier',
    features: 30,
    attributes: (random) => ({
      coefficients: list(random, 90),
      intercepts: list(random, 3),
      classlabels_ints: whole(3),
      post_transform: 'SOFTMAX',
    }),
  },
  {
    name: 'LinearRegressor',
    operator: 'LinearRegressor',
    features: 30,
    attributes: (random) => ({ coefficients: list(random, 30), intercepts: list(random, 1), targets: 1n }),
  },
  {
    name: 'SVMClassifier, RBF, three classes',
    operator: 'SVMClassifier',
    features: 20,
    attributes: (random) => ({
      kernel_type: 'RBF',
      kernel_params: [0.05, 0, 3],
      classlabels_ints: whole(3),
      vectors_per_class: [40n, 40n, 40n],
      support_vectors: list(random, 2400),
      coefficients: list(random, 240),
      rho: list(random, 3),
      prob_a: list(random, 3),
      prob_b: list(random, 3),
    }),
  },
  {
    name: 'SVMRegressor, RBF',
    operator: 'SVMRegressor',
    features: 20,
    attributes: (random) => ({
      kernel_type: 'RBF',
      kernel_params: [0.05, 0, 3],
      n_supports: 150n,
      support_vectors: list(random, 3000),
      coefficients: list(random, 150),
      rho: list(random, 1),
    }),
  },
  {
    name: 'Scaler',
    operator: 'Scaler',
    features: 30,
    attributes: (random) => ({ offset: list(random, 30), scale: list(random, 30) }),
  },
  { name: 'Normalizer L2', operator: 'Normalizer', features: 30, attributes: () => ({ norm: 'L2' }) },
  {
    name: 'Imputer',
    operator: 'Imputer',
    features: 30,
    attributes: (random) => ({ imputed_value_floats: list(random, 30), replaced_value_float: NaN }),
  },
  { name: 'Binarizer', operator: 'Binarizer', features: 30, attributes: () => ({ threshold: 0.1 }) },
  {
    name: 'OneHotEncoder',
    operator: 'OneHotEncoder',
    features: 4,
    attributes: () => ({ cats_int64s: whole(12), zeros: 1n }),
    dtype: 'int64',
    to: 'float32',
  },
  {
    name: 'LabelEncoder',
    operator: 'LabelEncoder',
    features: 4,
    attributes: () => ({ keys_int64s: whole(12), values_int64s: whole(12), default_int64: -1n }),
    dtype: 'int64',
    to: 'int64',
  },
]

function* tableWorks(): Generator<() => Work> {
  for (const [i, { name, operator, features, attributes, dtype, to }] of tables.entries())
    for (const rows of [1, 10000])
      yield () => {
        const outputs = operator.endsWith('Classifier') ? ['label', 'scores'] : ['y']
        return {
          suite: 'models',
          group: 'tabular',
          name: `${name}, ${rows} row${rows === 1 ? '' : 's'}`,
          model: model({
            inputs: { x: [rows, features] },
            outputs,
            outputTypes: { label: 'int64', ...(to ? { y: to } : {}) },
            nodes: [node(operator, ['x'], outputs, attributes(seeded(91 + i)), domain)],
            opset: 15,
            dtype,
          }),
          feeds: [11, 12, 13].map((seed) => new Map([['x', table(rows, features, seed, dtype)]])),
        }
      }
}

/** Every tabular model, one thunk each. */
export function* tabularWorks(): Generator<() => Work> {
  yield* forestWorks()
  yield* tableWorks()
}
