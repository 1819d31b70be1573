import type * as Training from '../../src/train.js'

/** What every runtime gets to do. */
export interface TrainingTask {
  readonly steps: number
  /** Breaks off there, and goes on with a new model from what was saved. */
  readonly interruptedAt?: number
  readonly checkpoints?: Training.Checkpoints
  /** Compiled kernels, where nothing may be compiled. */
  readonly wasmModule?: WebAssembly.Module
}

/** The bits that a run came to. */
export interface TrainingResult {
  readonly steps: number
  readonly weights: number[]
  readonly loss: number
  readonly onnxBytes: number
}

/** Trains mnist/small on drawn digits. The library is given, since each runtime has its own. */
export async function trainSmall(library: typeof Training, task: TrainingTask): Promise<TrainingResult> {
  const { Adam, augment, Conv2d, cosine, DataLoader, Device, exportModel, fit, Flatten, generateDigits } = library
  const { Linear, MaxPool2d, ReLU, Schedule, Sequential, shift, toGraph } = library
  const { steps, interruptedAt, checkpoints, wasmModule } = task
  const device = await Device.create({ deterministic: true, seed: 1, wasmModule })
  Device.current = device
  const digits = generateDigits(1000, 1)
  const run = async (maxSteps: number, resume: boolean) => {
    const model = new Sequential(
      new Conv2d(1, 10, 5),
      new ReLU(),
      new MaxPool2d(2),
      new Conv2d(10, 20, 5),
      new ReLU(),
      new MaxPool2d(2),
      new Flatten(),
      new Linear(320, 48),
      new ReLU(),
      new Linear(48, 10),
    )
    const optimizer = new Adam(model.parameters(), { lr: 0.003 })
    const result = await fit(
      model,
      new DataLoader(digits, { batchSize: 50, shuffle: true, seed: 1, transform: augment('image', shift(2)) }),
      {
        optimizer,
        schedule: new Schedule(optimizer, cosine(steps)),
        epochs: Math.ceil(steps / 20),
        maxSteps,
        checkpoints,
        resume,
        logEvery: 10,
      },
    )
    return { model, result }
  }
  if (interruptedAt !== undefined) await run(interruptedAt, false)
  const { model, result } = await run(steps, interruptedAt !== undefined)
  const weights: number[] = []
  for (const [, { data }] of model.stateDict()) {
    const { buffer, byteOffset, byteLength } = data as Float32Array
    // A hash is enough to compare by: FNV-1a of the bytes of each tensor.
    let hash = 0x811c9dc5
    for (const byte of new Uint8Array(buffer, byteOffset, byteLength)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
    weights.push(hash)
  }
  const graph = toGraph(model, [{ name: 'image', shape: [{ name: 'N', size: 1 }, 1, 28, 28] }])
  const loss = result.history.at(-1)?.['train/loss']
  device.dispose()
  return { steps: result.steps, weights, loss: Number(loss), onnxBytes: exportModel(graph).length }
}
