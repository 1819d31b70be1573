import type { DeviceRates } from '../../src/inspect/peaks.js'

/** What the worker is asked to do. */
export interface MeasureTask {
  /** Whether onnxruntime-web is loaded and run in turns. */
  readonly peer: boolean
  /** Milliseconds for each row and engine. */
  readonly budget: number
}

/** A row of the table. */
export interface Measured {
  readonly name: string
  readonly group: 'products' | 'convolutions' | 'models'
  readonly ms: number
  /** By the direct algorithm; undefined where nobody counts. */
  readonly gflops: number | undefined
  readonly peerMs: number | undefined
}

/** What it says. */
export type MeasureAnswer =
  | { readonly kind: 'device'; readonly build: string; readonly rates: DeviceRates }
  | { readonly kind: 'row'; readonly row: Measured }
  | { readonly kind: 'peer'; readonly version: string }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly message: string }
