import type { HostTensor } from '../../src/core/host.js'
import type { Feeds } from '../work.js'
import type { Loaded, Peer } from './peer.js'

interface OrtTensor {
  readonly type: string
  readonly dims: readonly number[]
  readonly data: unknown
}

interface OrtMetadata {
  readonly name: string
  readonly type: string
  readonly shape: readonly (number | string)[]
}

/** What the bench uses of onnxruntime-common, which both packages share. */
export interface Ort {
  readonly env: {
    readonly wasm: { numThreads?: number; wasmPaths?: unknown }
    readonly versions: { readonly web?: string; readonly node?: string; readonly common: string }
    logLevel?: string
  }
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => OrtTensor
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options: object,
    ): Promise<{
      readonly inputMetadata: readonly OrtMetadata[]
      readonly outputMetadata: readonly OrtMetadata[]
      run(feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>>
      release(): Promise<void>
    }>
  }
}

/** The elements as this library holds them: newer engines hand float16 out as Float16Array. */
function bitsOf(type: string, data: Float32Array): Float32Array | Uint16Array {
  return type === 'float16' ? new Uint16Array(data.buffer, data.byteOffset, data.length) : data
}

function onnxruntime(ort: Ort, name: 'onnxruntime-web' | 'onnxruntime-node', version: string, options: object): Peer {
  const load = async (model: Uint8Array, inputs: readonly Feeds[], level = 'all'): Promise<Loaded> => {
    const session = await ort.InferenceSession.create(model, {
      ...options,
      logSeverityLevel: 4,
      graphOptimizationLevel: level,
    })
    const feeds = inputs.map((feed) =>
      Object.fromEntries(
        [...feed].map(([key, { dtype, data, shape }]) => [key, new ort.Tensor(dtype, data, [...shape])]),
      ),
    )
    return {
      run: (i) => session.run(feeds[i]),
      async outputs(i) {
        const results = Object.entries(await session.run(feeds[i]))
        return new Map(
          results.map(([key, { type, dims, data }]): [string, HostTensor] => {
            // A copy: onnxruntime-node's data are views of memory that it frees.
            const copy = bitsOf(type, data as Float32Array).slice()
            return [key, { dtype: type as HostTensor['dtype'], shape: dims, data: copy }]
          }),
        )
      },
      release: () => session.release(),
    }
  }
  return {
    name,
    version,
    load: ({ model, feeds }) => load(model, feeds),
    loadAsWritten: ({ model, feeds }) => load(model, feeds, 'disabled'),
    loadIdentity: ({ model, feeds }) => load(model, feeds),
  }
}

/** The WebAssembly backend. */
export function onnxruntimeWeb(ort: Ort, threads = 1): Peer {
  ort.env.wasm.numThreads = threads
  ort.env.logLevel = 'fatal'
  const { versions } = ort.env
  return onnxruntime(ort, 'onnxruntime-web', versions.web ?? versions.common, { executionProviders: ['wasm'] })
}

/** The native library. */
export function onnxruntimeNode(ort: Ort, threads = 1): Peer {
  ort.env.logLevel = 'fatal'
  const { versions } = ort.env
  return onnxruntime(ort, 'onnxruntime-node', versions.node ?? versions.common, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  })
}
