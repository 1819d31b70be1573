// Decision trees as the kernels of assembly/ml/trees.ts read them: one block of bytes, made once per set of attributes.
import { LanewiseError } from '../../core/errors.js'
import { hostTensor, type HostTensor } from '../../core/host.js'

/** Tests of nodes by their numbers in opset 5 of the domain. */
export const LEQ = 0
const LT = 1
const GTE = 2
const GT = 3
const EQ = 4
const NEQ = 5
export const MEMBER = 6

/** Trees as a file describes them. A reference is the number of a node, or −1 − the number of a leaf. */
export interface Trees {
  readonly features: ArrayLike<number>
  /** LEQ … MEMBER; anything else is not known. */
  readonly modes: ArrayLike<number>
  readonly splits: ArrayLike<number>
  readonly missingIsTrue: ArrayLike<number> | undefined
  /** Of nodes whose mode is MEMBER: the values that pass, in ascending order. */
  readonly sets?: ReadonlyMap<number, readonly number[]>
  readonly roots: readonly number[]
  /** The reference that follows a node's test. @throws LanewiseError if there is none. */
  child(node: number, passed: boolean): number
  /** Targets and weights of a leaf, in the order in which they are added. */
  leaf(leaf: number): readonly (readonly [target: number, weight: number])[]
  readonly targets: number
  readonly aggregate: 'SUM' | 'AVERAGE' | 'MIN' | 'MAX'
  /** Added to the scores of the first targets. */
  readonly base: ArrayLike<number>
  /**
   * Whether a target that no leaf spoke of is told from one whose score is 0: its score is then −0, but for a base
   * value. Otherwise it is 0, base value or not.
   */
  readonly gaps: boolean
}

export interface Forest {
  /** The block; its element type is that of splits, weights and scores. */
  readonly block: HostTensor
  readonly dtype: 'float32' | 'float64'
  /** One more than the largest feature that a test reads. */
  readonly features: number
  /** Elements of a prepared row. */
  readonly width: number
  readonly targets: number
  /** Targets that leaves speak of. */
  readonly spoken: ReadonlySet<number>
}

const HEADER = 32
const OPEN = -2
const UNMADE = -1

/**
 * Nodes in the order in which they are made: children before parents. A node is `feature > split ? yes : no`; a leaf
 * has feature −1.
 */
class NodeList {
  readonly features: number[] = []
  readonly splits: number[] = []
  readonly no: number[] = []
  readonly yes: number[] = []
  readonly depths: number[] = []
  private readonly columns = new Map<number, number>()

  constructor(private readonly wide: boolean) {}

  /** Twice the column, plus 1 if it counts negated, of every feature of a prepared row. */
  get columnCodes(): number[] {
    return [...this.columns.keys()]
  }

  leaf(id: number): number {
    return this.push(-1, id, 0, 0, 0)
  }

  /** x < split (or ≤), or with NaN and `missing`, goes to `then`. */
  below(column: number, split: number, inclusive: boolean, missing: boolean, then: number, otherwise: number): number {
    if (Number.isNaN(split)) return missing ? this.present(column, otherwise, then) : otherwise
    // What stands in the way of a test is x > split, which a NaN fails; or the test is −x > −split, which it fails as
    // well.
    if (missing) {
      const bound = inclusive ? split : this.before(split)
      return bound === undefined
        ? this.present(column, otherwise, then)
        : this.above(2 * column, bound, then, otherwise)
    }
    const bound = inclusive ? this.before(-split) : -split
    return bound === undefined
      ? this.present(column, then, otherwise)
      : this.above(2 * column + 1, bound, otherwise, then)
  }

  /** x = split, or NaN and `missing`. */
  equal(column: number, split: number, missing: boolean, then: number, otherwise: number): number {
    const least = this.below(column, split, false, !missing, otherwise, then)
    return this.below(column, split, true, missing, least, otherwise)
  }

  /** x is in a sorted list, or NaN and `missing`. */
  member(column: number, list: readonly number[], missing: boolean, then: number, otherwise: number): number {
    if (list.length === 0) return missing ? this.present(column, otherwise, then) : otherwise
    if (list.length === 1) return this.equal(column, list[0], missing, then, otherwise)
    const middle = list.length >> 1
    const low = this.member(column, list.slice(0, middle), missing, then, otherwise)
    const high = this.member(column, list.slice(middle), missing, then, otherwise)
    return this.below(column, list[middle], false, missing, low, high)
  }

  /** Whether x is a number at all. */
  private present(column: number, then: number, otherwise: number): number {
    const lowest = this.above(2 * column + 1, 0, otherwise, then)
    return this.above(2 * column, -Infinity, lowest, then)
  }

  private above(code: number, split: number, no: number, yes: number): number {
    let feature = this.columns.get(code)
    if (feature === undefined) this.columns.set(code, (feature = this.columns.size))
    return this.push(feature, split, no, yes, 1 + Math.max(this.depths[no], this.depths[yes]))
  }

  private push(feature: number, split: number, no: number, yes: number, depth: number): number {
    this.features.push(feature)
    this.splits.push(split)
    this.no.push(no)
    this.yes.push(yes)
    return this.depths.push(depth) - 1
  }

  /** The largest number of the type that is less; undefined of −∞. */
  private before(value: number): number | undefined {
    if (value === -Infinity) return undefined
    const bits = this.wide ? bits64 : bits32
    if (value === 0) {
      bits.set(1)
      return -bits.get()
    }
    bits.put(value)
    bits.add(value > 0 ? -1 : 1)
    return bits.get()
  }
}

const float = new Float64Array(1)
const single = new Float32Array(float.buffer, 0, 1)
const words = new Int32Array(float.buffer, 0, 1)
const longs = new BigInt64Array(float.buffer)
const bits32 = {
  set: (bits: number) => (words[0] = bits),
  add: (step: number) => (words[0] += step),
  put: (value: number) => (single[0] = value),
  get: () => single[0],
}
const bits64 = {
  set: (bits: number) => (longs[0] = BigInt(bits)),
  add: (step: number) => (longs[0] += BigInt(step)),
  put: (value: number) => (float[0] = value),
  get: () => float[0],
}

/**
 * The block of a forest.
 *
 * @throws LanewiseError `E_VALUE` for nodes in a circle, and for modes, features and targets that there are not.
 */
export function layOutForest(trees: Trees, dtype: 'float32' | 'float64'): Forest {
  const wide = dtype === 'float64'
  const list = new NodeList(wide)
  const roots = makeNodes(trees, list)
  const leaves: (readonly (readonly [number, number])[])[] = []
  const spoken = new Set<number>()
  list.features.forEach((feature, i) => {
    if (feature >= 0) return
    const leaf = trees.leaf(list.splits[i])
    for (const [target] of leaf) {
      if (!(target >= 0 && target < trees.targets))
        throw new LanewiseError(
          'E_VALUE',
          `a leaf speaks of target ${target}, which is outside [0, ${trees.targets - 1}]`,
        )
      spoken.add(target)
    }
    leaves.push(leaf)
  })
  const codes = list.columnCodes
  const lists = leaves.some((leaf) => leaf.length !== 1)
  const size = wide ? 8 : 4
  const nodeBytes = wide ? 24 : 16
  const nodesAt = align(HEADER + 4 * codes.length + 8 * roots.length)
  const listsAt = nodesAt + nodeBytes * list.features.length
  const baseAt = listsAt + (lists ? leaves.reduce((sum, leaf) => sum + size * (1 + 2 * leaf.length), 0) : 0)
  const { aggregate, targets, gaps } = trees
  const bases = gaps ? Math.min(trees.base.length, targets) : targets
  const bytes = new Uint8Array(align(baseAt + size * trees.targets))
  const ints = new Int32Array(bytes.buffer)
  const floats = wide ? new Float64Array(bytes.buffer) : new Float32Array(bytes.buffer)
  const kind = ['SUM', 'AVERAGE', 'MIN', 'MAX'].indexOf(aggregate)
  ints.set([codes.length, roots.length, targets, kind, Number(lists), baseAt, bases, Number(!gaps && targets > 1)])
  ints.set(codes, HEADER / 4)
  for (let t = 0; t < bases; t++) floats[baseAt / size + t] = trees.base[t] ?? 0
  // Parents before children: the way down is a way up in memory.
  const last = list.features.length - 1
  const placeOf = (i: number) => nodesAt + nodeBytes * (last - i)
  roots.forEach((root, i) => ints.set([placeOf(root), list.depths[root]], HEADER / 4 + codes.length + 2 * i))
  let nextList = listsAt
  let nextLeaf = 0
  list.features.forEach((feature, i) => {
    const at = placeOf(i)
    const rest = (at + size) / 4
    if (feature >= 0) {
      floats[at / size] = list.splits[i]
      ints.set([feature * size, placeOf(list.no[i]) - at, placeOf(list.yes[i]) - at], rest)
      return
    }
    const leaf = leaves[nextLeaf++]
    if (!lists) {
      // Not −0, which says that nobody has spoken.
      floats[at / size] = leaf[0][1] + 0
      ints[rest] = leaf[0][0] * size
      return
    }
    ints[at / 4] = nextList
    ints[nextList / 4] = leaf.length
    nextList += size
    for (const [target, weight] of leaf) {
      ints[nextList / 4] = target * size
      floats[nextList / size + 1] = weight + 0
      nextList += 2 * size
    }
  })
  return {
    block: hostTensor('uint8', [bytes.length], bytes),
    dtype,
    features: codes.reduce((most, code) => Math.max(most, (code >> 1) + 1), 0),
    width: Math.max(codes.length, targets),
    targets,
    spoken,
  }
}

function align(bytes: number): number {
  return Math.ceil(bytes / 8) * 8
}

/** Makes everything that the roots lead to and returns the roots. */
function makeNodes(trees: Trees, list: NodeList): number[] {
  const count = trees.features.length
  if (trees.modes.length !== count || trees.splits.length !== count)
    throw new LanewiseError(
      'E_VALUE',
      `${count} nodes have features, ${trees.modes.length} modes and ${trees.splits.length} values`,
    )
  const nodes = new Int32Array(count).fill(UNMADE)
  const leaves = new Map<number, number>()
  const made = (ref: number) => (ref < 0 ? (leaves.get(-1 - ref) ?? UNMADE) : nodes[ref])
  const stack: number[] = []
  return trees.roots.map((root) => {
    stack.push(root)
    while (stack.length > 0) {
      const ref = stack[stack.length - 1]
      const state = made(ref)
      if (state >= 0) {
        stack.pop()
      } else if (ref < 0) {
        leaves.set(-1 - ref, list.leaf(-1 - ref))
      } else if (state === OPEN) {
        nodes[ref] = makeNode(trees, ref, made(trees.child(ref, true)), made(trees.child(ref, false)), list)
      } else {
        if (ref >= count) throw new LanewiseError('E_VALUE', `there is no node ${ref}`)
        nodes[ref] = OPEN
        for (const passed of [true, false]) {
          const child = trees.child(ref, passed)
          if (made(child) === OPEN) throw new LanewiseError('E_VALUE', 'the nodes of a tree go in a circle')
          stack.push(child)
        }
      }
    }
    return made(root)
  })
}

function makeNode(trees: Trees, node: number, then: number, otherwise: number, list: NodeList): number {
  const column = trees.features[node]
  if (!(column >= 0 && column < 0x40000000)) throw new LanewiseError('E_VALUE', `there is no feature ${column}`)
  const split = trees.splits[node]
  const missing = trees.missingIsTrue?.[node] === 1
  const mode = trees.modes[node]
  // Nothing is on either side of a NaN, so that ≥ is not the opposite of < there.
  if (Number.isNaN(split) && (mode === GTE || mode === GT))
    return list.below(column, split, false, missing, then, otherwise)
  switch (mode) {
    case LEQ:
      return list.below(column, split, true, missing, then, otherwise)
    case LT:
      return list.below(column, split, false, missing, then, otherwise)
    case GTE:
      return list.below(column, split, false, !missing, otherwise, then)
    case GT:
      return list.below(column, split, true, !missing, otherwise, then)
    case EQ:
      return list.equal(column, split, missing, then, otherwise)
    case NEQ:
      // A NaN is unequal to everything, whatever is said of missing values.
      return list.equal(column, split, false, otherwise, then)
    case MEMBER:
      return list.member(column, trees.sets?.get(node) ?? [], missing, then, otherwise)
    default:
      throw new LanewiseError('E_VALUE', `node mode ${mode} is not known`)
  }
}
