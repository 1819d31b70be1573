import { byteSize } from '../../src/core/dtype.js'
import { LanewiseError } from '../../src/core/errors.js'
import { hostTensor, isHostTensor, type HostTensor, type HostValue } from '../../src/core/host.js'
import { InferenceSession, Tensor, type ModelValue, type SessionOptions } from '../../src/node.js'
import { toHost } from '../../src/api/tensor.js'
import { publishValue } from '../../src/api/value.js'

/** A loaded model of some engine. */
export interface LoadedModel {
  run(feeds: ReadonlyMap<string, HostValue>): Promise<Map<string, HostValue>>
  release(): Promise<void>
}

export interface Engine {
  readonly name: string
  /** `path`: where the bytes are from, for external data. */
  load(bytes: Uint8Array, path?: string): Promise<LoadedModel>
  /** The operators an error says are missing; undefined if it is about something else. */
  unsupported(error: unknown): string | undefined
}

function fromUser(value: ModelValue, name: string): HostValue {
  if (value instanceof Tensor) return toHost(value, name)
  if (value === null) return { kind: 'optional', value: null }
  if (Array.isArray(value)) {
    const items = value.map((item: ModelValue) => fromUser(item, name))
    const first = items[0]
    return { kind: 'sequence', dtype: first && 'dtype' in first ? first.dtype : 'float32', items }
  }
  return { kind: 'map', entries: value as ReadonlyMap<string, number> }
}

/** Lanewise as a user sees it: through the session of the Node entry point. */
export function lanewise(options: SessionOptions = {}): Engine {
  return {
    name: `lanewise (${options.build ?? 'auto'})`,
    async load(bytes, path) {
      const session = await (path === undefined
        ? InferenceSession.create(bytes, options)
        : InferenceSession.create(path, options))
      return {
        async run(feeds) {
          const given = Object.fromEntries([...feeds].map(([name, value]) => [name, publishValue(value)]))
          const results = await session.run(given)
          return new Map(Object.entries(results).map(([name, value]) => [name, fromUser(value as ModelValue, name)]))
        },
        release: () => session.release(),
      }
    },
    unsupported: (error) =>
      error instanceof LanewiseError && error.code === 'E_UNSUPPORTED' ? error.message : undefined,
  }
}

/**
 * onnxruntime-web's WebAssembly backend on one thread; `asWritten`: every node by itself, nothing fused, in floating
 * point where the model says so.
 */
export async function onnxruntimeWeb({ asWritten = false } = {}): Promise<Engine> {
  const ort = await import('onnxruntime-web')
  ort.env.wasm.numThreads = 1
  ort.env.logLevel = 'fatal'
  const toOrt = (value: HostValue): InstanceType<typeof ort.Tensor> => {
    if (!isHostTensor(value)) throw new Error('onnxruntime-web takes tensors only')
    return new ort.Tensor(value.dtype as 'float32', value.data as Float32Array, [...value.shape])
  }
  const fromOrt = (tensor: InstanceType<typeof ort.Tensor>): HostTensor => {
    let { data } = tensor as { data: ArrayLike<number> & Partial<ArrayBufferView> }
    const dtype = tensor.type as HostTensor['dtype']
    // Newer engines have a Float16Array, and onnxruntime-web uses it.
    if (dtype === 'float16' && !(data instanceof Uint16Array))
      data = new Uint16Array(data.buffer!, data.byteOffset, data.length)
    return byteSize(dtype)
      ? hostTensor(dtype, tensor.dims, data as Uint16Array)
      : { dtype, shape: tensor.dims, data: data as unknown as string[] }
  }
  return {
    name: `onnxruntime-web ${ort.env.versions.web}`,
    async load(bytes) {
      const session = await ort.InferenceSession.create(bytes, {
        executionProviders: ['wasm'],
        logSeverityLevel: 4,
        graphOptimizationLevel: asWritten ? 'disabled' : 'all',
      })
      return {
        async run(feeds) {
          const given = Object.fromEntries([...feeds].map(([name, value]) => [name, toOrt(value)]))
          const results = await session.run(given)
          return new Map(Object.entries(results).map(([name, value]) => [name, fromOrt(value)]))
        },
        release: () => session.release(),
      }
    },
    unsupported: (error) => {
      const message = String((error as Error)?.message ?? error)
      return /NOT_IMPLEMENTED|not a registered|takes tensors only|Unsupported|unsupported/.test(message)
        ? message
        : undefined
    },
  }
}
