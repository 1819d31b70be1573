// onnxruntime-web, for a comparison: a chunk of its own that is loaded when somebody asks for it.
import * as ort from 'onnxruntime-web/wasm'
import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url'
import type { HostTensor } from '../../src/core/host.js'
import type { Tensor } from '../../src/api/tensor.js'

/** A model in onnxruntime-web, on one thread. */
export interface Peer {
  readonly version: string
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, HostTensor>>
  release(): Promise<void>
}

/** @throws Error as onnxruntime-web has it for a model that it does not take. */
export async function loadPeer(bytes: Uint8Array): Promise<Peer> {
  ort.env.wasm.wasmPaths = { wasm: new URL(wasm, location.href).href }
  ort.env.wasm.numThreads = 1
  ort.env.logLevel = 'error'
  const session = await ort.InferenceSession.create(bytes)
  return {
    version: ort.env.versions.web ?? '',
    async run(feeds) {
      const given = Object.entries(feeds).map(
        ([name, { type, data, dims }]) => [name, new ort.Tensor(type, data as never, dims)] as const,
      )
      const results = await session.run(Object.fromEntries(given))
      return Object.fromEntries(
        Object.entries(results).map(([name, { type, dims, data }]) => [name, { dtype: type, shape: dims, data }]),
      )
    },
    release: () => session.release(),
  }
}
