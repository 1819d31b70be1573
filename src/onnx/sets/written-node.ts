import { dtypeToOnnx, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import type { HostTensor } from '../../core/host.js'
import type { AttributeKind, AttributeSchema } from '../../ir/attributes.js'
import type { Value } from '../../ir/graph.js'
import type { ValueType } from '../schemas.js'

/** A node as it is written: of an operator set of its own. */
export interface WrittenNode {
  /** '' is ai.onnx. */
  readonly domain: string
  readonly type: string
  inputs: (Value | undefined)[]
  outputs: readonly (Value | undefined)[]
  readonly attributes: Map<string, WrittenAttribute>
  /** What holds for attributes that are left out; of nodes that a rewriting has made it says nothing. */
  readonly schema?: AttributeSchema
}

/** An attribute that is written. */
export interface WrittenAttribute {
  readonly kind: AttributeKind
  readonly value: unknown
}

/** What rewriting a node for an older operator set needs to know and may add. */
export interface Surroundings {
  /** The number of axes of a value, as far as it is known. */
  rank(value: Value | undefined): number | undefined
  /** The type of a value, as far as it is known. */
  typeOf(value: Value | undefined): ValueType | undefined
  dtype(value: Value | undefined): DType | undefined
  /** The sizes of a value that do not depend on free ones, as far as they are known. */
  sizes(value: Value | undefined): readonly (number | undefined)[] | undefined
  /** The same for values of one shape, if their shapes are known; sizes that are free by their names. */
  shapeName(value: Value | undefined): string | undefined
  /** Elements of a value that are known without running anything. */
  known(value: Value | undefined): HostTensor | undefined
  constant(stem: string, tensor: HostTensor): Value
  /** A new value, of the rank and type of another if that is given. */
  value(stem: string, like?: Value, dtype?: DType): Value
  /** Learns the types of the outputs of a node that a rewriting has made. */
  note(node: WrittenNode): void
}

/** Nodes that mean the same in an operator set; nothing if the node itself will do, which may have been changed. */
export type Rewrite = (node: WrittenNode, opset: number, around: Surroundings) => readonly WrittenNode[] | undefined

/** A node of ai.onnx. */
export function plain(
  type: string,
  inputs: (Value | undefined)[],
  outputs: (Value | undefined)[],
  attributes: Readonly<Record<string, WrittenAttribute>> = {},
): WrittenNode {
  return { domain: '', type, inputs, outputs, attributes: new Map(Object.entries(attributes)) }
}

/** A Cast to a type. */
export function castNode(from: Value, to: Value, dtype: DType): WrittenNode {
  // Infinities of the types that have them stay infinite.
  const exact = { saturate: { kind: 'int', value: 0 } } as const
  return plain('Cast', [from], [to], {
    to: { kind: 'int', value: dtypeToOnnx(dtype) },
    ...(dtype.startsWith('float8') ? exact : {}),
  })
}

/** @throws LanewiseError `E_UNSUPPORTED`, always. */
export function cannot(opset: number, why: string, given?: string): never {
  throw new LanewiseError('E_UNSUPPORTED', `operator set ${opset} cannot say this: ${why}`, { opset, actual: given })
}
