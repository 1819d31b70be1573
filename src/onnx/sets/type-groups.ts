import { formatDeclared } from '../../ir/graph.js'
import { placeAt, schemaAt, takes, type Place, type ValueType } from '../schemas.js'
import { cannot, type Surroundings, type WrittenNode } from './written-node.js'

/** Places of one type parameter, and what stands there. */
export interface Group {
  /** What the operator set allows there. */
  readonly place: Place
  readonly inputs: Map<number, ValueType>
  readonly outputs: Map<number, ValueType>
}

/** What a node's types must be in an operator set and are not, by type parameters. */
export function unfit(node: WrittenNode, opset: number, around: Surroundings): Group[] {
  const { domain, type } = node
  const schema = schemaAt(domain, type, opset)
  if (!schema || schema.deprecated) return []
  const today = schemaAt(domain, type, Infinity)
  const groups = new Map<string, Group>()
  for (const side of ['inputs', 'outputs'] as const) {
    // Of what became an input later the parameter is known from then.
    const parameters = new Map(schema[side].map((place) => [place.parameter, place]))
    node[side].forEach((value, i) => {
      const given = value && around.typeOf(value)
      const later = placeAt(today?.[side] ?? [], i)
      const place = placeAt(schema[side], i) ?? parameters.get(later?.parameter ?? '')
      if (!given || !place) return
      const key = place.parameter && place.repeated !== 'free' ? place.parameter : `${side} ${i}`
      let group = groups.get(key)
      if (!group) groups.set(key, (group = { place, inputs: new Map(), outputs: new Map() }))
      group[side].set(i, given)
    })
  }
  return [...groups.values()].filter((group) => !fits(group))
}

function fits({ place, inputs, outputs }: Group): boolean {
  const all = [...inputs.values(), ...outputs.values()]
  // A value of which only the kind is known may be of any type.
  return all.every((type) => takes(place, type)) && new Set(all.flatMap(({ dtype }) => dtype ?? [])).size <= 1
}

/** @throws LanewiseError `E_UNSUPPORTED`, always: what a type is that an operator set does not have there. */
export function refuseTypes(node: WrittenNode, { place, inputs, outputs }: Group, opset: number): never {
  const found = [...inputs.values(), ...outputs.values()]
  const odd = found.find((type) => !takes(place, type))
  if (odd) {
    const given = formatDeclared(odd)
    const makes = ![...inputs.values()].includes(odd)
    cannot(opset, `${node.type} ${makes ? 'makes' : 'takes'} no ${given} there`, given)
  }
  const given = [...new Set(found.map((type) => formatDeclared(type)))].join(' and ')
  cannot(opset, `${node.type} takes one type there, not ${given}`, given)
}
