// A stream run step by step without a promise, with everything bound: prints how many bytes of the heap a step takes,
// once the engine has compiled it. A program of its own: what a test runner puts around modules makes objects.
import { InferenceSession, Tensor } from '../../src/node.js'
import { gruModel } from '../support/gru-model.js'

const STEPS = 2000
const session = InferenceSession.createSync(gruModel(), { states: { h: 'hn' } })
const x = session.input('x')
const y = session.output('y')
session.runSync({ h: new Tensor('float32', new Float32Array(6), [1, 1, 6]) })
const sum = new Float64Array(1)

function steps(count: number): void {
  for (let i = 0; i < count; i++) {
    x.data[0] = i
    session.runSync()
    sum[0] += y.data[0]
  }
}

steps(50_000)
// A collection makes a difference negative: the median of several is none's.
const grown = Array.from({ length: 9 }, () => {
  const before = process.memoryUsage().heapUsed
  steps(STEPS)
  return process.memoryUsage().heapUsed - before
}).sort((a, b) => a - b)
console.log(JSON.stringify({ bytes: grown[4] / STEPS, sum: sum[0] }))
