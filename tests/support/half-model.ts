import { dtypeToOnnx } from '../../src/core/dtype.js'
import type { HostTensor } from '../../src/core/host.js'
import { AttributeType } from '../../src/onnx/schema/onnx.js'
import type { AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto } from '../../src/onnx/schema/onnx.js'
import { decodeTensor, encodeTensor } from '../../src/onnx/tensor-proto.js'
import { readModel, writeModel } from '../../src/onnx/wire.js'
import { floatTensor } from '../../src/ops/shared/scalar-floats.js'

const [FLOAT, HALF] = [dtypeToOnnx('float32'), dtypeToOnnx('float16')]

/** A tensor rounded to float16. */
export function halved({ shape, data }: HostTensor): HostTensor {
  return floatTensor('float16', shape, data as Float32Array)
}

/** Inputs that stay float32 whatever a model computes in: scales and regions of Resize. */
const single: Readonly<Record<string, readonly number[]>> = { Resize: [1, 2], Upsample: [1] }

/** A float32 model in float16, as converters write it: weights, inputs, outputs and casts. */
export function withHalfFloats(model: ModelProto): ModelProto {
  const graph = model.graph!
  const kept = new Set(graph.node.flatMap(({ opType, input }) => (single[opType] ?? []).map((i) => input[i])))
  const half = (tensor: TensorProto): TensorProto =>
    tensor.dataType === FLOAT ? encodeTensor(tensor.name, halved(decodeTensor(tensor))) : tensor
  const info = (value: ValueInfoProto): ValueInfoProto => {
    const { type } = value
    return type?.tensorType?.elemType === FLOAT && !kept.has(value.name)
      ? { ...value, type: { ...type, tensorType: { ...type.tensorType, elemType: HALF } } }
      : value
  }
  const attribute = (given: AttributeProto): AttributeProto => ({
    ...given,
    t: given.t && half(given.t),
    i: given.name === 'to' && given.i === BigInt(FLOAT) ? BigInt(HALF) : given.i,
  })
  const node = (given: NodeProto): NodeProto =>
    kept.has(given.output[0]) ? given : { ...given, attribute: given.attribute.map(attribute) }
  return {
    ...model,
    graph: {
      ...graph,
      initializer: graph.initializer.map((tensor) => (kept.has(tensor.name) ? tensor : half(tensor))),
      node: graph.node.map(node),
      input: graph.input.map(info),
      output: graph.output.map(info),
      valueInfo: graph.valueInfo.map(info),
    },
  }
}

/** A float16 model with float32 inputs and outputs, as converters write it that keep them: a Cast at each. */
export function withSingleEnds(model: ModelProto): ModelProto {
  const graph = model.graph!
  const isHalf = ({ type }: ValueInfoProto) => type?.tensorType?.elemType === HALF
  const ends = [...graph.input, ...graph.output].filter(isHalf)
  const inner = (name: string) => (ends.some((end) => end.name === name) ? `${name}.half` : name)
  const cast = (from: string, to: string, type: number) => ({
    opType: 'Cast',
    name: `cast ${to}`,
    input: [from],
    output: [to],
    attribute: [{ name: 'to', type: AttributeType.INT, i: BigInt(type) }],
  })
  const single = (value: ValueInfoProto): ValueInfoProto =>
    isHalf(value)
      ? { ...value, type: { ...value.type!, tensorType: { ...value.type!.tensorType!, elemType: FLOAT } } }
      : value
  const nodes = graph.node.map((node) => ({ ...node, input: node.input.map(inner), output: node.output.map(inner) }))
  return readModel(
    writeModel({
      ...model,
      graph: {
        ...graph,
        input: graph.input.map(single),
        output: graph.output.map(single),
        valueInfo: [],
        node: [
          ...graph.input.filter(isHalf).map(({ name }) => cast(name, inner(name), HALF)),
          ...nodes,
          ...graph.output.filter(isHalf).map(({ name }) => cast(inner(name), name, FLOAT)),
        ],
      },
    }),
  )
}
