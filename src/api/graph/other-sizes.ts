import type { LanewiseError } from '../../core/errors.js'
import { sameShape } from '../../core/shape.js'
import type { Node } from '../../ir/graph.js'
import { inferNode, sameElements, type Inferred } from '../../ir/infer.js'
import { NARROWEST, WIDE, WIDEST } from './trial-sizes.js'

/** What is known of a node's inputs under one set of numbers for the free sizes. */
export type Given = readonly (Inferred | undefined)[]

/** An axis of a result: fixed, one of the free sizes of the inputs (its place in {@link Inputs.free}), or neither. */
export type Axis = number | { readonly free: number } | null

/** How many choices of sizes may still be tried for the nodes of a graph. */
export interface Budget {
  tries: number
}

/** A node's inputs, with what of them is free. */
export interface Inputs {
  /** The numbers that each free size has in the settings. */
  readonly free: readonly (readonly number[])[]
  readonly operands: readonly (
    | { readonly dtype: Inferred['type']['dtype']; readonly axes: readonly Axis[]; readonly known: Inferred['known'] }
    | undefined
  )[]
}

/**
 * What of a node's inputs is free: axes that have the same numbers in all settings are one size. Elements that follow
 * from free sizes count as unknown.
 *
 * @returns undefined if even the number of axes depends on sizes.
 */
export function inputsOf(settings: readonly Given[]): Inputs | undefined {
  const free: (readonly number[])[] = []
  const places = new Map<string, number>()
  const [first] = settings
  if (settings.some((given) => given.some((input, i) => input?.type.shape.length !== first[i]?.type.shape.length)))
    return undefined
  const operands = first.map((input, i) => {
    if (!input) return undefined
    const axes = input.type.shape.map((size, axis): Axis => {
      const numbers = settings.map((given) => given[i]?.type.shape[axis] ?? size)
      if (numbers.every((number) => number === size)) return size
      const key = numbers.join()
      const place = places.get(key) ?? free.push(numbers) - 1
      places.set(key, place)
      return { free: place }
    })
    const fixed = settings.every((given) => sameElements(given[i]?.known, input.known))
    return { dtype: input.type.dtype, axes, known: fixed ? input.known : undefined }
  })
  return { free, operands }
}

/** Whether what a node made of some numbers for a size says nothing of others: too few were tried. */
export function isNarrow(numbers: readonly number[]): boolean {
  return Math.min(...numbers) > NARROWEST || Math.max(...numbers) < WIDEST
}

/** Divisible by whatever a model is likely to divide by. */
const MULTIPLE = 5040
const LARGEST = 2 ** 31
/** How many choices are tried before a node counts as one that takes none. */
const TRIES = 2000
/** How many free sizes may have to be several times another, or be a number themselves. */
const LIKELIEST = 24
/** So many free sizes have more combinations than can be tried: that none of those tried is taken says nothing. */
const MANY = 5
/**
 * Of so many only the likeliest combinations are tried: a refusal that speaks of their sizes may not be that of others.
 */
const SEVERAL = 3
/** How many choices with one number for all sizes are compared. */
const ALIKE = 4
/** Numbers far apart, for what was tried with sizes of one kind only. */
const FAR_APART = [1, 7, 65537]
/** Constants with more elements say nothing of single sizes; sizes below are tried all. */
const FEW = 64

/** The element type and axes of an output. */
interface Resulting {
  readonly dtype: Inferred['type']['dtype']
  readonly axes: readonly Axis[]
}

/** Numbers for the free sizes that a node takes, and what it makes of them. */
interface Sample {
  readonly sizes: readonly number[]
  readonly outputs: readonly Inferred[]
}

/**
 * What a node that refuses the numbers of the settings makes of others. Sizes that it may want follow from what is
 * fixed: other sizes, its attributes, and elements of its constants, with their sums, products and quotients. From the
 * first choice that it takes, single sizes are changed, and pairs: an axis that is one of the free sizes in all that it
 * takes is that size, one that stays while they change is fixed, any other is open.
 *
 * @param budget - how many choices may be tried in all, counted down.
 * @param refusals - what the node said to the settings: numbers that it expected are tried early.
 * @returns for each output its axes (undefined where even their number depends on sizes); `'unknown'` if the outputs
 *   depend on elements that are not known, if the budget is spent, or if there are too many sizes to try; undefined if
 *   the node takes none of the choices.
 */
export function otherwise(
  node: Node,
  inputs: Inputs,
  budget: Budget,
  refusals: readonly LanewiseError[],
): readonly (Resulting | undefined)[] | 'unknown' | undefined {
  const count = inputs.free.length
  const expected = refusals.flatMap((refusal) => refusal.expected?.match(/\d+/g) ?? []).map(Number)
  const numbers = candidates(node, inputs, expected)
  let unknown = false
  const ask = (sizes: readonly number[]): Sample | undefined => {
    budget.tries--
    let refused = false
    const outputs = inferNode(node, inputsWith(sizes, inputs), () => void (refused = true))
    unknown ||= !refused && !outputs
    return outputs && { sizes, outputs }
  }
  const samples: Sample[] = []
  for (const sizes of choices(count, numbers)) {
    const sample = ask(sizes)
    if (unknown || budget.tries <= 0) return 'unknown'
    if (!sample) continue
    samples.push(sample)
    if (samples.length === ALIKE || sizes.some((size) => size !== sizes[0])) break
  }
  const [base] = samples
  if (!base) return count >= MANY || (count >= SEVERAL && !sameWords(refusals)) ? 'unknown' : undefined
  for (const sizes of changes(base.sizes)) {
    const sample = ask(sizes)
    if (sample) samples.push(sample)
  }
  const steps = inStep(base.sizes).flatMap((sizes) => ask(sizes) ?? [])
  return base.outputs.map((_, i) => resultOf(count, samples, steps, i))
}

/** Whether a node says the same of two settings: then it does not speak of what is free. */
export function sameWords(refusals: readonly LanewiseError[]): boolean {
  return refusals.every(({ message }, i) => i >= 2 || message === refusals[0].message)
}

/**
 * What a node makes of the same number for all free sizes of its inputs, for a few that are far apart: those that it
 * takes.
 */
export function trials(node: Node, inputs: Inputs): Sample[] {
  return FAR_APART.flatMap((number) => {
    const sizes = inputs.free.map(() => number)
    const outputs = inferNode(node, inputsWith(sizes, inputs), () => undefined)
    return outputs ? [{ sizes, outputs }] : []
  })
}

function inputsWith(sizes: readonly number[], { operands }: Inputs): Given {
  return operands.map((operand) => {
    if (!operand) return undefined
    const shape = operand.axes.map((axis) => (typeof axis === 'object' && axis ? sizes[axis.free] : (axis ?? 1)))
    const { dtype, known } = operand
    return { type: { dtype, shape }, known: known && sameShape(known.shape, shape) ? known : undefined }
  })
}

/** Numbers that a free size may have to be, the likeliest first. */
function candidates(node: Node, { operands }: Inputs, expected: readonly number[]): number[] {
  const fixed: number[] = []
  /** Products of an input's fixed sizes: what is left of a number of elements is free. */
  const rests = [1]
  operands.forEach((operand) => {
    const mine = operand?.axes.filter((size): size is number => typeof size === 'number' && size > 0) ?? []
    fixed.push(...mine)
    rests.push(mine.reduce((product, size) => product * size, 1))
  })
  const lists = [...Object.values(node.attributes), ...operands.map((operand) => operand?.known?.data)].map(
    wholeNumbers,
  )
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
    ...expected,
    ...simple,
    ...products,
    multiple,
    ...WIDE,
    ...[...simple, ...products].flatMap((n) => [2 * n, 3 * n]),
    ...Array.from({ length: FEW }, (_, n) => n),
  ]
  return [...new Set(all)].filter((n) => Number.isSafeInteger(n) && n >= 0 && n < LARGEST)
}

function wholeNumbers(value: unknown): number[] {
  const list = Array.isArray(value) || ArrayBuffer.isView(value) ? Array.from(value as ArrayLike<unknown>) : [value]
  if (list.length > FEW) return []
  return list.flatMap((item) => {
    const number = typeof item === 'bigint' ? Number(item) : item
    return Number.isSafeInteger(number) && (number as number) > 0 ? [number as number] : []
  })
}

/**
 * Numbers for so many sizes: the same for all, one that differs (channels are several times those of a group), then
 * every combination of the likeliest.
 */
function* choices(count: number, numbers: readonly number[]): Generator<number[]> {
  for (const number of numbers.slice(0, count > 0 ? TRIES : 1)) yield new Array<number>(count).fill(number)
  if (count < 2) return
  const divisible = [MULTIPLE, Math.max(...numbers.filter((n) => n % MULTIPLE === 0))]
  for (const number of numbers.slice(1, LIKELIEST))
    for (const base of new Set(divisible))
      for (let i = 0; i < count; i++)
        for (const other of [number * base, number])
          if (other < LARGEST && other !== base) yield Array.from({ length: count }, (_, k) => (k === i ? other : base))
  // Some sizes are less than others by what a window takes, or are a part of them.
  for (const number of count < MANY ? numbers.slice(1, LIKELIEST) : [])
    for (const other of [MULTIPLE - number + 1, MULTIPLE - number, MULTIPLE / number])
      for (let chosen = 1; chosen < 2 ** count - 1 && other > 0 && Number.isInteger(other); chosen++)
        yield Array.from({ length: count }, (_, k) => ((chosen >> k) & 1 ? other : MULTIPLE))
  const some = numbers.slice(0, Math.max(2, Math.floor(TRIES ** (1 / count))))
  const most = Math.min(TRIES, some.length ** count)
  for (let choice = 0; choice < most; choice++) {
    const sizes: number[] = []
    for (let i = 0, rest = choice; i < count; i++, rest = Math.floor(rest / some.length))
      sizes.push(some[rest % some.length])
    if (sizes.some((size) => size !== sizes[0])) yield sizes
  }
}

/** All sizes in step, for those that keep a distance or a proportion. */
const inStep = (base: readonly number[]): number[][] => [
  ...[1, MULTIPLE].map((more) => base.map((size) => size + more)),
  ...[2, 3].map((times) => base.map((size) => size * times)),
]

/** Other choices near one that is taken: each size by itself, and every two that are equal (they may have to be). */
function* changes(base: readonly number[]): Generator<number[]> {
  for (let i = 0; i < base.length; i++)
    for (let j = i; j < base.length; j++)
      if (base[i] === base[j])
        for (const other of new Set([2 * base[i], 3 * base[i], base[i] + 1, MULTIPLE, ...WIDE]))
          if (other !== base[i]) yield base.map((size, k) => (k === i || k === j ? other : size))
}

/** @param steps - samples in which everything changes: they tell what is not fixed, but not which size an axis is. */
function resultOf(
  count: number,
  some: readonly Sample[],
  steps: readonly Sample[],
  index: number,
): Resulting | undefined {
  const [base] = some
  const samples = [...some, ...steps]
  const { type } = base.outputs[index]
  const shapes = samples.map(({ outputs }) => outputs[index]?.type.shape)
  if (shapes.some((shape) => shape?.length !== type.shape.length)) return undefined
  const axes = type.shape.map((size, axis): Axis => {
    const same: number[] = []
    for (let i = 0; i < count; i++) if (samples.every(({ sizes }, s) => shapes[s][axis] === sizes[i])) same.push(i)
    // Where all sizes have changed at once, two that are equal need not be.
    const changing = same.find((i) =>
      some.some(
        ({ sizes }) =>
          sizes[i] !== base.sizes[i] && (same.length === count || sizes.some((n, k) => n === base.sizes[k])),
      ),
    )
    if (changing !== undefined) return { free: changing }
    return !base.sizes.includes(size) && shapes.every((shape) => shape[axis] === size) ? size : null
  })
  return { dtype: type.dtype, axes }
}
