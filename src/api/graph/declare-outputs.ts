import { LanewiseError, present } from '../../core/errors.js'
import type { DeclaredType, Graph, Value } from '../../ir/graph.js'
import { alike, named, Trial, type Row } from './node-trial.js'
import { freeSizes, settingsOf, type Setting } from './trial-sizes.js'

/**
 * Declares the types of a graph's outputs. Inference knows numbers only, so free sizes are tried by many sets of
 * numbers, from 0 to millions: an axis that comes out the same is fixed, one that takes the numbers of a name is that
 * name, and any other is left open.
 *
 * An operator may refuse all of them and still be right for others: sizes that must agree under different names, a size
 * that must be a multiple. What depends on free sizes is therefore only an error if no other choice helps; otherwise
 * the axes that follow from it are left open.
 *
 * @throws LanewiseError as an operator's inference does, in the names of the free sizes.
 */
export function declareOutputs(graph: Graph): void {
  const found = infer(graph, BUILDING)
  for (const output of graph.outputs) {
    const declared = found.describe(output)
    if (declared) output.declared = declared
  }
}

/**
 * The types of a graph's outputs: what the file declares, and where that says little, what follows from the inputs'
 * types. Never an error: what cannot be found out stays as it is declared.
 */
export function describeOutputs(graph: Graph): (DeclaredType | undefined)[] {
  let found: Found | undefined
  try {
    found = infer(graph, LOADING)
  } catch (error) {
    if (!(error instanceof LanewiseError)) throw error
  }
  return graph.outputs.map((output) => {
    const { declared } = output
    const follows = declared && declared.kind !== 'tensor' ? undefined : found?.describe(output)
    if (!follows) return declared
    if (!follows.shape) return { ...follows, shape: declared?.shape }
    const given = declared?.shape?.length === follows.shape.length ? declared.shape : []
    // Numbers that follow are certain; where there is none, the file's names are better than ours.
    const shape = follows.shape.map((size, axis) => (typeof size === 'number' ? size : (given[axis] ?? size)))
    return { ...follows, shape }
  })
}

/** How many other sizes are tried for a graph that is built, and for a file that is loaded: that must not take long. */
const BUILDING = 100_000
const LOADING = 2000

interface Found {
  describe(value: Value): DeclaredType | undefined
}

/** @param tries - how many other sizes may be tried for operators that refuse. */
function infer(graph: Graph, tries: number): Found {
  const settings = settingsOf(freeSizes(graph))
  const known = inputsUnder(graph, settings)
  const rowOf = (value: Value): Row | undefined => {
    const { constant } = value
    if (constant && !known.has(value)) {
      const always = { type: constant, known: constant }
      known.set(
        value,
        settings.map(() => always),
      )
    }
    return known.get(value)
  }
  const trial = new Trial(settings, tries)
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((value) => value && rowOf(value))
    if (!node.op.infer || node.inputs.some((value, i) => value && !inputs[i])) continue
    trial.of(node, inputs).forEach((row, i) => {
      const value = node.outputs[i]
      if (value && row?.some((inferred) => inferred)) known.set(value, row)
    })
  }
  return {
    describe(value) {
      const row = rowOf(value)
      const type = row?.find((inferred) => inferred)?.type
      return row && type && { kind: 'tensor', dtype: type.dtype, shape: named(row, settings) }
    },
  }
}

function inputsUnder(graph: Graph, settings: readonly Setting[]): Map<Value, Row> {
  const rows = new Map<Value, Row>()
  const unnamed = [...settings[0].keys()].filter((size) => typeof size === 'object')
  for (const value of graph.inputs) {
    const { kind, dtype, shape } = value.declared ?? {}
    if (kind !== 'tensor' || !dtype || !shape) continue
    const keys = shape.map(
      (size, axis) =>
        size ??
        present(
          unnamed.find((key) => key.value === value && key.axis === axis),
          'an open size',
        ),
    )
    const row = settings.map((setting) => {
      const sizes = keys.map((size) => (typeof size === 'number' ? size : present(setting.get(size), 'a free size')))
      return { type: { dtype, shape: sizes } }
    })
    rows.set(value, alike(row))
  }
  return rows
}
