import { availableParallelism } from 'node:os'
import type { Build } from '../../bindings/module.js'
import { LanewiseError } from '../core/errors.js'

/** What a server needs beside Lanewise. */
export const SERVER_PACKAGES = ['hono', '@hono/node-server', 'prom-client']

/** How models are served. */
export interface ServeOptions {
  /** Files of models; each is called as its file without the ending. */
  readonly models?: readonly string[]
  /** A folder whose `.onnx` files are served, those that come later as well. */
  readonly folder?: string
  /** Default 8080; 0: any that is free. */
  readonly port?: number
  /**
   * The address to listen at. Default 127.0.0.1: this machine only. There is no authentication: anything else belongs
   * behind a proxy that has it.
   */
  readonly host?: string
  /**
   * Names by which the server may be called (header Host). Default: those of this machine if it listens at a loopback
   * address, else any.
   */
  readonly allowedHosts?: readonly string[]
  /** Threads of each model, each with a session and its memory of its own. Default: the number of cores. */
  readonly threads?: number
  /** The most rows that are run as one, where a model's batch axis is free; 1: each request alone. Default 32. */
  readonly maxBatch?: number
  /**
   * Milliseconds that a request may wait for others while a thread is idle. Default 0: only what has piled up is run
   * together.
   */
  readonly maxDelay?: number
  /** The most requests that wait for a model; more are answered by 503 with Retry-After. Default 256. */
  readonly maxQueue?: number
  /** Milliseconds after which a request is answered by 504, and a run is broken off. Default 30,000. */
  readonly timeout?: number
  /** Milliseconds in which a client has to send its request; then its connection ends. Default 60,000. */
  readonly requestTimeout?: number
  /** The most bytes of a request, also unpacked. Default 64 MiB. */
  readonly bodyLimit?: number
  /**
   * The most bytes of all requests and answers that are held at a time, answers until their clients have taken them;
   * more are answered by 503. Default 8 times `bodyLimit`.
   */
  readonly heldLimit?: number
  /** The most bytes of WebAssembly memory of one session. Default 1 GiB. */
  readonly memoryLimit?: number
  /** Milliseconds between two looks at the models' files; a changed one is loaded again. 0: never. Default 1,000. */
  readonly poll?: number
  /**
   * Whether an answer has the same bits whatever stands beside it in a batch, on every machine; slower. Default false.
   */
  readonly deterministic?: boolean
  /** Which build of the kernels. Default: the best this Node runs. */
  readonly build?: Build | 'auto'
}

export type CheckedOptions = Required<Omit<ServeOptions, 'folder' | 'allowedHosts'>> &
  Pick<ServeOptions, 'folder' | 'allowedHosts'>

/** The most bytes of an answer in JSON, of which each takes many times as long as a byte of binary data. */
export function jsonLimitOf({ heldLimit }: Pick<CheckedOptions, 'heldLimit'>): number {
  return Math.floor(heldLimit / 4)
}

/** Timers of Node take 31 bits. */
export const MAX_MS = 2 ** 31 - 1

interface Bounds {
  readonly least: number
  readonly most: number
  readonly whole?: boolean
}

/** Between what options may be, those of the command line as well. */
export const SERVE_BOUNDS = {
  port: { least: 0, most: 65535, whole: true },
  threads: { least: 1, most: 256, whole: true },
  maxBatch: { least: 1, most: 4096, whole: true },
  maxDelay: { least: 0, most: MAX_MS },
  maxQueue: { least: 1, most: 2 ** 20, whole: true },
  timeout: { least: 1, most: MAX_MS },
  requestTimeout: { least: 1, most: MAX_MS },
  bodyLimit: { least: 1, most: 2 ** 31 - 1, whole: true },
  memoryLimit: { least: 2 ** 20, most: 2 ** 32, whole: true },
  poll: { least: 0, most: MAX_MS },
} satisfies Partial<Record<keyof ServeOptions, Bounds>>

/** @throws LanewiseError `E_VALUE` naming the option. */
export function checkServeOptions(options: ServeOptions): CheckedOptions {
  const bodyLimit = options.bodyLimit ?? 2 ** 26
  const checked: CheckedOptions = {
    models: options.models ?? [],
    folder: options.folder,
    port: options.port ?? 8080,
    host: options.host ?? '127.0.0.1',
    allowedHosts: options.allowedHosts,
    threads: options.threads ?? availableParallelism(),
    maxBatch: options.maxBatch ?? 32,
    maxDelay: options.maxDelay ?? 0,
    maxQueue: options.maxQueue ?? 256,
    timeout: options.timeout ?? 30_000,
    requestTimeout: options.requestTimeout ?? 60_000,
    bodyLimit,
    heldLimit: options.heldLimit ?? 8 * bodyLimit,
    memoryLimit: options.memoryLimit ?? 2 ** 30,
    poll: options.poll ?? 1000,
    deterministic: options.deterministic ?? false,
    build: options.build ?? 'auto',
  }
  const within = (name: keyof CheckedOptions, least: number, most: number, whole: boolean): void => {
    const value = checked[name]
    if (typeof value !== 'number' || !(value >= least && value <= most) || (whole && !Number.isInteger(value)))
      throw new LanewiseError('E_VALUE', `${name} must be from ${least} to ${most}, got ${String(value)}`)
  }
  for (const name of Object.keys(SERVE_BOUNDS) as (keyof typeof SERVE_BOUNDS)[]) {
    const { least, most, whole = false } = SERVE_BOUNDS[name] as Bounds
    within(name, least, most, whole)
  }
  within('heldLimit', bodyLimit, Number.MAX_SAFE_INTEGER, true)
  if (checked.models.length === 0 && checked.folder === undefined)
    throw new LanewiseError('E_VALUE', 'there is nothing to serve: name a model or a folder of models')
  return checked
}
