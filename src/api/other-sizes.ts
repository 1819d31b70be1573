import { sameShape } from '../core/shape.js'
import type { Node } from '../ir/graph.js'
import { inferNode, type Inferred } from '../ir/infer.js'

/** What is known of a node's inputs under one set of numbers for the free sizes. */
export type Given = readonly (Inferred | undefined)[]

/** Two inferences of each output, as {@link otherwise} finds them; undefined where even the number of axes depends on sizes. */
export type Pair = readonly [Inferred, Inferred] | undefined

/** How many choices of sizes may still be tried for the nodes of a graph. */
export interface Budget {
  tries: number
}

/** A size that is free, told by the numbers it has in the two sets. */
interface Free {
  readonly a: number
  readonly b: number
}

/** Divisible by whatever a model is likely to divide by. */
const MULTIPLE = 5040
const LARGEST = 2 ** 31
/** How many choices are tried before a node counts as one that takes none. */
const TRIES = 2000
/** How many choices with one number for all sizes are compared. */
const ALIKE = 4
/** Constants with more elements say nothing of single sizes. */
const FEW = 64

/** Numbers for the free sizes that a node takes, and what it makes of them. */
interface Sample {
  readonly sizes: readonly number[]
  readonly outputs: readonly Inferred[]
}

/**
 * What a node that refuses two sets of numbers for its free sizes makes of others. Sizes that it may want follow from what is fixed: other sizes, its
 * attributes, and elements of its constants, with their sums, products and quotients. From the first choice that it takes, single sizes are changed, and
 * pairs: an axis that is one of the free sizes in all that it takes is that size, one that stays while they change is fixed, any other is open, as two
 * different numbers.
 *
 * @param budget - how many choices may be tried in all, counted down.
 * @returns for each output its pair; `'unknown'` if the outputs depend on elements that are not known, or if the budget is spent; undefined if the node takes
 *   none of the choices.
 */
export function otherwise(node: Node, a: Given, b: Given, budget: Budget): readonly Pair[] | 'unknown' | undefined {
  const free = freeOf(a, b)
  const numbers = candidates(node, a, b)
  let unknown = false
  const ask = (sizes: readonly number[]): Sample | undefined => {
    budget.tries--
    let refused = false
    const outputs = inferNode(node, inputsWith(sizes, free, a, b), () => void (refused = true))
    unknown ||= !refused && !outputs
    return outputs && { sizes, outputs }
  }
  const samples: Sample[] = []
  for (const sizes of choices(free.length, numbers)) {
    const sample = ask(sizes)
    if (unknown || budget.tries <= 0) return 'unknown'
    if (!sample) continue
    samples.push(sample)
    if (samples.length === ALIKE || sizes.some((size) => size !== sizes[0])) break
  }
  const [base] = samples
  if (!base) return undefined
  for (const sizes of changes(base.sizes)) {
    const sample = ask(sizes)
    if (sample) samples.push(sample)
  }
  return base.outputs.map((_, i) => pairOf(free, samples, i))
}

function freeOf(a: Given, b: Given): Free[] {
  const free: Free[] = []
  a.forEach((input, i) =>
    input?.type.shape.forEach((size, axis) => {
      const other = b[i]?.type.shape[axis]
      if (other !== undefined && size !== other && !free.some((one) => one.a === size && one.b === other))
        free.push({ a: size, b: other })
    }),
  )
  return free
}

/** The inputs with other numbers for the free sizes. Elements that follow from free sizes count as unknown. */
function inputsWith(sizes: readonly number[], free: readonly Free[], a: Given, b: Given): Given {
  return a.map((input, i) => {
    const other = b[i]
    if (!input || !other) return undefined
    const shape = input.type.shape.map((size, axis) => {
      const at = free.findIndex((one) => one.a === size && one.b === other.type.shape[axis])
      return at < 0 ? size : sizes[at]
    })
    const known = sameShape(shape, input.type.shape) ? fixedElements(a, b, i) : undefined
    return { type: { dtype: input.type.dtype, shape }, known }
  })
}

function fixedElements(a: Given, b: Given, i: number): Inferred['known'] {
  const [first, second] = [a[i]?.known, b[i]?.known]
  return first === second || String(first?.data) === String(second?.data) ? first : undefined
}

/** Numbers that a free size may have to be, the likeliest first. */
function candidates(node: Node, a: Given, b: Given): number[] {
  const fixed: number[] = []
  /** Products of an input's fixed sizes: what is left of a number of elements is free. */
  const rests = [1]
  a.forEach((input, i) => {
    const mine = input?.type.shape.filter((size, axis) => size === b[i]?.type.shape[axis] && size > 0) ?? []
    fixed.push(...mine)
    rests.push(mine.reduce((product, size) => product * size, 1))
  })
  const lists = [...Object.values(node.attributes), ...a.map((_, i) => fixedElements(a, b, i)?.data)].map(wholeNumbers)
  const given = lists.flat()
  const totals = lists.flatMap((list) => [
    list.reduce((product, size) => product * size, 1),
    list.reduce((sum, size) => sum + size, 0),
  ])
  const quotients = [...totals, ...given].flatMap((total) => rests.map((rest) => total / rest))
  const roots = quotients.flatMap((n) => [Math.round(Math.sqrt(n)), Math.round(Math.cbrt(n))])
  const products = given.flatMap((n) => [...given, ...fixed].map((m) => n * m))
  const simple = [...quotients, ...fixed, ...given, ...roots]
  const multiple = MULTIPLE * Math.max(1, ...totals.filter((n) => n * MULTIPLE < LARGEST))
  const all = [
    MULTIPLE,
    1,
    ...simple,
    ...products,
    multiple,
    ...[...simple, ...products].flatMap((n) => [2 * n, 3 * n]),
  ]
  return [...new Set(all)].filter((n) => Number.isSafeInteger(n) && n > 0 && n < LARGEST)
}

function wholeNumbers(value: unknown): number[] {
  const list = Array.isArray(value) || ArrayBuffer.isView(value) ? Array.from(value as ArrayLike<unknown>) : [value]
  if (list.length > FEW) return []
  return list.flatMap((item) => {
    const number = typeof item === 'bigint' ? Number(item) : item
    return Number.isSafeInteger(number) && (number as number) > 0 ? [number as number] : []
  })
}

/** Numbers for so many sizes: the same for all, then every combination of the likeliest. */
function* choices(count: number, numbers: readonly number[]): Generator<number[]> {
  for (const number of numbers.slice(0, TRIES)) yield new Array<number>(count).fill(number)
  if (count < 2) return
  const some = numbers.slice(0, Math.max(2, Math.floor(TRIES ** (1 / count))))
  const most = Math.min(TRIES, some.length ** count)
  for (let choice = 0; choice < most; choice++) {
    const sizes: number[] = []
    for (let i = 0, rest = choice; i < count; i++, rest = Math.floor(rest / some.length))
      sizes.push(some[rest % some.length])
    if (sizes.some((size) => size !== sizes[0])) yield sizes
  }
}

/** Other choices near one that is taken: each size by itself, and every two that are equal (they may have to be). */
function* changes(base: readonly number[]): Generator<number[]> {
  for (let i = 0; i < base.length; i++)
    for (let j = i; j < base.length; j++)
      if (base[i] === base[j])
        for (const other of [2 * base[i], 3 * base[i], base[i] + 1, MULTIPLE, 1])
          if (other !== base[i]) yield base.map((size, k) => (k === i || k === j ? other : size))
}

function pairOf(free: readonly Free[], samples: readonly Sample[], index: number): Pair {
  const [base] = samples
  const { type } = base.outputs[index]
  const shapes = samples.map(({ outputs }) => outputs[index]?.type.shape)
  if (shapes.some((shape) => shape?.length !== type.shape.length)) return undefined
  const axes = type.shape.map((size, axis): readonly [number, number] => {
    const same = free.flatMap((one, i) =>
      samples.every(({ sizes }, s) => shapes[s][axis] === sizes[i]) ? [{ one, i }] : [],
    )
    const changing = same.find(({ i }) => samples.some(({ sizes }) => sizes[i] !== base.sizes[i]))
    const named = changing ?? (same.length === 1 ? same[0] : undefined)
    if (named) return [named.one.a, named.one.b]
    const fixed = !base.sizes.includes(size) && shapes.every((shape) => shape[axis] === size)
    return [size, fixed ? size : size + 1]
  })
  const { dtype } = type
  return [{ type: { dtype, shape: axes.map(([n]) => n) } }, { type: { dtype, shape: axes.map(([, n]) => n) } }]
}
