// Names of onnxruntime-common's types that mean something only there: code that mentions them compiles.
import type { ExternalFileSource } from './session-options.js'
import type { Tensor } from './tensor.js'
import type { GlobalType } from './tensor-types.js'

/** What a run of onnxruntime takes and gives; this library's own may be more: `ModelValue`. */
export type OnnxValue = Tensor
/** A value that is no tensor: sequences, maps, optionals. */
export type NonTensorType = never
/** Where the elements of a value lie. */
export type OnnxValueDataLocation = Tensor.DataLocation
/** A file of external data, in the forms that onnxruntime takes. */
export type ExternalDataFileType = ExternalFileSource
/** Where the external data of a model are. */
export type OnnxModelOptions = {
  /** The files that hold the model's external tensors. */
  externalData?: readonly ExternalFileSource[]
}

/**
 * Any of onnxruntime's execution providers, and any other word: they are accepted and ignored, everything runs on the
 * CPU.
 */
export interface ProviderOption {
  /** Which provider is meant, e.g. "wasm". */
  readonly name: string
}

interface Options<Name extends string> extends ProviderOption {
  /** Which provider these options are for. */
  readonly name: Name
}

interface Device<Name extends string> extends Options<Name> {
  /** The number of a GPU; ignored. */
  deviceId?: number
}

/** Options of execution providers by their names, as onnxruntime has them. */
export interface ProviderOptionMap {
  coreml: Options<'coreml'> & {
    coreMlFlags?: number
    useCPUOnly?: boolean
    useCPUAndGPU?: boolean
    enableOnSubgraph?: boolean
    onlyEnableDeviceWithANE?: boolean
  }
  cpu: Options<'cpu'> & { useArena?: boolean }
  cuda: Device<'cuda'>
  dml: Device<'dml'>
  nnapi: Options<'nnapi'> & { useFP16?: boolean; useNCHW?: boolean; cpuDisabled?: boolean; cpuOnly?: boolean }
  tensorrt: Device<'tensorrt'>
  wasm: Options<'wasm'>
  webgl: Options<'webgl'>
  webgpu: Options<'webgpu'> & {
    preferredLayout?: 'NCHW' | 'NHWC'
    forceCpuNodeNames?: readonly string[]
    validationMode?: 'disabled' | 'wgpuOnly' | 'basic' | 'full'
    enableRobustness?: boolean
    storageBufferCacheMode?: BufferCacheMode
    uniformBufferCacheMode?: BufferCacheMode
    queryResolveBufferCacheMode?: BufferCacheMode
    defaultBufferCacheMode?: BufferCacheMode
    device?: GlobalType<'GPUDevice'>
  }
  webnn: Options<'webnn'> & {
    deviceType?: 'cpu' | 'gpu' | 'npu'
    numThreads?: number
    powerPreference?: 'default' | 'low-power' | 'high-performance'
    context?: GlobalType<'MLContext'>
    gpuDevice?: GlobalType<'GPUDevice'>
  }
  qnn: Options<'qnn'> & { backendType?: string; backendPath?: string; enableFp16Precision?: boolean }
  xnnpack: Options<'xnnpack'>
}

type BufferCacheMode = 'disabled' | 'lazyRelease' | 'simple' | 'bucket'

/** The name of an execution provider. */
export type ProviderName = keyof ProviderOptionMap
/** An execution provider, by its name or with its options. */
export type ProviderConfig = ProviderOptionMap[ProviderName] | ProviderOption | (string & {})
