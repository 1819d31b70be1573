import type { HostTensor } from '../../src/core/host.js'
import type { Identity, Work } from '../work.js'

/** `one thread` and `float32` are Lanewise itself: without helpers, and on what a model was before it was quantised. */
export type PeerName = 'onnxruntime-web' | 'onnxruntime-node' | 'tfjs-wasm' | 'jax-js' | 'one thread' | 'float32'
export type EngineName = 'lanewise' | PeerName

/** A work, ready to be run on one of its inputs. */
export interface Loaded {
  /** JavaScript data in, JavaScript data out: what is timed. */
  run(input: number): Promise<unknown>
  outputs(input: number): Promise<ReadonlyMap<string, HostTensor>>
  /** Milliseconds spent in kernels in one run, where the engine tells. */
  kernelTime?(input: number): Promise<number>
  /** The kernels that ran, by the names of a profile, where the engine tells. */
  kernels?(input: number): Promise<string[]>
  release(): Promise<void>
}

export interface Peer {
  readonly name: EngineName
  readonly version: string
  /** Undefined if this peer has no way to do the work; throws if it tries and fails. */
  load(work: Work): Promise<Loaded | undefined>
  /** The same with nothing fused or rewritten, for arbitration. */
  loadAsWritten?(work: Work): Promise<Loaded>
  /** One of the work's Identities. */
  loadIdentity(identity: Identity): Promise<Loaded | undefined>
}
