import { LanewiseError } from '../../../src/core/errors.js'
import { largerNumber } from '../../../src/ir/infer.js'
import { isBig, makeData, type DType } from '../../../src/core/dtype.js'
import type { HostTensor, HostValue } from '../../../src/core/host.js'
import { notFused, type Graph, type Value } from '../../../src/ir/graph.js'
import { exportModel } from '../../../src/onnx/export-any.js'
import { registerAllOps } from '../../../src/api/register-all.js'
import { parseAttributes, toRaw, type RawAttributes } from '../../../src/ir/attributes.js'
import { findOp } from '../../../src/ir/registry.js'
import { sizeOf } from '../../../src/core/shape.js'
import type { Case, Spec } from '../../ops/case.js'
import { randomTensor, seeded } from '../random.js'

registerAllOps()

/** The inputs of a case: the same on every machine, from the case's name. */
export function inputsOf(test: Case): (HostTensor | undefined)[] {
  let seed = 1
  for (const char of test.op + test.name) seed = (Math.imul(seed, 31) + char.charCodeAt(0)) >>> 0
  const random = seeded(seed)
  return test.inputs.map((spec) => spec && makeInput(spec, random))
}

function makeInput(spec: Spec, random: () => number): HostTensor {
  if (!spec.values) return randomTensor(random, spec.dtype, spec.shape, spec.low ?? -1, spec.high ?? 1)
  const data = makeData(spec.dtype, sizeOf(spec.shape)) as { [i: number]: unknown }
  spec.values.forEach((value: number | string, i: number) => (data[i] = isBig(spec.dtype) ? BigInt(value) : value))
  return { dtype: spec.dtype, shape: spec.shape, data: data as unknown as HostTensor['data'] }
}

/**
 * A case as an ONNX file of one node, and the values to feed it. The case must be one of the newest operator set.
 *
 * @param sizes - leave the sizes of the inputs open, or even say nothing of their shapes.
 */
export function caseModel(
  row: Case,
  { sizes = 'fixed' }: { sizes?: 'fixed' | 'open' | 'unknown' } = {},
): { bytes: Uint8Array; feeds: Map<string, HostValue> } {
  const op = findOp(row.domain ?? '', row.op)!
  const raw: RawAttributes = new Map()
  for (const [name, value] of Object.entries(row.attributes ?? {}))
    raw.set(name, toRaw(op.attributes[name].kind, value))
  const feeds = new Map<string, HostValue>()
  const inputs = inputsOf(row).map((tensor, i): Value | undefined => {
    if (!tensor) return undefined
    const name = `x${i}`
    if (row.inputs[i]!.constant) return { name, constant: tensor }
    feeds.set(name, tensor)
    const shape = { fixed: tensor.shape, open: tensor.shape.map((_, axis) => `${name}_${axis}`), unknown: undefined }[
      sizes
    ]
    return { name, declared: { kind: 'tensor', dtype: tensor.dtype, shape } }
  })
  const outputs = Array.from({ length: row.outputs ?? 1 }, (_, i): Value => ({ name: `y${i}` }))
  const node = { op, name: row.op, attributes: parseAttributes(op.attributes, raw), inputs, outputs, fused: notFused }
  const graph: Graph = {
    name: 'case',
    inputs: inputs.filter((value) => value && !value.constant) as Value[],
    outputs,
    nodes: [node],
  }
  return { bytes: exportModel(graph), feeds }
}

/**
 * Those of the newest operator set of some cases as files: all but what is taken here though no set has it (a type more
 * than ONNX allows).
 */
export function caseModels(
  rows: readonly Case[],
  sizes: (i: number) => 'fixed' | 'open' | 'unknown',
): ReturnType<typeof caseModel>[] {
  return rows
    .filter((row) => row.opset === undefined)
    .flatMap((row, i) => {
      try {
        return [caseModel(row, { sizes: sizes(i) })]
      } catch (error) {
        if (error instanceof LanewiseError && error.code === 'E_UNSUPPORTED') return []
        throw error
      }
    })
}

/** The dtypes of a case's outputs; undefined where they are not known before it runs. */
export function outputTypes(row: Case): DType[] | undefined {
  const op = findOp(row.domain ?? '', row.op)!
  const raw: RawAttributes = new Map()
  for (const [name, value] of Object.entries(row.attributes ?? {}))
    raw.set(name, toRaw(op.attributes[name].kind, value))
  const inputs = inputsOf(row)
  const known = (i: number) => inputs[i]
  const outputCount = row.outputs ?? 1
  return op
    .infer?.({
      attributes: parseAttributes(op.attributes, raw),
      inputs,
      outputCount,
      known,
      value: known,
      atLeast: (i, least) => largerNumber(inputs[i]!, least),
    })
    .slice(0, outputCount)
    .map(({ dtype }) => dtype)
}
