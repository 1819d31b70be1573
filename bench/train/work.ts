/** Of a captioner with so many gates: the projection of the features needs no gradient by its input. */
function captionFlops(gates: number): number {
  return 4 * 50 * 1280 * 512 + 6 * 50 * 17 * (gates * 512 * (256 + 512) + 512 * 1004)
}

function attentionFlops(batch: number, length: number, words: number): number {
  return 4 * 16 * batch * 1280 * 512 + 6 * batch * length * (4 * 512 * (256 + 2 * 512) + 4 * 16 * 512 + 512 * words)
}

const houseFlops =
  100 * (4 * 16 * 16 * 1024 + 6 * 16 * (16 * 32 * 256 + 32 * 64 * 64) + 6 * (1024 * 128 + 128 * 64 + 64 * 16))

/**
 * A training step to be timed. Every engine makes its own model of the same shapes and takes the same batch again and
 * again.
 */
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
  {
    name: 'transformer LM, 4 layers, V5000 D256 H4, 32×64 tokens',
    key: 'lm-256',
    flops: 6 * 32 * 64 * (4 * (4 * 256 * 256 + 2 * 256 * 1024 + 2 * 64 * 256) + 256 * 5000),
  },
  {
    name: 'house-number reader (4×4 filters, LRN), batch 100',
    key: 'house',
    flops: houseFlops,
  },
  // Pictures are drawn and loaded for each step; PyTorch makes the step alone.
  {
    name: 'house-number reader with its generator and loader, batch 100',
    key: 'house-generated',
    flops: houseFlops,
  },
  {
    name: 'RNN captioner, 50×17 words, V1004 H512',
    key: 'caption-rnn',
    flops: captionFlops(1),
  },
  {
    name: 'LSTM captioner, 50×17 words, V1004 H512',
    key: 'caption-lstm',
    flops: captionFlops(4),
  },
  {
    name: 'attention LSTM captioner, 50×17 words, V1004 H512, 16 places',
    key: 'caption-attention',
    flops: attentionFlops(50, 17, 1004),
  },
  {
    name: 'attention LSTM captioner, 64×20 words, V3000 H512, 16 places',
    key: 'caption-attention-3000',
    flops: attentionFlops(64, 20, 3000),
  },
] as const

export type StepKey = (typeof steps)[number]['key']

/** One engine, ready to make steps. */
export interface Trainer {
  /** Makes one step, and returns its milliseconds, its loss and, where the engine tells, the megabytes it takes. */
  step(): Promise<{ readonly ms: number; readonly loss: number; readonly memory?: number }>
  close(): void
}

/** undefined where an engine cannot make the step. */
export type TrainerMaker = (key: StepKey) => Promise<Trainer | undefined>

/** The batch of a step: the same numbers for every engine. */
export interface Batch {
  /** Images, sequences of rows, or tokens. */
  readonly x: Float32Array | Int32Array
  readonly labels: Int32Array
  /** Of the pictures that captions belong to. */
  readonly features?: Float32Array
}

/** Numbers that are nothing special, from a counter. */
export function batchOf(key: StepKey): Batch {
  let state = 12345
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
  const numbers = (length: number) => Float32Array.from({ length }, next)
  const indices = (length: number, below: number) => Int32Array.from({ length }, () => Math.floor(next() * below))
  if (key === 'lm' || key === 'lm-256') return words(indices(32 * 65, 5000), 32)
  if (key === 'house' || key === 'house-generated')
    return {
      x: numbers(100 * 32 * 32),
      labels: Int32Array.from([...indices(100, 7), ...indices(500, 10)]),
    }
  if (key === 'caption-rnn' || key === 'caption-lstm') {
    const features = numbers(50 * 1280)
    return { features, ...words(indices(50 * 18, 1004), 50) }
  }
  if (key === 'caption-attention') return { features: numbers(50 * 16 * 1280), ...words(indices(50 * 18, 1004), 50) }
  if (key === 'caption-attention-3000')
    return { features: numbers(64 * 16 * 1280), ...words(indices(64 * 21, 3000), 64) }
  return { x: numbers(100 * 784), labels: indices(100, 10) }
}

/** Sequences of tokens, and the ones that follow. */
function words(tokens: Int32Array, batch: number): Batch {
  const length = tokens.length / batch
  const part = (from: number, to: number) =>
    Int32Array.from(
      Array.from({ length: batch }, (_, b) => [...tokens.subarray(b * length + from, b * length + to)]).flat(),
    )
  return { x: part(0, length - 1), labels: part(1, length) }
}
