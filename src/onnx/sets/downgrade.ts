import { LanewiseError } from '../../core/errors.js'
import { sameShape } from '../../core/shape.js'
import { bodiesOf, type Node } from '../../ir/graph.js'
import type { Around } from '../around.js'
import { everySet, MORE_SETS, type EverySet } from './every-set.js'
import { placeAt, schemaAt, schemasOf } from '../schemas.js'
import { todaysRewrites } from './todays-rewrites.js'
import { refuseTypes, unfit } from './type-groups.js'
import { EXPORT_OPSET, NEWEST_WRITTEN, OLDEST_OPSET } from '../versions.js'
import { cannot, type Rewrite, type Surroundings, type WrittenNode } from './written-node.js'

/** The newest set of ai.onnx.ml. */
export const NEWEST_ML = 5
const ML = 'ai.onnx.ml'
/** From this set on the branches of If may make different shapes. */
const IF_OF_SHAPES = 11

/**
 * A node at today's semantics as nodes of an operator set of its domain, which mean the same there and have types that
 * it allows.
 *
 * @throws LanewiseError `E_UNSUPPORTED` if that set cannot say it, with the lowest that can.
 */
export function downgrade(node: Node, opset: number, around: Around): readonly WrittenNode[] {
  try {
    checkBranches(node, opset, around)
    return lowered(written(node), opset, around)
  } catch (error) {
    if (!(error instanceof LanewiseError)) throw error
    if (error.code !== 'E_UNSUPPORTED') throw error.at(node.op.name, node.name)
    const lowest = lowestSet(node, around, everySet() ? 1 : EXPORT_OPSET)
    const message = `${error.message}; ${lowest === undefined ? (everySet() ? 'no operator set can' : MORE_SETS) : `operator set ${lowest} can`}`
    const expected = lowest === undefined ? undefined : `opset ${lowest}`
    const { actual } = error
    throw new LanewiseError('E_UNSUPPORTED', message, { opset, expected, actual }).at(node.op.name, node.name)
  }
}

/** The lowest operator set, of those from one on, that can say a node. */
export function lowestSet(node: Node, around: Around, from = 1): number | undefined {
  const [least, most] = isOnnx(node) ? [OLDEST_OPSET, NEWEST_WRITTEN] : [1, NEWEST_ML]
  for (let opset = Math.max(least, from); opset <= most; opset++) if (canSay(node, opset, around)) return opset
  return undefined
}

/** Whether an operator set of a node's domain can say it. */
export function canSay(node: Node, opset: number, around: Around): boolean {
  try {
    checkBranches(node, opset, around)
    lowered(written(node), opset, around.probe())
    return true
  } catch (error) {
    if (error instanceof LanewiseError) return false
    throw error
  }
}

/**
 * @throws LanewiseError `E_UNSUPPORTED` for an If whose branches make different shapes, in a set whose If makes one.
 */
function checkBranches(node: Node, opset: number, around: Around): void {
  if (!isOnnx(node) || node.op.name !== 'If' || opset >= IF_OF_SHAPES) return
  const [one, other] = bodiesOf(node).map((body) => {
    const inside = around.body(body, node)
    return body.outputs.map((value) => inside.type(value)?.shape)
  })
  const differing = one.findIndex((shape, i) => {
    const beside = other.at(i)
    return shape && beside && !sameShape(shape, beside)
  })
  if (differing >= 0) cannot(opset, `the branches of If make different shapes of output ${differing}`)
}

/** Whether an operator is one of ai.onnx. */
export function isOnnx({ op }: Node): boolean {
  return op.domain === '' || op.domain === 'ai.onnx'
}

/** Whether an operator is one of ai.onnx.ml. */
export function isMl({ op }: Node): boolean {
  return op.domain === ML
}

/** A node as it is, with the attributes that differ from what holds where they are left out. */
export function written(node: Node): WrittenNode {
  const { op, attributes, inputs, outputs } = node
  return {
    domain: isOnnx(node) ? '' : op.domain,
    type: op.name,
    schema: op.attributes,
    inputs: [...inputs],
    outputs,
    attributes: new Map(
      Object.entries(op.attributes).flatMap(([name, { kind, fallback }]) => {
        const value = attributes[name]
        return value === undefined || value === fallback ? [] : [[name, { kind, value }]]
      }),
    ),
  }
}

function lowered(node: WrittenNode, opset: number, around: Surroundings): readonly WrittenNode[] {
  const wrong = unfit(node, opset, around)
  const made =
    wrong.length > 0 ? (everySet()?.fitTypes ?? refused)(node, wrong, opset, around) : inForm(node, opset, around)
  if (!made) return [node]
  for (const one of made) around.note(one)
  // What a rewriting has made may need one itself.
  return made.flatMap((one) => lowered(one, opset, around))
}

const refused: EverySet['fitTypes'] = (node, [first], opset) => refuseTypes(node, first, opset)

/** Brings a node into the form that an operator set has: nothing if it has it, or got it. */
function inForm(node: WrittenNode, opset: number, around: Surroundings): readonly WrittenNode[] | undefined {
  const { domain } = node
  const set = everySet()
  const made = domain === '' ? (set?.rewrite ?? today)(node, opset, around) : undefined
  if (made) return made
  checkForm(node, opset)
  nameOutputs(node, opset, around)
  if (domain === '') set?.noNegativeAxes(node, opset, around)
  return undefined
}

const today: Rewrite = (node, opset, around) => {
  const rewrites: Readonly<Record<string, Rewrite>> = todaysRewrites()
  return Object.hasOwn(rewrites, node.type) ? rewrites[node.type](node, opset, around) : undefined
}

/** Names the outputs that nobody wants but a file must name. */
function nameOutputs(node: WrittenNode, opset: number, around: Surroundings): void {
  const places = schemaAt(node.domain, node.type, opset)?.outputs ?? []
  const needed = places.findLastIndex(({ optional, repeated }) => !optional && !repeated) + 1
  node.outputs = Array.from({ length: Math.max(needed, node.outputs.length) }, (_, i) =>
    node.outputs[i] || !places[i] || places[i].optional ? node.outputs[i] : around.value('unused'),
  )
}

/**
 * @throws LanewiseError `E_UNSUPPORTED` if an operator set does not have an operator, or not with these inputs, outputs
 *   and attributes.
 */
function checkForm(node: WrittenNode, opset: number): void {
  const { type, domain, inputs, outputs, attributes } = node
  if (schemasOf(domain, type).length === 0) {
    // An operator of a user's may be called what it likes.
    if (everySet()) return
    cannot(opset, `what its ${type} is like is not known`)
  }
  const schema = schemaAt(domain, type, opset)
  if (!schema) cannot(opset, `it has no ${type}`)
  if (schema.deprecated) cannot(opset, `it has no such ${type}, or none any more`)
  while (inputs.length > 0 && inputs.at(-1) === undefined) inputs.pop()
  const excess = (places: typeof schema.inputs, values: readonly unknown[]) =>
    values.findIndex((value, i) => value !== undefined && !placeAt(places, i))
  const [input, output] = [excess(schema.inputs, inputs), excess(schema.outputs, outputs)]
  if (input >= 0) cannot(opset, `${type} has no input ${input} there`)
  if (output >= 0) cannot(opset, `${type} has no output ${output} there`)
  const missing = schema.inputs.findIndex(({ optional, repeated }, i) => !optional && !repeated && !inputs[i])
  if (missing >= 0) cannot(opset, `${type} needs input ${missing} there`)
  for (const name of attributes.keys())
    if (!schema.attributes.has(name)) cannot(opset, `${type} has no attribute "${name}" there`)
}
