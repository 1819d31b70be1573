// A stream run step by step without a promise, with everything bound: prints how many bytes of the heap a step takes, once the engine has compiled it.
// A program of its own: what a test runner puts around modules makes objects.
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../src/node.js'
import { randomTensor, seeded } from '../support/random.js'

const STEPS = 2000
const random = seeded(3)
const g = new GraphBuilder('stream')
const input = g.input('x', 'float32', [1, 1, 4])
const state = g.input('h', 'float32', [1, 1, 6])
const weights = [[18, 4], [18, 6], [36]].map((shape, i) =>
  g.constant(`w${i}`, randomTensor(random, 'float32', [1, ...shape], -1, 1)),
)
const [all, last] = g.node('GRU', [input, ...weights, undefined, state], { hidden_size: 6 }, { outputs: 2 })
g.output(all, 'y')
g.output(last, 'hn')
const session = InferenceSession.createSync(exportModel(g.graph()), { states: { h: 'hn' } })
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
