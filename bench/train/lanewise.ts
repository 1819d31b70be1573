import type { Build } from '../../bindings/module.js'
import { Device } from '../../src/autograd/device.js'
import { Adam } from '../../src/optim/methods.js'
import { modelOf } from './models.js'
import { batchOf, type StepKey, type TrainerMaker } from './work.js'

/** A step as any program makes it, on a device of its own. */
async function trainerOf(
  build: Build | 'auto',
  key: StepKey,
): Promise<{ readonly device: Device; readonly step: () => number }> {
  const device = await Device.create({ build, seed: 1 })
  Device.current = device
  const model = modelOf(key, batchOf(key))
  const optimizer = new Adam(model.parameters, { lr: 1e-3 })
  const step = () =>
    device.step(() => {
      const loss = model.loss(device)
      loss.backward()
      optimizer.step()
      optimizer.zeroGrad()
      return loss.item()
    })
  return { device, step }
}

/** Lanewise itself. */
export function lanewiseTrainer(build: Build | 'auto'): TrainerMaker {
  return async (key) => {
    const { device, step } = await trainerOf(build, key)
    return {
      step: async () => {
        const start = performance.now()
        const loss = step()
        return { ms: performance.now() - start, loss, memory: device.memory.total / 1e6 }
      },
      close: () => device.dispose(),
    }
  }
}
