// A training that is interrupted, in a process of its own: started by resume.test.ts.
import { writeSync } from 'node:fs'
import { Device, fit, Linear, SGD, Tensor } from '../../../src/train.js'

const waits = process.argv[2] === 'wait'
await Device.create({ deterministic: true })
const model = new Linear(2, 2)
const batch = { x: new Tensor('float32', [1, 2], [1, 2]), label: new Tensor('int32', [1], [1]) }
const { stopped, signal } = await fit(model, [batch], {
  optimizer: new SGD(model.parameters(), { lr: 1e-6 }),
  epochs: 1e9,
  stopOnSignals: true,
  onStep: ({ step }) => {
    if (step > 1) return undefined
    writeSync(1, 'step\n')
    // A hook that takes for ever, though the process has other things to do.
    return waits ? new Promise((resolve) => setTimeout(resolve, 1e8)) : undefined
  },
})
writeSync(1, `${stopped} ${signal}\n`)
