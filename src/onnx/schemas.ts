import { dtypeToOnnx, type DType } from '../core/dtype.js'
import type { DeclaredType } from '../ir/graph.js'
import { OPERATORS, TYPE_SETS } from './schema/default-set.js'

/** What is known of a value's type: not always its shape. */
export type ValueType = Pick<DeclaredType, 'kind' | 'dtype'>

/** An input or output of an operator, as a version of it has it. */
export interface Place {
  /** The type parameter, which all its places share; '' for a type of the place's own. */
  readonly parameter: string
  /**
   * Letters of element types (the nth is `TensorProto.DataType` n) of tensors / sequences / optionals / optional
   * sequences / "m" where maps are allowed.
   */
  readonly types: string
  readonly optional: boolean
  /** The last place of a list may stand for any number: of one type, or each of its own. */
  readonly repeated: '' | 'alike' | 'free'
}

/** One version of an operator; without inputs and outputs if that only says that it is not to be used any more. */
export interface Schema {
  readonly since: number
  readonly deprecated: boolean
  readonly inputs: readonly Place[]
  readonly outputs: readonly Place[]
  readonly attributes: ReadonlySet<string>
}

/** Operators, a line for those that are alike: names, and what `versionsIn` reads. */
interface Schemas {
  readonly operators: string
  /** Sets of types that stand in it by their numbers. */
  readonly sets: string
}

let known: Schemas = { operators: OPERATORS, sets: TYPE_SETS }
let lines: ReadonlyMap<string, string> | undefined
let sets: readonly string[] | undefined
const parsed = new Map<string, readonly Schema[]>()

/**
 * Replaces what is known of operators: by default those that layers apply, in the operator set that is written by
 * default.
 */
export function useSchemas(schemas: Schemas): void {
  known = schemas
  lines = sets = undefined
  parsed.clear()
}

/**
 * Every version of an operator of ai.onnx or ai.onnx.ml that a set since 7 (of ai.onnx.ml: any) has, oldest first; none
 * of an operator that ONNX does not have.
 */
export function schemasOf(domain: string, name: string): readonly Schema[] {
  const key = domain ? `${domain}.${name}` : name
  let schemas = parsed.get(key)
  if (!schemas) {
    lines ??= new Map(
      known.operators.split('\n').flatMap((line) => {
        const [names] = line.split('|', 1)
        return names.split(' ').map((one) => [one, line] as const)
      }),
    )
    schemas = versionsIn(lines.get(key) ?? key)
    parsed.set(key, schemas)
  }
  return schemas
}

/** The version of an operator that an operator set has. */
export function schemaAt(domain: string, name: string, opset: number): Schema | undefined {
  return schemasOf(domain, name).findLast(({ since }) => since <= opset)
}

/** Whether a version of an operator takes so typed a value at a place. */
export function takes({ types }: Pick<Place, 'types'>, { kind, dtype }: ValueType): boolean {
  const [tensor = '', sequence = '', optional = '', optionalSequence = '', map = ''] = types.split('/')
  if (kind === 'map') return map !== ''
  const letters = kind === 'tensor' ? tensor : kind === 'sequence' ? sequence : optional + optionalSequence
  // A sequence of something else than tensors, or of something unknown.
  return dtype ? letters.includes(letterOf(dtype)) : letters + map !== ''
}

/** The place of input or output number `index`. */
export function placeAt(places: readonly Place[], index: number): Place | undefined {
  const last = places.at(-1)
  return places[index] ?? (last?.repeated ? last : undefined)
}

function letterOf(dtype: DType): string {
  return String.fromCharCode(96 + dtypeToOnnx(dtype))
}

/**
 * Versions are separated by "|", each `set;inputs>outputs;attributes;types of parameters`; what is left out is as
 * before, "-" is nothing.
 */
function versionsIn(line: string): readonly Schema[] {
  let before = ['-', '-', '-']
  return line
    .split('|')
    .slice(1)
    .map((version) => {
      const [since, ...parts] = version.split(';')
      before = before.map((old, i) => parts[i] || old)
      const [places, attributes, parameters] = before.map((part) => (part === '-' ? '' : part))
      const typesOf = new Map(
        parameters
          .split(' ')
          .filter(Boolean)
          .map((one) => {
            const at = one.search(/[=#]/)
            return [one.slice(0, at), setIn(one.slice(at))]
          }),
      )
      const [inputs, outputs = []] = places.split('>').map((list) =>
        list
          .split(',')
          .filter(Boolean)
          .map((place) => placeIn(place, typesOf)),
      )
      return {
        since: Number(since),
        deprecated: places === '',
        inputs,
        outputs,
        attributes: new Set(attributes.split(',')),
      }
    })
}

function placeIn(text: string, typesOf: ReadonlyMap<string, string>): Place {
  const mark = /[?*+]$/.exec(text)?.[0] ?? ''
  const type = mark ? text.slice(0, -1) : text
  const own = /^[=#]/.test(type)
  return {
    parameter: own ? '' : type,
    types: own ? setIn(type) : (typesOf.get(type) ?? ''),
    optional: mark === '?',
    repeated: mark === '*' ? 'alike' : mark === '+' ? 'free' : '',
  }
}

function setIn(text: string): string {
  sets ??= known.sets.split(' ')
  return text.startsWith('#') ? sets[Number(text.slice(1))] : text.slice(1)
}
