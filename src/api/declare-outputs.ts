import { LanewiseError, present } from '../core/errors.js'
import { formatShape } from '../core/shape.js'
import type { DeclaredType, Dimension, Graph, Node, Value } from '../ir/graph.js'
import { inferNode, type Inferred } from '../ir/infer.js'
import type { TensorType } from '../ir/op.js'
import { otherwise, type Budget, type Given, type Pair } from './other-sizes.js'

/**
 * Declares the types of a graph's outputs. Inference knows numbers only, so free sizes are tried by two sets of numbers: an axis that comes out the same is
 * fixed, one that takes the numbers of a name is that name, and any other is left open.
 *
 * An operator may refuse both sets and still be right for others: sizes that must agree under different names, a size that must be a multiple. What
 * depends on free sizes is therefore only an error if no other choice helps; otherwise the axes that follow from it are left open.
 *
 * @throws LanewiseError as an operator's inference does, in the names of the free sizes.
 */
export function declareOutputs(graph: Graph): void {
  const free = freeSizes(graph)
  const found = infer(graph, settingsOf(free, LARGE)) ?? inferSmall(graph, free)
  const { settings, types } = found ?? present(infer(graph, settingsOf(free, LARGE), { tries: BUILDING }), 'types')
  for (const output of graph.outputs) {
    const [a, b] = types.map((known) => output.constant ?? known.get(output)?.type)
    if (a && b) output.declared = { kind: 'tensor', dtype: a.dtype, shape: named(a, b, settings) }
  }
}

/**
 * The types of a graph's outputs: what the file declares, and where that says little, what follows from the inputs' types. Never an error: what cannot be
 * found out stays as it is declared.
 */
export function describeOutputs(graph: Graph): (DeclaredType | undefined)[] {
  const free = freeSizes(graph)
  let found: Settled | undefined
  try {
    found =
      infer(graph, settingsOf(free, LARGE)) ??
      inferSmall(graph, free) ??
      infer(graph, settingsOf(free, LARGE), { tries: LOADING })
  } catch (error) {
    if (!(error instanceof LanewiseError)) throw error
  }
  return graph.outputs.map((output) => {
    const { declared } = output
    const [a, b] = found ? found.types.map((known) => output.constant ?? known.get(output)?.type) : []
    if (!found || !a || !b || (declared && declared.kind !== 'tensor')) return declared
    const given = declared?.shape?.length === a.shape.length ? declared.shape : []
    // Numbers that follow are certain; where there is none, the file's names are better than ours.
    const shape = named(a, b, found.settings).map((size, axis) =>
      typeof size === 'number' ? size : (given[axis] ?? size),
    )
    return { kind: 'tensor', dtype: a.dtype, shape }
  })
}

/** A size that an input leaves open: its name, or a key of its own where it has none. */
type Size = string | { readonly value: Value; readonly axis: number }
/** What every free size is taken to be. */
type Setting = ReadonlyMap<Size, number>

interface Settled {
  readonly settings: readonly [Setting, Setting]
  readonly types: readonly [Map<Value, Inferred>, Map<Value, Inferred>]
}

/** Far from any size a model fixes, so that a match is no accident. */
const LARGE = 97
/** A model may be free up to some size only: a table of positions has an end. */
const SMALL = 2
const NAMES_WITH_SMALL = 4
/** How many other sizes are tried for a graph that is built, and for a file that is loaded: that must not take long. */
const BUILDING = 100_000
const LOADING = 2000

function freeSizes(graph: Graph): Size[] {
  const sizes = new Set<Size>()
  for (const value of graph.inputs)
    value.declared?.shape?.forEach((size, axis) => {
      if (typeof size !== 'number') sizes.add(size ?? { value, axis })
    })
  return [...sizes]
}

/** Two numbers for every size, no two pairs with the same difference: what is a constant more than one size must not look like another. */
function settingsOf(free: readonly Size[], from: number): readonly [Setting, Setting] {
  const primes = primesFrom(from, 4 * free.length + 4)
  const pick = (place: (i: number) => number) => new Map(free.map((size, i) => [size, primes[place(i)]]))
  return [pick((i) => i), pick((i) => free.length + 3 * i)]
}

function inferSmall(graph: Graph, free: readonly Size[]): Settled | undefined {
  return free.length === 0 || free.length > NAMES_WITH_SMALL ? undefined : infer(graph, settingsOf(free, SMALL))
}

/**
 * @param lenient - other sizes may be tried for operators that refuse.
 * @returns undefined if an operator refuses otherwise.
 */
function infer(graph: Graph, settings: readonly [Setting, Setting], lenient?: Budget): Settled | undefined {
  const types: Settled['types'] = [inputsUnder(graph, settings[0]), inputsUnder(graph, settings[1])]
  const free = settings[0].size > 0
  for (const node of graph.nodes) {
    const given = types.map((known) => node.inputs.map((value) => value && look(value, known)))
    if (!node.op.infer || node.inputs.some((value, i) => value && !(given[0][i] && given[1][i]))) continue
    const refusals: (LanewiseError | undefined)[] = []
    const results = given.map((inputs, s) => inferNode(node, inputs, (error) => void (refusals[s] = error)))
    if (refusals.length > 0) {
      if (free && !lenient) return undefined
      const pairs =
        otherwise(node, given[0], given[1], lenient ?? { tries: BUILDING }) ??
        raise(inNames(node, refusals, given[0], given[1], settings))
      if (pairs !== 'unknown') keep(node, pairs, types)
      continue
    }
    const [first, second] = results
    if (first && second)
      keep(
        node,
        first.map((output, i) => (second[i] ? [output, second[i]] : undefined)),
        types,
      )
  }
  return { settings, types }
}

function inputsUnder(graph: Graph, setting: Setting): Map<Value, Inferred> {
  const types = new Map<Value, Inferred>()
  const own = new Map([...setting].filter(([size]) => typeof size === 'object'))
  for (const value of graph.inputs) {
    const { kind, dtype, shape } = value.declared ?? {}
    if (kind !== 'tensor' || !dtype || !shape) continue
    const sizes = shape.map((size, axis) => {
      if (typeof size === 'number') return size
      if (size !== null) return present(setting.get(size), size)
      for (const [key, number] of own)
        if (typeof key === 'object' && key.value === value && key.axis === axis) return number
      return 1
    })
    types.set(value, { type: { dtype, shape: sizes } })
  }
  return types
}

function look(value: Value, known: ReadonlyMap<Value, Inferred>): Inferred | undefined {
  return value.constant ? { type: value.constant, known: value.constant } : known.get(value)
}

/** Notes what a node makes. @throws LanewiseError `E_GRAPH` if it is to make more than that. */
function keep(node: Node, pairs: readonly Pair[], types: Settled['types']): void {
  const count = node.outputs.length
  if (pairs.length < count && node.outputs.slice(pairs.length).some((value) => value))
    throw new LanewiseError('E_GRAPH', `it makes ${pairs.length} outputs here, not ${count}`, {
      expected: String(count),
      actual: String(pairs.length),
    }).at(node.op.name, node.name)
  pairs.forEach((pair, i) => {
    const value = node.outputs[i]
    if (value) pair?.forEach((output, s) => types[s].set(value, output))
  })
}

/** An operator's refusal without the numbers that stood for names. */
function inNames(
  node: Node,
  refusals: readonly (LanewiseError | undefined)[],
  a: Given,
  b: Given,
  settings: readonly [Setting, Setting],
): LanewiseError {
  const refusal = present(refusals[0] ?? refusals[1], 'refusal')
  // The same words for two sets of numbers say nothing of either.
  if (refusals[0]?.message === refusals[1]?.message) return refusal
  const types = a.flatMap((input, i) =>
    input && b[i] ? [input.type.dtype + formatShape(named(input.type, b[i].type, settings))] : [],
  )
  return new LanewiseError(refusal.code, `it does not take ${types.join(', ')}, whatever the free sizes are`, {
    actual: types.join(', '),
    // What an operator of a user threw is theirs to see.
    cause: refusal.cause,
  }).at(node.op.name, node.name)
}

function named(a: TensorType, b: TensorType, settings: readonly [Setting, Setting]): Dimension[] {
  return a.shape.map((size, axis): Dimension => {
    if (size === b.shape[axis]) return size
    for (const [key, number] of settings[0])
      if (typeof key === 'string' && number === size && settings[1].get(key) === b.shape[axis]) return key
    return null
  })
}

function primesFrom(from: number, count: number): number[] {
  const primes: number[] = []
  for (let n = from; primes.length < count; n++) {
    let prime = n > 1
    for (let d = 2; d * d <= n && prime; d++) prime = n % d !== 0
    if (prime) primes.push(n)
  }
  return primes
}

function raise(error: LanewiseError): never {
  throw error
}
