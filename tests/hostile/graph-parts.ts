// Parts of graphs that are well-formed protobuf, and models of them.
import { expect } from 'vitest'
import { InferenceSession, LanewiseError, type ErrorCode, type SessionOptions } from '../../src/node.js'
import {
  AttributeType,
  type AttributeProto,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type ValueInfoProto,
} from '../../src/onnx/schema/onnx.js'
import { encodeTensor } from '../../src/onnx/tensor-proto.js'
import { hostFrom } from '../../src/core/host.js'
import { writeModel } from '../../src/onnx/wire.js'

type Partial2<T> = {
  [K in keyof T]?: T[K] extends readonly (infer U)[]
    ? readonly (U extends object ? Partial2<U> : U)[]
    : T[K] extends object | undefined
      ? Partial2<T[K]>
      : T[K]
}
export type Some<T> = Partial2<T>

export const FLOAT = 1
export const INT64 = 7
export const BOOL = 9
export const value = (name: string, elemType = FLOAT, dims: readonly number[] = [2]): Some<ValueInfoProto> => ({
  name,
  type: { tensorType: { elemType, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
})
export const node = (
  opType: string,
  input: readonly string[],
  output: readonly string[],
  more: Some<NodeProto> = {},
): Some<NodeProto> => ({ opType, input, output, ...more })
export const body = (name: string, g: Some<GraphProto>): Some<AttributeProto> => ({
  name,
  type: AttributeType.GRAPH,
  g: { name: 'body', ...g },
})
export const int = (name: string, i: bigint): Some<AttributeProto> => ({ name, type: AttributeType.INT, i })
export const call = (name: string, input: readonly string[], output: readonly string[]): Some<NodeProto> =>
  node(name, input, output, { domain: 'local' })
export const local = (
  name: string,
  nodes: readonly Some<NodeProto>[],
  more: Some<FunctionProto> = {},
): Some<FunctionProto> => ({
  name,
  domain: 'local',
  input: ['a'],
  output: ['b'],
  opsetImport: [{ version: 21 }, { domain: 'local', version: 1 }],
  node: nodes,
  ...more,
})

export function model(graph: Some<GraphProto>, more: Some<ModelProto> = {}): Uint8Array {
  return writeModel({
    irVersion: 10,
    opsetImport: [{ version: 21 }, { domain: 'local', version: 1 }],
    graph: { name: 'g', input: [value('x')], output: [value('y')], ...graph },
    ...more,
  } as Parameters<typeof writeModel>[0])
}

export async function refused(code: ErrorCode, file: Uint8Array, options?: SessionOptions): Promise<LanewiseError> {
  const error: unknown = await InferenceSession.create(file, options).then(
    () => 'no error',
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(LanewiseError)
  expect(error).toMatchObject({ code })
  return error as LanewiseError
}

export const w = encodeTensor('w', hostFrom('float32', [2], [1, 2]))
export const chosen = (...nodes: readonly Some<NodeProto>[]) => [
  body('then_branch', { output: [value('t')], node: nodes }),
  body('else_branch', { output: [value('e')], node: [node('Identity', ['x'], ['e'])] }),
]
export const condition = encodeTensor('c', hostFrom('bool', [], [1]))

export function chosenOf(given: string, ...nodes: readonly Some<NodeProto>[]): Some<AttributeProto>[] {
  return [
    body('then_branch', { output: [value('t')], node: nodes }),
    body('else_branch', { output: [value('e')], node: [node('Identity', [given], ['e'])] }),
  ]
}
