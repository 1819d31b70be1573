/** A drawing with what it is: 28 × 28 numbers, ink is 1. */
export interface Drawing {
  readonly image: Float32Array<ArrayBuffer>
  /** Which of the classes. */
  readonly label: number
}

/** What the worker is asked to do. */
export interface TeachTask {
  readonly classes: readonly string[]
  readonly examples: readonly Drawing[]
  readonly steps: number
  readonly batchSize: number
}

/** What it says meanwhile, and at the end. */
export type TeachAnswer =
  | { readonly kind: 'step'; readonly step: number; readonly loss: number }
  | {
      readonly kind: 'done'
      readonly steps: number
      readonly ms: number
      readonly onnx: Uint8Array<ArrayBuffer>
      /** confusion[truth][answer] counts looks at drawings that were kept aside. */
      readonly confusion: readonly (readonly number[])[]
      /** How many drawings were kept aside. */
      readonly held: number
    }
  | { readonly kind: 'failed'; readonly message: string }
