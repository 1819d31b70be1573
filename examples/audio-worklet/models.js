// Two small models with the inputs and outputs of gtcrn and silero-vad, where there are no files of these.
import { existsSync, writeFileSync } from 'node:fs'
import { exportModel, GraphBuilder, Tensor } from 'lanewise'

let count = 0
const number = (g, value) => g.constant(`number ${count++}`, new Tensor('float32', [value], [1]))

/** How much louder the floor becomes with each frame, at most. */
const RISE = 1.02

/**
 * The floor under what was so far: at once where it falls, slowly where it rises. @param least - what it rises by in
 * silence.
 */
function floorOf(g, power, before, least) {
  const risen = g.op('Add', [g.op('Mul', [before, number(g, RISE)]), number(g, least)])
  return g.op('Min', [power, risen])
}

/** What is near the floor of its frequency is made quieter. */
function denoiser() {
  const g = new GraphBuilder('denoiser')
  const mix = g.input('mix', 'float32', [1, 257, 1, 2])
  const axis = g.constant('last', new Tensor('int64', [3n], [1]))
  const power = g.op('ReduceSum', [g.op('Mul', [mix, mix]), axis], { keepdims: 1 })
  const floor = floorOf(g, power, g.input('floor', 'float32', [1, 257, 1, 1]), 1e-4)
  const share = g.op('Div', [g.op('Mul', [floor, number(g, 24)]), g.op('Add', [power, number(g, 1e-9)])])
  const gain = g.op('Max', [g.op('Sub', [number(g, 1), g.op('Sqrt', [share])]), number(g, 0.1)])
  g.output(g.op('Mul', [mix, gain]), 'enh')
  g.output(floor, 'floor_out')
  return exportModel(g)
}

/** How sure it is that a chunk is louder than the floor by more than noise is. */
function voice() {
  const g = new GraphBuilder('voice')
  const input = g.input('input', 'float32', [1, 576])
  const axis = g.constant('last', new Tensor('int64', [1n], [1]))
  const power = g.op('Add', [g.op('ReduceMean', [g.op('Mul', [input, input]), axis], { keepdims: 1 }), number(g, 1e-9)])
  const floor = floorOf(g, power, g.input('state', 'float32', [1, 1]), 1e-6)
  const louder = g.op('Log', [g.op('Div', [power, g.op('Add', [floor, number(g, 1e-9)])])])
  g.output(g.op('Sigmoid', [g.op('Mul', [g.op('Sub', [louder, number(g, 3)]), number(g, 2)])]), 'output')
  g.output(floor, 'stateN')
  return exportModel(g)
}

for (const [file, model] of Object.entries({ 'denoiser.onnx': denoiser, 'voice.onnx': voice }))
  if (!existsSync(file)) writeFileSync(file, model())
