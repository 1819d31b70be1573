// Decision trees by the letter of the specification, one node after the other.
export interface TreeNodes {
  readonly trees: readonly number[]
  readonly ids: readonly number[]
  readonly features: readonly number[]
  readonly modes: readonly string[]
  readonly values: readonly number[]
  readonly missing: readonly number[]
  readonly then: readonly number[]
  readonly otherwise: readonly number[]
}

export interface Leaves {
  readonly trees: readonly number[]
  readonly ids: readonly number[]
  readonly targets: readonly number[]
  readonly weights: readonly number[]
}

const passes: Record<string, (x: number, split: number) => boolean> = {
  BRANCH_LEQ: (x, split) => x <= split,
  BRANCH_LT: (x, split) => x < split,
  BRANCH_GTE: (x, split) => x >= split,
  BRANCH_GT: (x, split) => x > split,
  BRANCH_EQ: (x, split) => x === split,
  BRANCH_NEQ: (x, split) => x !== split,
}

/**
 * The scores of a row: undefined where no leaf has spoken of a target. Sums are rounded to `round` after every
 * addition.
 */
export function scoresOf(
  row: ArrayLike<number>,
  nodes: TreeNodes,
  leaves: Leaves,
  targets: number,
  aggregate: string,
  round: (x: number) => number,
): (number | undefined)[] {
  const scores: (number | undefined)[] = Array.from({ length: targets }, () => undefined)
  const trees = [...new Set(nodes.trees)]
  const at = (tree: number, id: number) => nodes.ids.findIndex((other, i) => other === id && nodes.trees[i] === tree)
  for (const tree of trees) {
    let i = nodes.trees.indexOf(tree)
    while (nodes.modes[i] !== 'LEAF') {
      const x = row[nodes.features[i]]
      const passed = passes[nodes.modes[i]](x, nodes.values[i]) || (Number.isNaN(x) && nodes.missing[i] === 1)
      i = at(tree, passed ? nodes.then[i] : nodes.otherwise[i])
    }
    leaves.trees.forEach((other, k) => {
      if (other !== tree || leaves.ids[k] !== nodes.ids[i]) return
      const [target, weight] = [leaves.targets[k], leaves.weights[k]]
      const score = scores[target]
      if (score === undefined) scores[target] = weight
      else if (aggregate === 'MIN') scores[target] = Math.min(score, weight)
      else if (aggregate === 'MAX') scores[target] = Math.max(score, weight)
      else scores[target] = round(score + weight)
    })
  }
  return scores.map((score) => (score === undefined || aggregate !== 'AVERAGE' ? score : round(score / trees.length)))
}
