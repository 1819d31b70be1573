// A run that does nothing but save: started and killed by checkpoint.test.ts.
import { writeSync } from 'node:fs'
import { Tensor } from '../../../src/api/tensor.js'
import { CheckpointStore } from '../../../src/train/checkpoints/checkpoint.js'

const store = new CheckpointStore(process.argv[2], { keep: 2 })
for (let step = (store.latest()?.step ?? 0) + 1; ; step++) {
  const weight = Float32Array.from({ length: 100_000 }, (_, i) => step + i)
  store.save({ step, tensors: new Map([['weight', new Tensor('float32', weight, [1000, 100])]]), state: { step } })
  // Said only when it is safe.
  writeSync(1, `${step}\n`)
}
