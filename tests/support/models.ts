import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { dtypeFromOnnx, isFloat } from '../../src/core/dtype.js'
import { isHostTensor, type HostTensor } from '../../src/core/host.js'
import type { ModelProto } from '../../src/onnx/schema/onnx.js'
import { decodeTensor } from '../../src/onnx/tensor-proto.js'
import { readModel } from '../../src/onnx/wire.js'
import { readReferenceRun } from './formats/npz.js'
import { readTestData } from './onnx-test-data.js'
import { randomTensor, seeded } from './random.js'

/** One run of a model by somebody else. */
export interface ReferenceRun {
  readonly from: string
  readonly inputs: ReadonlyMap<string, HostTensor>
  readonly outputs: ReadonlyMap<string, HostTensor>
}

export interface RealModel {
  /** "mnist-8/model". */
  readonly name: string
  readonly path: string
}

/** Every ONNX file below a folder. */
export function findModels(root: string): RealModel[] {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.onnx'))
  return files.sort().map((file) => ({ name: file.replace(/\.onnx$/, ''), path: join(root, file) }))
}

/** The runs recorded or published beside a model. */
export function referenceRuns({ path }: RealModel): ReferenceRun[] {
  const runs: ReferenceRun[] = []
  const recorded = path.replace(/\.onnx$/, '.ort_ref.npz')
  if (existsSync(recorded)) runs.push({ from: basename(recorded), ...readReferenceRun(recorded) })
  for (const { folder, inputs, outputs } of readTestData(dirname(path), readModel(readFileSync(path)).graph!)) {
    if (![...inputs.values(), ...outputs.values()].every(isHostTensor)) continue
    runs.push({
      from: basename(folder),
      inputs: inputs as Map<string, HostTensor>,
      outputs: outputs as Map<string, HostTensor>,
    })
  }
  return runs
}

/**
 * How far an output may be from a reference run beyond float's own error, by the node that makes it: one step of a
 * DequantizeLinear with one scale; and the resolution of onnxruntime's Sigmoid, which adds ½ to a rational function
 * (MlasComputeLogistic), so that what it calls 0 may be 3e-8.
 */
export function outputStep({ graph }: ModelProto, output: string): number {
  const node = graph!.node.find(({ output: outputs }) => outputs[0] === output)
  if (node?.opType === 'Sigmoid') return 2 ** -24
  if (node?.opType !== 'DequantizeLinear') return 0
  let [, name] = node.input
  const makers = new Map(graph!.node.map((other) => [other.output[0], other]))
  // Exporters share one scale among many nodes by Identity.
  for (let maker = makers.get(name); maker?.opType === 'Identity'; maker = makers.get(name)) name = maker.input[0]
  const constant = makers.get(name)?.attribute.find((attribute) => attribute.name === 'value')?.t
  const scale = graph!.initializer.find((tensor) => tensor.name === name) ?? constant
  return scale ? Math.max(...(decodeTensor(scale).data as Float32Array)) : 0
}

/** Seeded random inputs as a model declares them, open sizes being 1. */
export function randomFeeds({ graph }: ModelProto, seed: number): Map<string, HostTensor> {
  const random = seeded(seed)
  const weights = new Set(graph!.initializer.map(({ name }) => name))
  const fed = graph!.input.filter(({ name }) => !weights.has(name))
  return new Map(
    fed.map(({ name, type }) => {
      const { elemType, shape } = type!.tensorType!
      const dims = (shape?.dim ?? []).map(({ dimValue }) => Number(dimValue || 1))
      return [name, randomTensor(random, dtypeFromOnnx(elemType)!, dims, 0, 1)]
    }),
  )
}

/** Inputs like the recorded ones, but others: floats scaled by up to a half, integers as they are. */
export function otherInputs(inputs: ReadonlyMap<string, HostTensor>, seed: number): Map<string, HostTensor> {
  const random = seeded(seed)
  const changed = [...inputs].map(([name, tensor]): [string, HostTensor] => {
    if (!isFloat(tensor.dtype) || tensor.dtype === 'float16') return [name, tensor]
    return [name, { ...tensor, data: (tensor.data as Float32Array).map((value) => value * (0.5 + 0.5 * random())) }]
  })
  return new Map(changed)
}
