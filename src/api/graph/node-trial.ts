import { LanewiseError, present } from '../../core/errors.js'
import { formatShape } from '../../core/shape.js'
import type { Dimension, Node } from '../../ir/graph.js'
import { inferNode, sameElements, sameType, type Inferred } from '../../ir/infer.js'
import {
  inputsOf,
  isNarrow,
  otherwise,
  sameWords,
  trials,
  type Axis,
  type Budget,
  type Given,
  type Inputs,
} from './other-sizes.js'
import { PAIRS, unrelated, type Setting } from './trial-sizes.js'

/**
 * What a value is in each setting; undefined in those in which that is not known, or a node refuses what it is made of.
 */
export type Row = readonly (Inferred | undefined)[]

/** What nodes make of their inputs in all settings. */
export class Trial {
  private readonly budget: Budget
  private unrelatedSizes = 0

  /** @param tries - how many other sizes may be tried for operators that refuse. */
  constructor(
    private readonly settings: readonly Setting[],
    tries: number,
  ) {
    this.budget = { tries }
  }

  /**
   * What a node makes of what its inputs are.
   *
   * @throws LanewiseError `E_GRAPH` if it is to make more outputs than it does; its own refusal if it takes no sizes
   *   whatever.
   */
  of(node: Node, inputs: readonly (Row | undefined)[]): readonly (Row | undefined)[] {
    const there = this.settings.flatMap((_, s) => (inputs.every((row) => !row || row[s]) ? [s] : []))
    const given = there.map((s): Given => inputs.map((row) => row?.[s]))
    const { results, refusals } = tried(node, given)
    const isTrusted = PAIRS.some((pair) => pair.every((s) => results[there.indexOf(s)]))
    const outputs =
      refusals.length === 0 || isTrusted
        ? this.furtherApart(node, given, results)
        : this.ofOthers(node, given, results, refusals, () => inNames(node, refusals, inputs, this.settings))
    return outputs.map((output) => output && this.row(output, there))
  }

  private row(output: Row, there: readonly number[]): Row {
    const row = new Array<Inferred | undefined>(this.settings.length).fill(undefined)
    there.forEach((s, g) => (row[s] = output[g]))
    return alike(row)
  }

  /**
   * What was made, but that sizes that come out the same have been held against sizes that no setting has: earlier
   * nodes refuse many.
   */
  private furtherApart(node: Node, given: readonly Given[], results: Results): readonly (Row | undefined)[] {
    const made = outputsOf(node, results)
    const taken = given.filter((_, g) => results[g])
    const inputs = made.length > 0 ? inputsOf(taken) : undefined
    if (!inputs?.free.some(isNarrow)) return made
    const samples = trials(node, inputs)
    return made.map((output, i) => {
      const some = output.filter((inferred) => inferred !== undefined)
      const shape = some[0]?.type.shape
      if (samples.some(({ outputs }) => outputs[i]?.type.shape.length !== shape?.length)) return undefined
      const axes = shape?.map((size, axis) => {
        const claims = axisOf(
          some.map(({ type }) => type.shape[axis]),
          inputs,
        )
        const holds = samples.every(({ sizes, outputs }) => {
          const now = outputs[i].type.shape[axis]
          return claims === null || now === (typeof claims === 'number' ? size : sizes[claims.free])
        })
        return holds ? undefined : this.unrelated()
      })
      if (!axes?.some((other) => other)) return output
      return output.map(
        (inferred, g) =>
          inferred && {
            type: {
              dtype: inferred.type.dtype,
              shape: inferred.type.shape.map((size, axis) => axes[axis]?.(g) ?? size),
            },
          },
      )
    })
  }

  /** What is made of other sizes, where those of the settings are refused. */
  private ofOthers(
    node: Node,
    given: readonly Given[],
    results: Results,
    refusals: readonly LanewiseError[],
    refusal: () => LanewiseError,
  ): readonly (Row | undefined)[] {
    const inputs = inputsOf(given)
    const found = inputs ? otherwise(node, inputs, this.budget, refusals) : 'unknown'
    if (!found && refusals.length === given.length) throw refusal()
    const made = outputsOf(node, results)
    if (!inputs || !found || found === 'unknown') return made
    checkCount(node, found.length)
    return found.map((output, i): Row | undefined => {
      const some = (made.at(i) ?? []).filter((inferred) => inferred !== undefined)
      if (!output || some.some(({ type }) => type.shape.length !== output.axes.length)) return undefined
      const sizes = output.axes.map((axis, k) => {
        const agrees = results.every((result, g) => {
          const size = result?.[i]?.type.shape[k]
          return size === undefined || size === sizeIn(axis, inputs, g)
        })
        return axis === null || !agrees ? this.unrelated() : (g: number) => present(sizeIn(axis, inputs, g), 'a size')
      })
      return given.map(
        (_, g) => results[g]?.[i] ?? { type: { dtype: output.dtype, shape: sizes.map((size) => size(g)) } },
      )
    })
  }

  /** A size of which nothing is known. */
  private unrelated(): (setting: number) => number {
    const index = this.unrelatedSizes++
    return (setting) => unrelated(index, setting)
  }
}

/**
 * What a node makes of what is given in each setting; undefined where it refuses, or where that depends on elements
 * that are not known.
 */
type Results = readonly (readonly Inferred[] | undefined)[]

function tried(node: Node, settings: readonly Given[]): { results: Results; refusals: LanewiseError[] } {
  const refusals: LanewiseError[] = []
  const refused: (LanewiseError | undefined)[] = []
  const results: (readonly Inferred[] | undefined)[] = []
  settings.forEach((given, g) => {
    // Most of what is the same in all settings is the same object.
    const before = settings.findIndex((other) => other.every((input, i) => input === given[i]))
    if (before < g) {
      results.push(results[before])
      refused.push(refused[before])
    } else {
      let refusal: LanewiseError | undefined
      const outputs = inferNode(node, given, (error) => (refusal = error))
      results.push(outputs)
      refused.push(refusal)
    }
    const refusal = refused[g]
    if (refusal) refusals.push(refusal)
  })
  return { results, refusals }
}

function outputsOf(node: Node, results: Results): Row[] {
  const first = results.find((result) => result)
  if (first) checkCount(node, first.length)
  return (first ?? []).map((_, i) => results.map((result) => result?.[i]))
}

/** @throws LanewiseError `E_GRAPH` if a node is to make more than it does. */
function checkCount({ op, name, outputs }: Node, made: number): void {
  if (!outputs.slice(made).some((value) => value)) return
  throw new LanewiseError('E_GRAPH', `it makes ${made} outputs here, not ${outputs.length}`, {
    expected: String(outputs.length),
    actual: String(made),
  }).at(op.name, name)
}

/** What an axis seems to be by the numbers that it has where a node takes its inputs. */
function axisOf(numbers: readonly number[], inputs: Inputs): Axis {
  if (numbers.every((number) => number === numbers[0])) return numbers[0]
  const free = inputs.free.findIndex((size) => numbers.every((number, g) => number === size[g]))
  return free < 0 ? null : { free }
}

function sizeIn(axis: Axis, inputs: Inputs, g: number): number | undefined {
  return axis === null || typeof axis === 'number' ? (axis ?? undefined) : inputs.free[axis.free][g]
}

/** The same object wherever a value is the same: what nodes make of it is asked once. */
export function alike(row: Row): Row {
  const first = row.find((inferred) => inferred)
  if (!first) return row
  const same = row.every(
    (other) => !other || (sameType(first.type, other.type) && sameElements(first.known, other.known)),
  )
  return same ? row.map((inferred) => inferred && first) : row
}

/**
 * The axes of a value by its sizes in the settings: fixed, a name, or open.
 *
 * @returns undefined if even the number of axes depends on sizes.
 */
export function named(row: Row, settings: readonly Setting[]): Dimension[] | undefined {
  const shapes = row.map((inferred) => inferred?.type.shape)
  const some = shapes.filter((shape) => shape !== undefined)
  const [first] = some
  if (!first || some.some(({ length }) => length !== first.length)) return undefined
  return first.map((size, axis): Dimension => {
    if (some.every((shape) => shape[axis] === size)) return size
    const names = [...settings[0].keys()].filter((key) =>
      settings.every((setting, s) => !shapes[s] || setting.get(key) === shapes[s][axis]),
    )
    return names.length === 1 && typeof names[0] === 'string' ? names[0] : null
  })
}

/** An operator's refusal without the numbers that stood for names. */
function inNames(
  node: Node,
  refusals: readonly LanewiseError[],
  inputs: readonly (Row | undefined)[],
  settings: readonly Setting[],
): LanewiseError {
  const [refusal] = refusals
  if (sameWords(refusals)) return refusal
  const types = inputs.flatMap((row) => {
    const type = row?.find((inferred) => inferred)?.type
    const shape = row && named(row, settings)
    return type ? [type.dtype + (shape ? formatShape(shape) : '')] : []
  })
  return new LanewiseError(refusal.code, `it does not take ${types.join(', ')}, whatever the free sizes are`, {
    actual: types.join(', '),
    // What an operator of a user threw is theirs to see.
    cause: refusal.cause,
  }).at(node.op.name, node.name)
}
