/**
 * Training with Lanewise: tensors on a device, modules, losses, optimisers, data, and `fit`, in Node and in browsers.
 * What was trained is exported as ONNX and runs wherever "lanewise" does.
 *
 * @example
 * import { Adam, DataLoader, Device, fit, Flatten, generateDigits, Linear, Sequential } from 'lanewise/train'
 *
 * await Device.create({ seed: 1 })
 * const model = new Sequential(new Flatten(), new Linear(784, 10))
 * const data = new DataLoader(generateDigits(500, 1), { batchSize: 50 })
 * const { steps } = await fit(model, data, { optimizer: new Adam(model.parameters()), epochs: 1 })
 * console.log(steps) // 10
 * @module lanewise/train
 * @packageDocumentation
 */
import './train-node.js'

export { grad } from './autograd/gradients.js'
export { Device } from './autograd/device.js'
export type { DeviceOptions } from './autograd/device-options.js'
export type { NonFinite } from './autograd/backward.js'
export type { NestedList } from './autograd/from-javascript.js'
export { Parameter, Variable, type BackwardOptions, type ParameterOptions } from './autograd/variable.js'
export * from './data/index.js'
export { LanewiseError, type ErrorCode, type ErrorDetails } from './core/errors.js'
export * from './nn/activation.js'
export * as arithmetic from './nn/arithmetic.js'
export * from './nn/attention.js'
export * from './nn/attention-lstm.js'
export { AttentionCache, KeyValueCache, positionsOf } from './nn/attention-cache.js'
export { checkpoint } from './nn/checkpoint.js'
export { compressWeights, weightsOf, type WeightFormat } from './nn/compress.js'
export * from './nn/containers.js'
export * from './nn/conv.js'
export { toDecoderGraph, type DecoderGraphOptions, type DecoderModel } from './nn/decoder.js'
export { toGraph, type InputSpec, type ToGraphOptions } from './nn/export.js'
export * as F from './nn/functional.js'
export { GraphModule, GraphWithHead } from './nn/graph-module.js'
export * from './nn/image.js'
export * as init from './nn/init.js'
export type { Initializer } from './nn/init.js'
export * from './nn/linear.js'
export * from './nn/locally-connected.js'
export * from './nn/losses/losses.js'
export * from './nn/losses/ctc.js'
export * from './nn/losses/distance.js'
export { Module, Sequential, type ForwardHook, type ForwardPreHook, type Layer, type Predicted } from './nn/module.js'
export * from './nn/norm.js'
export * from './nn/pool.js'
export * from './nn/recurrent.js'
export { summary, summaryRows } from './nn/summary.js'
export * from './nn/transformer.js'
export { exportModel } from './onnx/export.js'
export type { ExportOptions } from './onnx/export-options.js'
export * from './optim/find-rate.js'
export * from './optim/methods.js'
export * from './optim/moments.js'
export { Muon, type MuonOptions } from './optim/muon.js'
export {
  clipGradNorm,
  clipGradValue,
  gradNorm,
  Optimizer,
  type OptimizerState,
  type ParameterGroup,
} from './optim/optimizer.js'
export * from './optim/plateau.js'
export * from './optim/schedules.js'
export { Tensor } from './api/tensor.js'
export * from './text/index.js'
export * from './train/index.js'
