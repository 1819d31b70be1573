import type { RandomGraph, RandomNode, RandomValue } from './random-graph.js'

interface Known {
  readonly what: 'differs' | 'refused'
  readonly why: string
  test(node: RandomNode, inputs: readonly (RandomValue | undefined)[], outputs: readonly RandomValue[]): boolean
}

/** Where onnxruntime-web 1.30 does not do what the operators' specification says; the float64 references do. */
const known: readonly Known[] = [
  {
    what: 'differs',
    why: 'a product over an empty axis forgets beta',
    test: ({ op, attributes }, [a]) =>
      op === 'Gemm' && attributes.beta !== undefined && a!.shape[attributes.transA ? 0 : 1] === 0,
  },
  {
    what: 'refused',
    why: 'a product over, or of, an empty axis is not taken where stacks broadcast or a bias follows',
    test: ({ op }, [a, b]) => op === 'MatMul' && (a!.shape.includes(0) || b!.shape.includes(0)),
  },
  {
    what: 'differs',
    why: 'its optimiser makes one pair of two pairs of quantisation with other scales',
    test: (node, [x]) => node.op === 'QuantizeLinear' && x!.tensor === undefined,
  },
  {
    what: 'refused',
    why: 'its shape inference counts a window that begins in the padding',
    test: ({ op, attributes }) => op.endsWith('Pool') && attributes.ceil_mode === 1,
  },
  {
    what: 'differs',
    why: 'a product over an empty axis is whatever lay in memory',
    test: ({ op }, [a]) => op === 'MatMul' && a!.shape[a!.shape.length - 1] === 0,
  },
  {
    what: 'refused',
    why: 'its optimiser moves nodes through it and forgets the type of the zero point',
    test: ({ op }, [x]) => op === 'DequantizeLinear' && x!.dtype === 'int8',
  },
  {
    what: 'differs',
    why: 'SAME padding cuts pixels off where the stride is larger than the window',
    test: ({ op, attributes }, [x, w]) =>
      /Pool$|^Conv$/.test(op) &&
      String(attributes.auto_pad).startsWith('SAME') &&
      ((attributes.strides as number[] | undefined) ?? []).some(
        (stride, i) => stride > ((attributes.kernel_shape as number[] | undefined) ?? w?.shape.slice(2) ?? x!.shape)[i],
      ),
  },
  {
    what: 'refused',
    why: 'only images of two spatial axes are taken',
    test: ({ op }, [x]) => op === 'LRN' && x!.shape.length !== 4,
  },
]

/**
 * Why onnxruntime-web may refuse a graph, or differ in a value that comes from these nodes; undefined if no reason is
 * known.
 */
export function wrongInOrt(
  { values }: RandomGraph,
  nodes: readonly RandomNode[],
  what: Known['what'],
): string | undefined {
  for (const node of nodes) {
    const inputs = node.inputs.map((id) => (id === undefined ? undefined : values[id]))
    const outputs = node.outputs.map((id) => values[id])
    const found = known.find((entry) => entry.what === what && entry.test(node, inputs, outputs))
    if (found) return `${node.op}: ${found.why}`
  }
  return undefined
}
