import { GeneratedNumbers, HEADS, loadWorld } from '../../models/house-numbers/generate.js'
import type { Build } from '../../bindings/module.js'
import { Device } from '../../src/autograd/device.js'
import { DataLoader } from '../../src/data/loader.js'
import * as F from '../../src/nn/functional.js'
import { Adam } from '../../src/optim/methods.js'
import { modelOf } from './models.js'
import { batchOf, type Batch, type StepKey, type TrainerMaker } from './work.js'

/** Puts other numbers into a batch. */
type Refill = () => Promise<void>

/** A step as any program makes it, on a device of its own. */
async function trainerOf(
  build: Build | 'auto',
  key: StepKey,
  threads: number,
): Promise<{ readonly device: Device; readonly step: () => number; readonly refill: Refill | undefined }> {
  const device = await Device.create({ build, seed: 1, threads })
  Device.current = device
  const batch = batchOf(key)
  const model = modelOf(key, batch)
  const optimizer = new Adam(model.parameters, { lr: 1e-3 })
  const step = () =>
    device.step(() => {
      const loss = model.loss(device)
      loss.backward()
      optimizer.step()
      optimizer.zeroGrad()
      return loss.item()
    })
  return { device, step, refill: key === 'house-generated' ? await drawnNumbers(batch) : undefined }
}

/** New generated pictures each time, as a recipe's loader hands them out. */
async function drawnNumbers({ x, labels }: Batch): Promise<Refill> {
  const numbers = new GeneratedNumbers(await loadWorld('train'), 32, 1e6, 1, { evenLengths: 0.1 })
  const batches = new DataLoader(numbers, { batchSize: labels.length / HEADS })[Symbol.asyncIterator]()
  return async () => {
    const { value } = await batches.next()
    if (!value) return
    x.set(value.image.data as Float32Array)
    // By heads, as the step has them.
    for (let i = 0; i < labels.length; i++)
      labels[(i % HEADS) * (labels.length / HEADS) + Math.floor(i / HEADS)] = Number(value.label.data[i])
  }
}

/** Lanewise itself. */
export function lanewiseTrainer(build: Build | 'auto', threads = 1): TrainerMaker {
  return async (key) => {
    const { device, step, refill } = await trainerOf(build, key, threads)
    return {
      step: async () => {
        const start = performance.now()
        await refill?.()
        const loss = step()
        return { ms: performance.now() - start, loss, memory: device.memory.total / 1e6 }
      },
      close: () => device.dispose(),
    }
  }
}

const [ROWS, INNER, COLUMNS] = [1024, 512, 512]

/**
 * Milliseconds that so many operations take in a large matrix product, which packs its operand as every step of a
 * training does: what a step could be at most if it were nothing but products.
 */
export async function timeOfProducts(build: Build | 'auto'): Promise<(flops: number) => number> {
  const device = await Device.create({ build, seed: 1, threads: 1 })
  const matrix = (rows: number, columns: number) =>
    device.parameter({
      dtype: 'float32',
      shape: [rows, columns],
      data: Float32Array.from({ length: rows * columns }, () => device.random.between(-1, 1)),
    })
  const [a, b] = [matrix(ROWS, INNER), matrix(INNER, COLUMNS)]
  return (flops) =>
    device.step(() => {
      const start = performance.now()
      device.noGrad(() => F.matmul(a, b))
      return ((performance.now() - start) * flops) / (2 * ROWS * INNER * COLUMNS)
    })
}
