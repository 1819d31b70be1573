import { checkArguments } from '../core/arguments.js'
import { Variable } from '../autograd/variable.js'
import { isDType, type DType } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import { shown } from '../core/options.js'
import { GraphBuilder } from '../api/graph/builder.js'
import { inferTypes } from '../ir/infer.js'
import { registerOps } from '../ir/registry.js'
import type { Dimension, Graph, Value } from '../ir/graph.js'
import { hostZeros } from '../core/host.js'
import { evaluating, type Module } from './module.js'

/** An input of a model that is written as a graph. */
export interface InputSpec {
  /** The input's name in the graph. */
  readonly name: string
  /** float32 by default. */
  readonly dtype?: DType
  /** A size, or for a free one its name and the size that the model is tried with. */
  readonly shape: readonly (number | { readonly name: string; readonly size: number })[]
}

/** How a graph and its outputs are called. */
export interface ToGraphOptions {
  /** The graph's name; "model" by default. */
  readonly name?: string
  /**
   * Names of the outputs, in the order `forward` returns them; by default those that it gives them, or "output", and
   * "output_1" … where there are more.
   */
  readonly outputs?: readonly string[]
}

function checkSpec(spec: InputSpec): void {
  checkArguments('toGraph', { 'an input': spec }, 'object')
  const { name, dtype, shape } = spec
  checkArguments('toGraph', { name, dtype, shape }, 'string', 'string?', 'list')
  if (dtype !== undefined && !isDType(dtype))
    throw new LanewiseError('E_VALUE', `"${String(dtype)}", of the input "${name}", is not the name of an element type`)
  for (const size of shape)
    if (typeof size !== 'number' && typeof (Object(size) as { readonly size?: unknown }).size !== 'number')
      throw new LanewiseError(
        'E_VALUE',
        `a size of the input "${name}" is a number, or { name, size } where it is free, got ${shown(size)}`,
      )
}

/**
 * The graph of what a module computes in evaluation mode: `forward` is run once on zeros, and what it applies is
 * written down. Parameters become constants under the names of the state dict, nodes are named by the modules they
 * belong to. What `forward` decides in JavaScript is decided once.
 *
 * @throws LanewiseError `E_VALUE` if there are more or fewer outputs than names. `E_SHAPE` if a free size does not stay
 *   free: if `forward` has fixed it, for instance in a reshape.
 */
export function toGraph(module: Module, inputs: readonly InputSpec[], options: ToGraphOptions = {}): Graph {
  checkArguments('toGraph', { module, inputs, options }, 'module', 'list', { name: 'string', outputs: 'list' })
  const { name = 'model', outputs } = options

  const { device } = module
  return evaluating(module, () =>
    device.step(() => {
      const builder = new GraphBuilder(name)
      const values = new Map<Variable, Value>()
      const given = inputs.map((spec) => {
        checkSpec(spec)
        const sizes = spec.shape.map((size) => (typeof size === 'number' ? size : size.size))
        const variable = device.tensor(hostZeros(spec.dtype ?? 'float32', sizes))
        values.set(
          variable,
          builder.input(
            spec.name,
            spec.dtype ?? 'float32',
            spec.shape.map((size): Dimension => (typeof size === 'number' ? size : size.name)),
          ),
        )
        return variable
      })
      const { result, trace } = device.traced(() => device.noGrad(() => module.call(...(given as never[]))))
      const state = new Map(
        [...module.namedParameters(), ...module.namedBuffers()].map(([key, parameter]) => [parameter as Variable, key]),
      )
      let constants = 0
      const valueOf = (variable: Variable): Value => {
        let value = values.get(variable)
        if (!value) {
          value = builder.constant(state.get(variable) ?? `constant_${constants++}`, variable.host())
          values.set(variable, value)
        }
        return value
      }
      // Where not every operator is known from the beginning, those that were applied are.
      registerOps(trace.map(({ op }) => op))
      const used = new Set<string>()
      for (const applied of trace) {
        const label = unused(used, applied.scope ? `${applied.scope}/${applied.op.name}` : applied.op.name)
        const made = builder.node(
          applied.op.name,
          trimmed(applied.inputs.map((input) => input && valueOf(input))),
          applied.body ? applied.body.attributes(applied.body.captures.map(valueOf)) : applied.attributes,
          {
            name: label,
            domain: applied.op.domain,
            outputs: applied.outputs.length,
          },
        )
        applied.outputs.forEach((output, i) => output && values.set(output, made[i]))
      }
      // Outputs by name keep their names.
      const named =
        typeof result === 'object' && result !== null && !Array.isArray(result) && !(result instanceof Variable)
      const results: unknown[] = Array.isArray(result) ? result : named ? Object.values(result) : [result]
      const names =
        outputs ?? (named ? Object.keys(result) : results.map((_, i) => (i === 0 ? 'output' : `output_${i}`)))
      if (names.length !== results.length)
        throw new LanewiseError(
          'E_VALUE',
          `forward() returned ${results.length} tensors, named are ${names.length}: ${names.join(', ')}`,
          { expected: String(results.length), actual: String(names.length) },
        )
      names.forEach((output, i) => {
        const variable = results[i]
        if (!(variable instanceof Variable))
          throw new LanewiseError('E_VALUE', `forward() returned something that is not a tensor as "${output}"`)
        builder.output(valueOf(variable), output)
      })
      const graph = builder.graph()
      checkFree(graph, inputs)
      return graph
    }),
  )
}

/** Every free size is tried with another value; an operator that refuses it has the old one built in. */
function checkFree(graph: Graph, inputs: readonly InputSpec[]): void {
  const free = new Map(
    inputs.flatMap(({ shape }) =>
      shape.flatMap((size) => (typeof size === 'number' ? [] : [[size.name, size.size] as const])),
    ),
  )
  // A batch that goes in by its first axis comes out by it.
  const [batch] = inputs.map(({ shape }) => shape[0])
  if (
    typeof batch === 'object' &&
    inputs.every(({ shape: [first] }) => typeof first === 'object' && first.name === batch.name)
  ) {
    const lost = graph.outputs.find(
      ({ declared }) => declared?.shape && declared.shape.length > 0 && declared.shape[0] !== batch.name,
    )
    if (lost)
      throw new LanewiseError(
        'E_SHAPE',
        `the size "${batch.name}" does not stay free: it is not the first of output "${lost.name}"`,
        { tensor: lost.name },
      )
  }
  for (const [name, size] of free) {
    const refused = refusal(graph, inputs, name, size + 3)
    // Where halves and quarters meet again (a U-Net), other sizes than multiples cannot be.
    if (!refused || MULTIPLES.some((times) => !refusal(graph, inputs, name, size * times, true))) continue
    throw new LanewiseError('E_SHAPE', `the size "${name}" does not stay free: ${refused.message}`, {
      op: refused.op,
      node: refused.node,
      cause: refused,
    })
  }
}

const MULTIPLES = [2, 3, 4]

/**
 * Why a graph does not take a free size of another value; undefined if it does.
 *
 * @param strict - whether outputs must keep the sizes that were declared for them, too: with a multiple of its elements
 *   a built-in size may fit by chance.
 */
function refusal(
  graph: Graph,
  inputs: readonly InputSpec[],
  name: string,
  changed: number,
  strict = false,
): LanewiseError | undefined {
  const sizes = new Map(
    inputs.flatMap(({ shape }) =>
      shape.flatMap((axis) =>
        typeof axis === 'number' ? [] : [[axis.name, axis.name === name ? changed : axis.size] as const],
      ),
    ),
  )
  try {
    const found = inferTypes(graph, typesWith(graph, inputs, name, changed))
    if (!strict) return undefined
    const before = inferTypes(graph, typesWith(graph, inputs))
    for (const output of graph.outputs) {
      const shape = found.get(output)?.type.shape
      // The first axis counts examples: only what names it changes it.
      const examples = before.get(output)?.type.shape[0]
      if (shape && output.declared?.shape?.[0] !== name && shape[0] !== examples)
        throw new LanewiseError('E_SHAPE', `${examples} examples of output "${output.name}" become ${shape[0]}`)
      output.declared?.shape?.forEach((declared, axis) => {
        const wanted = typeof declared === 'number' ? declared : sizes.get(declared ?? '')
        if (shape && wanted !== undefined && shape[axis] !== wanted)
          throw new LanewiseError('E_SHAPE', `axis ${axis} of output "${output.name}" becomes ${shape[axis]}`)
      })
    }
    return undefined
  } catch (error) {
    if (error instanceof LanewiseError) return error
    throw error
  }
}

/** Types of the inputs, with another value for one of the free sizes. */
function typesWith(graph: Graph, inputs: readonly InputSpec[], name?: string, changed = 0) {
  return new Map(
    inputs.map((spec, i) => [
      graph.inputs[i],
      {
        dtype: spec.dtype ?? 'float32',
        shape: spec.shape.map((axis) => (typeof axis === 'number' ? axis : axis.name === name ? changed : axis.size)),
      },
    ]),
  )
}

function unused(used: Set<string>, stem: string): string {
  let name = stem
  for (let i = 1; used.has(name); i++) name = `${stem}_${i}`
  used.add(name)
  return name
}

/** Inputs left out at the end are not written. */
function trimmed<T>(list: readonly (T | undefined)[]): (T | undefined)[] {
  const last = list.findLastIndex((item) => item !== undefined)
  return list.slice(0, last + 1)
}
