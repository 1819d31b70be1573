import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { registerAllOps } from '../../../src/api/register-all.js'
import { Tensor } from '../../../src/api/tensor.js'
import { Device } from '../../../src/autograd/device.js'
import type { Variable } from '../../../src/autograd/variable.js'
import { Sequential } from '../../../src/nn/module.js'
import { toGraph } from '../../../src/nn/export.js'
import * as F from '../../../src/nn/functional.js'
import { GraphModule } from '../../../src/nn/graph-module.js'
import { BatchNorm2d } from '../../../src/nn/norm.js'
import { ReLU } from '../../../src/nn/activation.js'
import { Conv2d } from '../../../src/nn/conv.js'
import { Flatten, Linear } from '../../../src/nn/linear.js'
import { AdaptiveAvgPool2d } from '../../../src/nn/pool.js'
import { crossEntropy } from '../../../src/nn/losses/losses.js'
import { InferenceSession } from '../../../src/node.js'
import { exportModel } from '../../../src/onnx/export-any.js'
import { SGD } from '../../../src/optim/methods.js'
import { onnxruntimeWeb } from '../../conformance/engines.js'
import { expectError, expectRejects } from '../../support/expect-error.js'
import { skipUnlessShared } from '../../support/shared.js'

registerAllOps()

let device: Device
beforeAll(async () => {
  Device.current = device = await Device.create({ build: 'simd', seed: 4 })
})

const random = (shape: readonly number[]) =>
  new Tensor(
    'float32',
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => device.random.between(-1, 1)),
    shape,
  )

/** A classifier of pictures as another tool would have written it. */
function pictures(): Uint8Array {
  const net = new Sequential(
    new Conv2d(3, 6, 3, { padding: 1, device }),
    new BatchNorm2d(6, { device }),
    new ReLU(),
    new AdaptiveAvgPool2d(1),
    new Flatten(),
    new Linear(6, 4, { device }),
  )
  return exportModel(toGraph(net, [{ name: 'image', shape: [{ name: 'N', size: 2 }, 3, 8, 8] }]))
}

test('a new end behind the features: the rest is frozen by name, the file has both', async () => {
  const model = await GraphModule.from(pictures())
  const old = [...model.tensors.keys()]
  const tuned = model.replaceHead((shape) => {
    expect(shape).toEqual([1, 6])
    return new Linear(6, 3, { device })
  })
  const names = [...tuned.namedParameters()].map(([name]) => name)
  expect(names).toEqual([...old.filter((name) => !/^5\.|running/.test(name)), 'head.weight', 'head.bias'])
  tuned.requiresGrad(false).requiresGrad(true, 'head.*')
  expect([...tuned.namedParameters()].filter(([, p]) => p.trainable).map(([name]) => name)).toEqual([
    'head.weight',
    'head.bias',
  ])
  const before = tuned.stateDict()
  const x = random([4, 3, 8, 8])
  const optimizer = new SGD(tuned.parameters(), { lr: 0.5, weightDecay: 0.1 })
  const losses = Array.from({ length: 5 }, () =>
    device.step(() => {
      const loss = crossEntropy(tuned.call(device.tensor(x)), device.tensor(Int32Array.of(0, 1, 2, 1), [4]))
      loss.backward()
      optimizer.step()
      optimizer.zeroGrad()
      return loss.item()
    }),
  )
  expect(losses[4]).toBeLessThan(losses[0])
  for (const [name, tensor] of tuned.stateDict()) {
    const same = name.startsWith('head') ? expect(tensor.data).not : expect(tensor.data)
    same.toEqual(before.get(name)?.data)
  }
  // The old model is as it was, with weights of its own.
  expect(model.predict(x).dims).toEqual([4, 4])
  const bytes = exportModel(toGraph(tuned, [{ name: 'image', shape: [{ name: 'N', size: 2 }, 3, 8, 8] }]))
  const expected = tuned.predict(x)
  model.dispose()
  const again = await GraphModule.from(bytes)
  expect([...again.tensors.keys()].sort()).toEqual([...tuned.stateDict().keys()].sort())
  const session = await InferenceSession.create(bytes, { build: 'simd' })
  const { output } = await session.run({ image: x })
  expect(output.dims).toEqual([4, 3])
  const reference = await (await onnxruntimeWeb()).load(bytes)
  const theirs = (await reference.run(new Map([['image', { dtype: 'float32', shape: x.dims, data: x.data }]]))).get(
    'output',
  ) as { data: Float32Array }
  expected.data.forEach((value, i) => {
    expect((output.data as Float32Array)[i]).toBeCloseTo(value as number, 5)
    expect(theirs.data[i]).toBeCloseTo(value as number, 5)
  })
})

describe('patterns', () => {
  test('globs fit whole names, expressions parts; none that fits is an error', () => {
    const net = new Sequential(new Linear(2, 2, { device }), new ReLU(), new Linear(2, 2, { device }))
    const free = () => [...net.namedParameters()].filter(([, p]) => p.trainable).map(([name]) => name)
    net.requiresGrad(false, '0.*')
    expect(free()).toEqual(['2.weight', '2.bias'])
    net.requiresGrad(true).requiresGrad(false, /weight/g)
    expect(free()).toEqual(['0.bias', '2.bias'])
    net.requiresGrad(true).requiresGrad(false, '?.bias', '2.weight')
    expect(free()).toEqual(['0.weight'])
    net.requiresGrad(true)
    // A dot is a dot, and a glob is not found in the middle.
    for (const pattern of ['0?weightx', 'weight', '0,weight', /^weight/, ''])
      expectError('E_VALUE', () => net.requiresGrad(false, pattern), /called like/)
    expectError('E_VALUE', () => net.requiresGrad(false, '0.*', 'nothing'), /nothing/)
    expect(free().length).toBe(4)
  })
})

test('what cannot be cut says how to', async () => {
  const model = await GraphModule.from(pictures())
  expectError('E_GRAPH', () => model.replaceHead(new Linear(6, 2, { device }), { at: 'nowhere' }), /nowhere/)
  const two = exportModel(
    toGraph(
      new (class extends Sequential {
        override forward(x: never): never {
          const y = this.layers[0].call(x)
          return [y, super.forward(x)] as never
        }
      })(new Linear(3, 2, { device }), new Linear(2, 2, { device })),
      [{ name: 'x', shape: [1, 3] }],
    ),
  )
  await expectRejects(
    'E_VALUE',
    async () => (await GraphModule.from(two)).replaceHead(new Linear(3, 1, { device })),
    /2 outputs of several layers/,
  )
})

for (const parts of [
  ['mnist-8', 'model.onnx'],
  ['mnist-pytorch', 'cnn_mnist_pytorch.onnx'],
  ['squeezenet-1.0', 'squeezenet1.0_dc.onnx'],
  ['mobilenetv2-0.35', 'mobilenetv2_0.35_features.onnx'],
])
  skipUnlessShared(parts[0], ['models', ...parts], (path) => {
    test('gets another number of classes and learns them', async () => {
      const model = await GraphModule.from(readFileSync(path))
      const [{ declared }] = model.graph.inputs
      const shape = (declared?.kind === 'tensor' ? (declared.shape ?? []) : []).map((size, i) =>
        typeof size === 'number' && i > 0 ? size : 1,
      )
      const tuned = model.replaceHead((features) =>
        features.length === 4
          ? new Sequential(new AdaptiveAvgPool2d(1), new Flatten(), new Linear(features[1], 5, { device }))
          : new Sequential(new Linear(features[1], 5, { device })),
      )
      model.dispose()
      tuned.requiresGrad(false).requiresGrad(true, 'head.*')
      const x = random(shape)
      const optimizer = new SGD(tuned.parameters(), { lr: 0.01 })
      const losses = [0, 1, 2].map(() =>
        device.step(() => {
          const loss = crossEntropy(tuned.call(device.tensor(x)), device.tensor(Int32Array.of(3), [1]))
          loss.backward()
          optimizer.step()
          optimizer.zeroGrad()
          return loss.item()
        }),
      )
      expect(losses[2]).toBeLessThan(losses[0])
      const bytes = exportModel(toGraph(tuned, [{ name: 'input', shape }]))
      const session = await InferenceSession.create(bytes, { build: 'simd' })
      const { output } = await session.run({ input: x })
      const expected = tuned.predict(x)
      expect(output.dims).toEqual([1, 5])
      const most = Math.max(...Array.from(expected.data as Float32Array, Math.abs))
      expected.data.forEach((value, i) =>
        expect(Math.abs((output.data as Float32Array)[i] - (value as number))).toBeLessThan(1e-4 * (1 + most)),
      )
      tuned.dispose()
    })
  })

test('scores and their probabilities are outputs of one layer', async () => {
  class Both extends Sequential {
    override forward(x: Variable): never {
      const scores = super.forward(x)
      return { scores, probabilities: F.softmax(scores, 1) } as never
    }
  }
  const both = new Both(new Linear(3, 4, { device }), new Linear(4, 2, { device }))
  const old = await GraphModule.from(exportModel(toGraph(both, [{ name: 'x', shape: [1, 3] }])))
  const model = old.replaceHead((shape) => new Linear(shape[1], 5, { device }))
  expect(model.head.weight.shape).toEqual([5, 4])
  expect([...model.namedParameters()].map(([name]) => name)).toEqual(['0.weight', '0.bias', 'head.weight', 'head.bias'])
})
