import { afterAll, beforeAll, expect, test } from 'vitest'
import { Device } from '../../../src/autograd/device.js'
import type { Variable } from '../../../src/autograd/variable.js'
import { isHostTensor } from '../../../src/core/host.js'
import { exportModel, F, Module, toGraph } from '../../../src/train.js'
import { onnxruntimeWeb, type Engine } from '../../conformance/engines.js'
import { functions, host, storedText, type Applied, type Run } from './functions.js'

const stored = JSON.parse(storedText()) as Readonly<Record<string, Run>>

let device: Device
let peer: Engine
beforeAll(async () => {
  device = Device.current = await Device.create({ build: 'simd', seed: 1 })
  peer = await onnxruntimeWeb()
})
afterAll(() => device.dispose())

class Applying extends Module {
  constructor(private readonly apply: Applied) {
    super(device)
  }
  forward(...inputs: Variable[]): Variable | readonly Variable[] {
    const outputs = this.apply(...inputs)
    return Array.isArray(outputs)
      ? (outputs as Variable[]).map((y) => F.cast(y, 'float32'))
      : F.cast(outputs as Variable, 'float32')
  }
}

test.each(Object.keys(functions).filter((name) => stored[name].inputs.length > 0))(
  'onnxruntime-web computes the same by the exported file: %s',
  async (name) => {
    const inputs = stored[name].inputs.map(host)
    const model = new Applying(functions[name])
    const own = device.step(() => {
      const outputs = device.noGrad(() => model.call(...inputs.map((input) => device.constant(input))))
      return (Array.isArray(outputs) ? (outputs as Variable[]) : [outputs as Variable]).map((y) => ({
        shape: y.shape,
        data: [...(y.data() as Float32Array)],
      }))
    })
    const graph = toGraph(
      model,
      inputs.map(({ dtype, shape }, i) => ({ name: `x${i}`, dtype, shape })),
    )
    const file = await peer.load(exportModel(graph))
    const theirs = await file.run(new Map(inputs.map((input, i) => [`x${i}`, input])))
    expect(theirs.size).toBe(own.length)
    own.forEach(({ shape, data }, i) => {
      const result = theirs.get(i === 0 ? 'output' : `output_${i}`)
      if (!result || !isHostTensor(result)) throw new Error('there is no such output')
      expect(result.shape).toEqual(shape)
      const scale = Math.max(...data.filter(Number.isFinite).map(Math.abs), 0)
      data.forEach((value, at) => {
        const other = (result.data as Float32Array)[at]
        if (Object.is(value, other) || value === other) return
        if (!(Math.abs(value - other) <= 1e-5 * Math.abs(value) + 3e-6 * scale))
          expect.fail(`element ${at} of output ${i} is ${value}, there ${other}`)
      })
    })
  },
)
