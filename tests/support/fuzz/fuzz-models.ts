import { hostFrom, hostTensor } from '../../../src/core/host.js'
import { AttributeType } from '../../../src/onnx/schema/onnx.js'
import type { ModelProto } from '../../../src/onnx/schema/onnx.js'
import type { Init } from '../../../src/onnx/schema/table.js'
import { encodeTensor } from '../../../src/onnx/tensor-proto.js'
import { writeModel } from '../../../src/onnx/wire.js'
import { ascii } from '../formats/wire-bytes.js'

const FLOAT = 1

function value(name: string, ...dims: (number | string)[]) {
  const dim = dims.map((size) => (typeof size === 'string' ? { dimParam: size } : { dimValue: size }))
  return { name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } }
}

function ints(name: string, ...list: number[]) {
  return { name, type: AttributeType.INTS, ints: BigInt64Array.from(list.map(BigInt)) }
}

function model(graph: Init<ModelProto>['graph'], rest: Init<ModelProto> = {}): Uint8Array {
  return writeModel({ irVersion: 10, opsetImport: [{ version: 21 }], graph: { name: 'g', ...graph }, ...rest })
}

/**
 * Small valid models that together use every kind of message, tensor encoding and graph structure; fuzzing starts from
 * them.
 */
export function fuzzModels(): Uint8Array[] {
  const ramp = (n: number): number[] => Array.from({ length: n }, (_, i) => (i % 7) - 3)

  const convolution = model({
    input: [value('x', 'N', 2, 5, 5)],
    output: [value('y', 'N', 3)],
    initializer: [
      encodeTensor('w', hostFrom('float32', [3, 2, 3, 3], ramp(54))),
      { name: 'b', dataType: FLOAT, dims: [3], floatData: Float32Array.of(1, 2, 3) },
    ],
    node: [
      {
        opType: 'Conv',
        name: 'conv',
        input: ['x', 'w', 'b'],
        output: ['c'],
        attribute: [ints('pads', 1, 1, 1, 1), ints('strides', 2, 2)],
      },
      { opType: 'Relu', input: ['c'], output: ['r'] },
      { opType: 'GlobalAveragePool', input: ['r'], output: ['p'] },
      { opType: 'Flatten', input: ['p'], output: ['y'], attribute: [{ name: 'axis', type: AttributeType.INT, i: 1n }] },
    ],
  })

  const encodings = model({
    input: [value('x', 2)],
    output: [value('y', 2)],
    node: [{ opType: 'Identity', input: ['x'], output: ['y'] }],
    initializer: [
      { name: 'i32', dataType: 6, dims: [2], int32Data: Int32Array.of(-1, 2) },
      { name: 'i64', dataType: 7, dims: [2], int64Data: BigInt64Array.of(-1n, 2n ** 62n) },
      { name: 'f64', dataType: 11, dims: [1, 2], doubleData: Float64Array.of(1, 2) },
      { name: 'u32', dataType: 12, dims: [2], uint64Data: BigUint64Array.of(1n, 2n) },
      { name: 'f16', dataType: 10, dims: [2], int32Data: Int32Array.of(0x3c00, 0x4000) },
      { name: 'i4', dataType: 22, dims: [3], int32Data: Int32Array.of(0x21, 3) },
      encodeTensor('u2', hostTensor('uint2', [5], Uint8Array.of(0, 1, 2, 3, 0))),
      encodeTensor('bool', hostTensor('bool', [2], Uint8Array.of(0, 1))),
      encodeTensor('text', hostTensor('string', [2], ['größe', ''])),
      encodeTensor('empty', hostFrom('int8', [0, 3], [])),
      {
        name: 'ext',
        dataType: FLOAT,
        dims: [2],
        dataLocation: 1,
        externalData: [
          { key: 'location', value: 'w.bin' },
          { key: 'offset', value: '8' },
        ],
      },
    ],
    sparseInitializer: [
      {
        dims: [2, 3],
        values: encodeTensor('sp', hostFrom('float32', [2], [5, 7])),
        indices: encodeTensor('i', hostFrom('int64', [2], [1, 5])),
      },
    ],
    quantizationAnnotation: [{ tensorName: 'x', quantParameterTensorNames: [{ key: 'SCALE_TENSOR', value: 'f64' }] }],
  })

  const branch = (name: string, opType: string) => ({
    name,
    output: [value(`${name}_out`, 2)],
    node: [{ opType, input: ['x'], output: [`${name}_out`] }],
  })
  const control = model({
    input: [{ name: 'cond', type: { tensorType: { elemType: 9, shape: { dim: [] } } } }, value('x', 2)],
    output: [value('y', 2), value('z', 2)],
    initializer: [encodeTensor('trips', hostFrom('int64', [], [3])), encodeTensor('yes', hostFrom('bool', [], [1]))],
    node: [
      {
        opType: 'If',
        input: ['cond'],
        output: ['y'],
        attribute: [
          { name: 'then_branch', type: AttributeType.GRAPH, g: branch('t', 'Neg') },
          { name: 'else_branch', type: AttributeType.GRAPH, g: branch('e', 'Abs') },
        ],
      },
      {
        opType: 'Loop',
        input: ['trips', 'yes', 'y'],
        output: ['z'],
        attribute: [
          {
            name: 'body',
            type: AttributeType.GRAPH,
            g: {
              name: 'body',
              input: [
                { name: 'i', type: { tensorType: { elemType: 7 } } },
                { name: 'go', type: { tensorType: { elemType: 9 } } },
                value('carried', 2),
              ],
              output: [{ name: 'go_on', type: { tensorType: { elemType: 9 } } }, value('next', 2)],
              node: [
                { opType: 'Identity', input: ['go'], output: ['go_on'] },
                { opType: 'Add', input: ['carried', 'x'], output: ['next'] },
              ],
            },
          },
        ],
      },
    ],
  })

  const functions = model(
    {
      input: [value('x', 2, 3)],
      output: [value('y', 2, 3)],
      node: [
        {
          opType: 'Twice',
          domain: 'local',
          input: ['x'],
          output: ['y'],
          attribute: [{ name: 'alpha', type: AttributeType.FLOAT, f: 0.5 }],
        },
      ],
    },
    {
      opsetImport: [{ version: 21 }, { domain: 'local', version: 1 }],
      metadataProps: [{ key: 'author', value: 'tests' }],
      functions: [
        {
          name: 'Twice',
          domain: 'local',
          input: ['a'],
          output: ['b'],
          attribute: ['alpha'],
          opsetImport: [{ version: 21 }],
          node: [
            {
              opType: 'LeakyRelu',
              input: ['a'],
              output: ['l'],
              attribute: [{ name: 'alpha', type: AttributeType.FLOAT, refAttrName: 'alpha' }],
            },
            { opType: 'Add', input: ['a', 'l'], output: ['b'] },
          ],
        },
      ],
    },
  )

  const shapes = model({
    input: [value('x', 'N', 4)],
    output: [value('y')],
    initializer: [
      encodeTensor('shape', hostFrom('int64', [2], [2, -1])),
      encodeTensor('zero', hostFrom('int64', [1], [0])),
      encodeTensor('three', hostFrom('int64', [1], [3])),
      encodeTensor('big', hostFrom('int64', [2], [4, 5])),
    ],
    node: [
      { opType: 'Reshape', input: ['x', 'shape'], output: ['r'] },
      { opType: 'Slice', input: ['r', 'zero', 'three', 'zero'], output: ['s'] },
      {
        opType: 'ConstantOfShape',
        input: ['big'],
        output: ['c'],
        attribute: [{ name: 'value', type: AttributeType.TENSOR, t: encodeTensor('', hostFrom('float32', [1], [1])) }],
      },
      {
        opType: 'Constant',
        output: ['k'],
        attribute: [{ name: 'value_floats', type: AttributeType.FLOATS, floats: Float32Array.of(1, 2) }],
      },
      { opType: 'MatMul', input: ['s', 'c'], output: ['m'] },
      { opType: 'Cast', input: ['m'], output: ['y'], attribute: [{ name: 'to', type: AttributeType.INT, i: 1n }] },
    ],
  })

  const sequences = model({
    input: [
      { name: 's', type: { sequenceType: { elemType: { tensorType: { elemType: FLOAT } } } } },
      { name: 'o', type: { optionalType: { elemType: { tensorType: { elemType: FLOAT } } } } },
      { name: 'm', type: { mapType: { keyType: 7, valueType: { tensorType: { elemType: FLOAT } } } } },
    ],
    output: [value('y')],
    node: [
      { opType: 'OptionalGetElement', input: ['o'], output: ['e'] },
      { opType: 'SequenceInsert', input: ['s', 'e'], output: ['t'] },
      {
        opType: 'ConcatFromSequence',
        input: ['t'],
        output: ['y'],
        attribute: [
          { name: 'axis', type: AttributeType.INT, i: 0n },
          { name: 'words', type: AttributeType.STRINGS, strings: [ascii('a'), ascii('b')] },
          {
            name: 'tp',
            type: AttributeType.TYPE_PROTO,
            tp: { tensorType: { elemType: FLOAT, shape: { dim: [{ dimValue: 2 }] } } },
          },
        ],
      },
    ],
  })

  return [convolution, encodings, control, functions, shapes, sequences]
}
