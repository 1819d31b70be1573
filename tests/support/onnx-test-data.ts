import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { dtypeFromOnnx, type DType } from '../../src/core/dtype.js'
import type { HostMap, HostOptional, HostSequence, HostTensor, HostValue } from '../../src/core/host.js'
import { toNumbers } from '../../src/core/host.js'
import {
  ValueKind,
  type GraphProto,
  type MapProto,
  type OptionalProto,
  type SequenceProto,
  type TypeProto,
} from '../../src/onnx/schema/onnx.js'
import { decodeTensor } from '../../src/onnx/tensor-proto.js'
import { readMapProto, readOptionalProto, readSequenceProto, readTensorProto } from '../../src/onnx/wire.js'

/** The element type of a value, through sequences, optionals and maps. */
function leafType(type: TypeProto | undefined): DType {
  const code = type?.tensorType?.elemType ?? type?.sparseTensorType?.elemType
  if (code !== undefined) return dtypeFromOnnx(code) ?? 'float32'
  const inner = type?.sequenceType?.elemType ?? type?.optionalType?.elemType ?? type?.mapType?.valueType
  return inner === undefined ? 'float32' : leafType(inner)
}

function sequenceValue(proto: SequenceProto, dtype: DType): HostSequence {
  const items: HostValue[] = [
    ...proto.tensorValues.map((tensor) => decodeTensor(tensor)),
    ...proto.sequenceValues.map((sequence) => sequenceValue(sequence, dtype)),
    ...proto.mapValues.map(mapValue),
    ...proto.optionalValues.map((optional) => optionalValue(optional, dtype)),
  ]
  return { kind: 'sequence', dtype, items }
}

function optionalValue(proto: OptionalProto, dtype: DType): HostOptional {
  const { tensorValue, sequenceValue: sequence } = proto
  if (tensorValue !== undefined) return { kind: 'optional', value: decodeTensor(tensorValue) }
  if (sequence !== undefined) return { kind: 'optional', value: sequenceValue(sequence, dtype) }
  if (proto.elemType !== ValueKind.UNDEFINED) throw new Error(`optional of kind ${proto.elemType} without a value`)
  return { kind: 'optional', value: null }
}

function mapValue(proto: MapProto): HostMap {
  const keys =
    proto.stringKeys.length > 0 ? proto.stringKeys.map((key) => new TextDecoder().decode(key)) : [...proto.keys]
  const values = (proto.values?.tensorValues ?? []).map((tensor) => {
    const value: HostTensor = decodeTensor(tensor)
    return value.dtype === 'string' || value.dtype.startsWith('float')
      ? (value.data[0] as string | number)
      : toNumbers(value)[0]
  })
  return { kind: 'map', entries: new Map(keys.map((key, i) => [key, values[i]])) }
}

/** A value of ONNX's test data; what kind of message it is only the model's declaration says. */
function decodeTestValue(bytes: Uint8Array, type: TypeProto | undefined): HostValue {
  if (type?.sequenceType !== undefined) return sequenceValue(readSequenceProto(bytes), leafType(type))
  if (type?.optionalType !== undefined) return optionalValue(readOptionalProto(bytes), leafType(type))
  if (type?.mapType !== undefined) return mapValue(readMapProto(bytes))
  return decodeTensor(readTensorProto(bytes))
}

export interface TestDataSet {
  folder: string
  /** By the graph's names, in its order; an input without a file is left out. */
  inputs: Map<string, HostValue>
  outputs: Map<string, HostValue>
}

/** Every `test_data_set_N` beside a model. */
export function readTestData(modelFolder: string, graph: GraphProto): TestDataSet[] {
  const folders = readdirSync(modelFolder).filter((name) => /^test_data_set_\d+$/.test(name))
  folders.sort((a, b) => Number(a.slice(14)) - Number(b.slice(14)))
  const initialized = new Set(graph.initializer.map((tensor) => tensor.name))
  const real = graph.input.filter((input) => !initialized.has(input.name))
  return folders.map((name) => {
    const folder = join(modelFolder, name)
    const load = (side: 'input' | 'output', declared: GraphProto['input']): Map<string, HostValue> => {
      const values = new Map<string, HostValue>()
      for (const [i, info] of declared.entries()) {
        const file = join(folder, `${side}_${i}.pb`)
        if (existsSync(file)) values.set(info.name, decodeTestValue(readFileSync(file), info.type))
      }
      return values
    }
    // Old models declare initializers as inputs too; data exist for the others, or for all.
    const inputFiles = readdirSync(folder).filter((file) => file.startsWith('input_')).length
    const inputs = load('input', inputFiles > real.length ? graph.input : real)
    return { folder, inputs, outputs: load('output', graph.output) }
  })
}
