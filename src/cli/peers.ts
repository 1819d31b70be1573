import { dirname, join } from 'node:path'
import { readFile } from 'node:fs/promises'
import { LanewiseError, present } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import { isDType } from '../core/dtype.js'
import { externalLocations } from '../api/external-locations.js'
import type { ModelProto } from '../onnx/schema/onnx.js'
import { Tensor, toHost } from '../api/tensor.js'
import { UsageError } from './command.js'
import { loadOptional } from '../platform/optional.js'

export type PeerName = 'onnxruntime-web' | 'onnxruntime-node'

/** Another engine with a model loaded, on one thread. */
export interface Peer {
  readonly name: PeerName
  readonly version: string
  /**
   * @param fetches - the outputs to fetch, all if left out: onnxruntime-web gives none where one of them is no tensor.
   */
  run(
    feeds: Readonly<Record<string, Tensor>>,
    fetches?: readonly string[],
  ): Promise<Record<string, HostTensor | undefined>>
  release(): Promise<void>
}

interface OrtTensor {
  readonly type: string
  readonly dims: readonly number[]
  readonly data: unknown
}

/** The part of onnxruntime-common that is used. */
interface Ort {
  readonly env: {
    readonly versions: { readonly common?: string; readonly web?: string; readonly node?: string }
    readonly wasm: { numThreads?: number }
    logLevel?: string
  }
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => OrtTensor
  readonly InferenceSession: {
    create(
      bytes: Uint8Array,
      options: object,
    ): Promise<{
      run(feeds: Record<string, OrtTensor>, fetches?: readonly string[]): Promise<Record<string, OrtTensor>>
      release(): Promise<void>
    }>
  }
}

export function peerNames(text: string): PeerName[] {
  return text.split(',').map((name) => {
    if (name !== 'onnxruntime-web' && name !== 'onnxruntime-node')
      throw new UsageError(`"${name}" is not a peer: onnxruntime-web, onnxruntime-node`)
    return name
  })
}

/** Loads a model in a peer. @throws LanewiseError `E_UNSUPPORTED` if the package is missing or refuses the model. */
export async function loadPeer(
  name: PeerName,
  bytes: Uint8Array,
  externalData: readonly ExternalFile[],
  options: object = {},
  /** Where the package is, if not among those that are found by name. */
  from: string = name,
): Promise<Peer> {
  const loaded = await loadOptional<Ort & { default?: Ort }>(from, 'comparing')
  const ort = loaded.InferenceSession ? loaded : present(loaded.default, name)
  if (name === 'onnxruntime-web') ort.env.wasm.numThreads = 1
  ort.env.logLevel = 'error'
  const threads = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 }
  let session: Awaited<ReturnType<Ort['InferenceSession']['create']>>
  try {
    session = await ort.InferenceSession.create(bytes, {
      ...threads,
      ...(externalData.length > 0 && { externalData }),
      ...options,
    })
  } catch (cause) {
    throw new LanewiseError('E_UNSUPPORTED', `${name} does not load the model: ${messageOf(cause)}`, { cause })
  }
  const { versions } = ort.env
  return {
    name,
    version: (name === 'onnxruntime-web' ? versions.web : versions.node) ?? versions.common ?? '',
    async run(feeds, fetches) {
      const given: Record<string, OrtTensor> = {}
      for (const [key, tensor] of Object.entries(feeds))
        given[key] = new ort.Tensor(tensor.type, tensor.data, tensor.dims)
      const results: Record<string, HostTensor | undefined> = {}
      try {
        for (const [key, tensor] of Object.entries(await session.run(given, fetches)))
          results[key] = hostOf(key, tensor)
      } catch (cause) {
        throw new LanewiseError('E_UNSUPPORTED', `${name} does not run the model: ${messageOf(cause)}`, { cause })
      }
      return results
    },
    release: () => session.release(),
  }
}

/** undefined for sequences, maps and types that only one of the two knows. */
function hostOf(name: string, value: OrtTensor): HostTensor | undefined {
  if (!Array.isArray(value.dims) || !isDType(value.type)) return undefined
  return toHost(new Tensor(value.type, value.data as Float32Array, value.dims), name)
}

/** onnxruntime throws errors, strings and, out of its WebAssembly, numbers. */
function messageOf(cause: unknown): string {
  return String(cause instanceof Error ? cause.message : cause).split('\n')[0]
}

export interface ExternalFile {
  readonly path: string
  readonly data: Uint8Array
}

/** The files beside a model that hold its tensors. */
export async function externalFiles(model: string, proto: ModelProto): Promise<ExternalFile[]> {
  // Reading a model from an untrusted source, lanewise has already checked that these stay in the model's folder.
  return Promise.all(
    externalLocations(proto).map(async (path) => ({ path, data: await readFile(join(dirname(model), path)) })),
  )
}
