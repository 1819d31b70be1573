import { dtypeFromOnnx, type DType } from '../core/dtype.js'
import type { HostTensor } from '../core/host.js'
import { placeAt, schemasOf, type Place, type ValueType } from './schemas.js'

/** A node, as far as the types of its outputs depend on it. */
export interface TypedNode {
  readonly domain: string
  readonly type: string
  /** Types of the inputs, as far as they are known. */
  readonly inputs: readonly (ValueType | undefined)[]
  readonly outputs: number
  attribute(name: string): unknown
}

/**
 * Types of a node's outputs that follow from the types of its inputs, whatever their shapes are: where shape inference
 * has nothing to say, because ranks or sizes are open or depend on data.
 */
export function outputTypes(node: TypedNode): (ValueType | undefined)[] {
  const { domain, type, inputs, outputs } = node
  const schema = schemasOf(domain, type).findLast(({ deprecated }) => !deprecated)
  if (!schema && domain === '' && sameType.test(type)) return [inputs[0]]
  const byParameter = new Map<string, ValueType>()
  inputs.forEach((given, i) => {
    const place = placeAt(schema?.inputs ?? [], i)
    if (given && place?.parameter && place.repeated !== 'free' && !byParameter.has(place.parameter))
      byParameter.set(place.parameter, given)
  })
  return Array.from({ length: outputs }, (_, i) => {
    const place = placeAt(schema?.outputs ?? [], i)
    if (!place) return undefined
    const kind = onlyKind(place)
    const dtype = i === 0 ? namedType(node) : undefined
    if (dtype && kind) return { kind, dtype }
    const shared = place.repeated === 'free' ? undefined : byParameter.get(place.parameter)
    if (shared) return shared
    const letters = place.types.replaceAll('/', '')
    if (kind && letters.length === 1 && kind !== 'map')
      return { kind, dtype: dtypeFromOnnx(letters.charCodeAt(0) - 96) }
    return kind && { kind, dtype: i === 0 ? elementType(node) : undefined }
  })
}

/** The kind of value that a place takes, if it is one. */
function onlyKind({ types }: Place): ValueType['kind'] | undefined {
  const [tensor = '', sequence = '', optional = '', optionalSequence = '', map = ''] = types.split('/')
  const kinds = [
    tensor && 'tensor',
    sequence && 'sequence',
    (optional || optionalSequence) && 'optional',
    map && 'map',
  ].filter(Boolean)
  return kinds.length === 1 ? (kinds[0] as ValueType['kind']) : undefined
}

/** The type that a node's attributes name. */
function namedType({ type, inputs, attribute }: TypedNode): DType | undefined {
  for (const name of ['to', 'dtype', 'output_dtype', 'output_datatype']) {
    const number = attribute(name)
    if (typeof number === 'number' && number > 0) return dtypeFromOnnx(number)
  }
  switch (type) {
    case 'Constant':
    case 'ConstantOfShape': {
      const value = attribute('value') as HostTensor | undefined
      if (value) return value.dtype
      if (attribute('value_int') !== undefined || attribute('value_ints')) return 'int64'
      return attribute('value_string') !== undefined || attribute('value_strings') ? 'string' : 'float32'
    }
    case 'Multinomial':
      return 'int32'
    case 'QuantizeLinear':
      return inputs[2]?.dtype ?? 'uint8'
    case 'RandomNormal':
    case 'RandomUniform':
    case 'SequenceEmpty':
    case 'BlackmanWindow':
    case 'HammingWindow':
    case 'HannWindow':
    case 'MelWeightMatrix':
      return 'float32'
    default:
      return undefined
  }
}

/** Operators of the first sets, which schemas do not tell of. */
const sameType = /^(Affine|Crop|ImageScaler|ParametricSoftplus|Scale|ScaledTanh|Scatter|Upsample)$/

/** Where the type of elements stays, whatever they are put into or taken from. */
const sameElements =
  /^(SequenceAt|SequenceConstruct|SplitToSequence|ConcatFromSequence|Optional|OptionalGetElement|EyeLike|RandomNormalLike|RandomUniformLike|Bernoulli)$/

function elementType({ type, inputs }: TypedNode): DType | undefined {
  return sameElements.test(type) ? inputs[0]?.dtype : undefined
}
