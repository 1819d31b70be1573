// What a graph, and the body of an operator of a user, is held to before it is written.
import { errorAt, LanewiseError } from '../core/errors.js'
import { kindOf } from '../core/options.js'
import { graphOf, usedBy, type Graph, type Node, type Value } from '../ir/graph.js'
import { inferTypes, sameType } from '../ir/infer.js'
import type { OpDefinition, TensorType } from '../ir/op.js'
import { FREE, type Around } from './around.js'

/** Inputs and outputs are lists that a caller may change. @throws LanewiseError `E_GRAPH` for what is no value. */
export function checkEnds(graph: Pick<Graph, 'inputs' | 'outputs'>): void {
  for (const list of ['inputs', 'outputs'] as const)
    for (const [i, value] of graph[list].entries()) {
      const { name } = Object(value) as Partial<Value>
      if (typeof name !== 'string' || typeof value !== 'object')
        throw new LanewiseError(
          'E_GRAPH',
          `${list} of a graph are values (graph.value('name')), got ${kindOf(value)} as number ${i}`,
        )
    }
}

/** Holds a graph to what readers of a file hold it to. @throws LanewiseError `E_GRAPH`. */
export function checkComplete(graph: Graph): void {
  checkEnds(graph)
  if (graph.outputs.length === 0) throw new LanewiseError('E_GRAPH', `the graph "${graph.name}" has no output`)
  const made = new Set<Value | undefined>(graph.inputs)
  for (const node of graph.nodes) for (const value of node.outputs) made.add(value)
  const missing = (value: Value) => !value.constant && !made.has(value)
  for (const node of graph.nodes) {
    const value = usedBy(node).find(missing)
    if (value) throw foreign(value, 'it reads').at(node.op.name, node.name)
  }
  const output = graph.outputs.find(missing)
  if (output) throw foreign(output, 'its output is')
}

function foreign({ name }: Value, what: string): LanewiseError {
  return new LanewiseError(
    'E_GRAPH',
    `${what} "${name}", which no node of the graph makes: a value of another graph?`,
    { tensor: name },
  )
}

/**
 * The body of an operator. @throws LanewiseError what the operator's own code has thrown, with operator and node;
 * `E_VALUE` for what is no graph.
 */
export function bodyOf(make: NonNullable<OpDefinition['body']>, { op, attributes, name }: Node): Graph {
  try {
    const given: unknown = make.call(op, attributes)
    const body = graphOf(given)
    if (!body) throw new LanewiseError('E_VALUE', `body must return a graph, got ${kindOf(given)}`)
    checkComplete(body)
    return body
  } catch (error) {
    throw errorAt(op.name, name, error)
  }
}

/**
 * Holds a body to the operator whose it is: as many inputs and outputs, of the types and shapes that the operator
 * itself has here, as far as these are known.
 *
 * @throws LanewiseError `E_GRAPH` saying what differs.
 */
export function checkBody(body: Graph, node: Node, around: Around): void {
  const { op, name, inputs, outputs } = node
  const refuse = (what: string, expected: string, actual: string): never => {
    const error = new LanewiseError('E_GRAPH', `its body ${what} ${actual}, the operator ${expected}`, {
      expected,
      actual,
    })
    throw error.at(op.name, name)
  }
  const most = typeof op.arity === 'number' ? op.arity : op.arity[1]
  const [takes, makes] = [body.inputs.length, body.outputs.length]
  if (takes < inputs.length || takes > most) refuse('has inputs:', String(inputs.length), String(takes))
  const given = new Map<Value, TensorType>()
  body.inputs.forEach((input, i) => {
    const type = inputs[i] && around.type(inputs[i])
    const declared = input.declared?.dtype
    if (type && declared && declared !== type.dtype) refuse(`takes as input ${i}`, type.dtype, declared)
    if (type) given.set(input, type)
  })
  const promised = op.infer && around.outputsOf(node)
  if (makes < outputs.length || (promised && makes !== promised.length))
    refuse('has outputs:', String(promised?.length ?? outputs.length), String(makes))
  const free = [...given.values()].some(({ shape }) => shape.includes(FREE))
  const made = inferTypes(body, given, (error) => {
    // Some number stands for a free size: with the true one it may be right.
    if (!free)
      throw errorAt(
        op.name,
        name,
        new LanewiseError('E_GRAPH', `its body does not fit: ${error.message}`, { cause: error }),
      )
  })
  body.outputs.forEach((output, i) => {
    const type = made.get(output)?.type ?? output.constant
    const wanted = promised?.[i]
    if (!type || !wanted || sameType(type, wanted)) return
    refuse(`makes as output ${i}`, described(wanted), described(type))
  })
}

/** A type without the numbers that stand for free sizes. */
function described({ dtype, shape }: TensorType): string {
  return `${dtype}[${shape.map((size) => (size % FREE === 0 && size > 0 ? '?' : size)).join()}]`
}
