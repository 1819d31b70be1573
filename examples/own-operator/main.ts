// The operator in a graph, in a file that other runtimes can run, and in training.
import { exportModel, GraphBuilder, InferenceSession, Tensor } from 'lanewise'
import { Device, F } from 'lanewise/train'
import './signed-square.js'

const g = new GraphBuilder('example')
const x = g.input('x', 'float32', ['N'])
g.output(g.node('SignedSquare', [x], { scale: 3 }, { domain: 'com.example' })[0], 'y')
const session = await InferenceSession.create(exportModel(g, { functions: true }))
const { y } = await session.run({ x: new Tensor('float32', [1, -2], [2]) })
console.log(y.data) // 3, -12

const device = await Device.create()
const weight = device.parameter(new Tensor('float32', [1, -2], [2]))
device.step(() =>
  F.op('ReduceSum', F.op('com.example::SignedSquare', [weight], { scale: 3 }), { keepdims: 0 })[0].backward(),
)
console.log(weight.grad?.data()) // 6, 12
