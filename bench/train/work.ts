/** A training step to be timed. Every engine makes its own model of the same shapes and takes the same batch again and again. */
export const steps = [
  {
    name: 'MLP 784-256-256-10, batch 100',
    key: 'mlp',
    flops: 6 * 100 * (784 * 256 + 256 * 256 + 256 * 10) - 2 * 100 * 784 * 256,
  },
  // Direct operations; the first layer needs no gradient by its input.
  {
    name: 'MNIST CNN, batch 100',
    key: 'cnn',
    flops: 100 * (4 * 25 * 32 * 784 + 6 * 25 * 32 * 64 * 196 + 6 * (3136 * 1024 + 1024 * 10)),
  },
  { name: 'LSTM 28×28, H128, batch 100', key: 'lstm', flops: 6 * 100 * 28 * 512 * (28 + 128) },
  {
    name: 'transformer LM, 2 layers, V5000 D128 H4, 32×64 tokens',
    key: 'lm',
    flops: 6 * 32 * 64 * (2 * (4 * 128 * 128 + 2 * 128 * 512 + 2 * 64 * 128) + 128 * 5000),
  },
] as const

export type StepKey = (typeof steps)[number]['key']

/** One engine, ready to make steps. */
export interface Trainer {
  /** Makes one step, and returns its milliseconds and its loss. */
  step(): Promise<{ readonly ms: number; readonly loss: number }>
  close(): void
}

/** undefined where an engine cannot make the step. */
export type TrainerMaker = (key: StepKey) => Promise<Trainer | undefined>

/** The batch of a step: the same numbers for every engine. */
export interface Batch {
  /** Images, sequences of rows, or tokens. */
  readonly x: Float32Array | Int32Array
  readonly labels: Int32Array
}

/** Numbers that are nothing special, from a counter. */
export function batchOf(key: StepKey): Batch {
  let state = 12345
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
  if (key === 'lm') {
    const tokens = Int32Array.from({ length: 32 * 65 }, () => Math.floor(next() * 5000))
    const x = new Int32Array(32 * 64)
    const labels = new Int32Array(32 * 64)
    for (let b = 0; b < 32; b++) {
      x.set(tokens.subarray(b * 65, b * 65 + 64), b * 64)
      labels.set(tokens.subarray(b * 65 + 1, b * 65 + 65), b * 64)
    }
    return { x, labels }
  }
  return {
    x: Float32Array.from({ length: 100 * 784 }, next),
    labels: Int32Array.from({ length: 100 }, () => Math.floor(next() * 10)),
  }
}
