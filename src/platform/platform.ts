import type { Build, WasmSource } from '../../bindings/module.js'
import { LanewiseError } from '../core/errors.js'
import type { ReadOptions } from './download.js'
import type { ExternalData } from '../onnx/external-data.js'

/** Where a prepared model is read from. */
export interface PreparedSource {
  /** Bytes of all. */
  readonly size: number
  /** Fills bytes from a place that lies within the size. @throws LanewiseError `E_EXTERNAL` if they cannot be had. */
  read(from: number, into: Uint8Array): void
}

/** Another thread. */
export interface Thread {
  post(message: object): void
  end(): void
}

/** The worker of a session. */
export interface SessionPort {
  post(message: unknown, transfer: readonly ArrayBuffer[]): void
  /** Whether something is awaited of it: a process does not end meanwhile. */
  busy(is: boolean): void
  end(): void
}

/** What other threads need of the platform. */
export interface ThreadHost {
  /**
   * Starts a thread that does not keep the process alive; undefined where there are none. `ended` is called when it is
   * no more.
   */
  readonly startThread: ((ended: () => void) => Thread) | undefined
  /**
   * Starts a worker for a session (src/api/worker); undefined where there are none. `heard` is called with its
   * messages, `ended` when it is no more, with the reason if there is one.
   */
  readonly startSession: ((heard: (message: unknown) => void, ended: (why?: string) => void) => SessionPort) | undefined
  /** Whether the thread that asks may sleep until others are done: the main thread of a page may not. */
  maySleep(): boolean
  /** Cores that this process may use. */
  cores(): number
  /** What a quota has to do with their number, in words; '' if nothing. */
  quota?(): string
}

/** What differs between Node, browsers and edge runtimes: how bytes are found. An entry point sets one. */
export interface Platform {
  /** The kernels of an inference build. */
  readonly wasm: WasmSource
  /** The same, where nothing has to be waited for. */
  readonly wasmNow?: (build: Build) => BufferSource
  /**
   * The kernels in a file: a URL, or a path as the platform has them; what is fetched must have this `integrity` if it
   * is said.
   */
  readKernels(file: URL | string, integrity?: string): Promise<BufferSource | Response>
  /** The bytes of a model at a path or URL. */
  readModel(location: string | URL, options?: ReadOptions): Promise<Uint8Array>
  /**
   * A file of a prepared model (`.lw`), read part by part; undefined for what is none by its name, or is on no disk.
   */
  openPrepared?(location: string | URL): PreparedSource | undefined
  /**
   * Makes operators known that the entry has not registered, until none is `missing` or there are no more; undefined if
   * there are none, or they are the caller's to import.
   */
  moreOps?(missing: () => boolean): Promise<void>
  /** Makes every operator known at once, where files can be read so; elsewhere they are the caller's to import. */
  allOpsNow?(): void
  /** How other threads are had; undefined if they are not. */
  threads?(): Promise<ThreadHost>
  /** Why there is to be one thread where nobody asks for more, as far as that is known without loading anything. */
  oneThread?(): string | undefined
  /** Where a model read from this location keeps its external data; undefined if there is no file system. */
  externalData?(location: string | URL, options: { allowHardLinks?: boolean }): ExternalData & { close(): void }
}

let current: Platform | undefined

export function setPlatform(platform: Platform): void {
  current = platform
}

/** What an entry knows of the platform, beside what another one may have said before or says later. */
export function addToPlatform(more: Partial<Platform>): void {
  current = { ...more, ...current } as Platform
}

export function platform(): Platform {
  if (!current) throw new LanewiseError('E_STATE', 'no platform is set: import "lanewise", not a file inside it')
  return current
}
