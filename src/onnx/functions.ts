import { LanewiseError } from '../core/errors.js'
import type { AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto } from './schema/onnx.js'

const DEPTH_LIMIT = 100

/** A model's own functions, by domain, name and overload. */
export interface FunctionTable {
  get(domain: string, name: string, overload: string): FunctionProto | undefined
}

export function functionsOf(model: ModelProto): FunctionTable {
  const table = new Map<string, FunctionProto>()
  const key = (domain: string, name: string, overload: string) =>
    JSON.stringify([domain === 'ai.onnx' ? '' : domain, name, overload])
  for (const f of model.functions) table.set(key(f.domain, f.name, f.overload), f)
  return { get: (domain, name, overload) => table.get(key(domain, name, overload)) }
}

/**
 * The nodes of a function with a call's values and attributes in the place of its parameters; values inside get names
 * of their own.
 *
 * @param stack - the functions whose expansion this call stands in.
 * @param count - is told of every node in a body of the function, before it is made.
 * @throws LanewiseError `E_GRAPH` for a function that calls itself, directly or not.
 */
export function expandFunction(
  f: FunctionProto,
  call: NodeProto,
  label: string,
  stack: readonly string[],
  fresh: () => number,
  count: () => void,
): { nodes: NodeProto[]; stack: readonly string[] } {
  const id = JSON.stringify([f.domain, f.name, f.overload])
  if (stack.includes(id)) throw new LanewiseError('E_GRAPH', `the function ${f.name} calls itself`).at(f.name, label)
  if (stack.length >= DEPTH_LIMIT)
    throw new LanewiseError('E_GRAPH', `functions are nested more than ${DEPTH_LIMIT} deep`).at(f.name, label)
  const names = new Map<string, string>([['', '']])
  f.input.forEach((name, i) => names.set(name, call.input[i] ?? ''))
  f.output.forEach((name, i) => names.set(name, call.output[i] ?? ''))
  const prefix = `${label}/${fresh()}/`
  const rename = (name: string): string => {
    let renamed = names.get(name)
    if (renamed === undefined) names.set(name, (renamed = prefix + name))
    return renamed
  }
  const given = new Map<string, AttributeProto>()
  for (const attribute of f.attributeProto) given.set(attribute.name, attribute)
  for (const attribute of call.attribute) given.set(attribute.name, attribute)

  // The parameter of a call that is left out has no value: what refers to it is left out too.
  const attributes = (node: NodeProto): AttributeProto[] =>
    node.attribute.flatMap((attribute) => {
      if (attribute.refAttrName !== '') {
        const value = given.get(attribute.refAttrName)
        return value ? [{ ...value, name: attribute.name }] : []
      }
      return [attribute.g ? { ...attribute, g: body(attribute.g) } : attribute]
    })
  const instance = (node: NodeProto): NodeProto => ({
    ...node,
    name: `${label}/${node.name || node.opType}`,
    input: node.input.map(rename),
    output: node.output.map(rename),
    attribute: attributes(node),
  })
  const body = (graph: GraphProto): GraphProto => ({
    ...graph,
    initializer: graph.initializer.map((tensor) => ({ ...tensor, name: rename(tensor.name) })),
    input: graph.input.map((info) => ({ ...info, name: rename(info.name) })),
    output: graph.output.map((info) => ({ ...info, name: rename(info.name) })),
    valueInfo: [],
    node: graph.node.map((node) => {
      count()
      return instance(node)
    }),
  })
  return { nodes: f.node.map(instance), stack: [...stack, id] }
}
