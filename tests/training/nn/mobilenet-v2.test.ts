import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { exportModel, InferenceSession, loadGraph } from '../../../src/node.js'
import { Adam, crossEntropy, Device, Random, Tensor, toGraph } from '../../../src/train.js'
import { loadMobileNetV2 } from '../../../models/mobilenet-v2/load.js'
import { channelsOf, MobileNetV2 } from '../../../models/mobilenet-v2/network.js'
import { skipUnlessShared } from '../../support/shared.js'
import { decodeTensor } from '../../../src/onnx/tensor-proto.js'
import { readTensorProto } from '../../../src/onnx/wire.js'

async function fresh(seed = 1): Promise<Device> {
  const device = await Device.create({ build: 'simd', seed })
  Device.current = device
  return device
}

function picture(count: number, side: number, seed: number): Tensor {
  const random = new Random(seed)
  return new Tensor(
    'float32',
    Float32Array.from({ length: count * 3 * side * side }, () => random.between(-2, 2)),
    [count, 3, side, side],
  )
}

/** Gives running statistics something else than zeros and ones. */
function worn(model: MobileNetV2): void {
  const random = new Random(9)
  const state = model.stateDict()
  const changed = new Map(
    [...state].map(([name, tensor]) => [
      name,
      /running|\.1\.(weight|bias)$|\.[23]\.bias$/.test(name)
        ? new Tensor(
            'float32',
            Float32Array.from(tensor.data as Float32Array, (value) => value + random.between(0, 0.2)),
            tensor.dims,
          )
        : tensor,
    ]),
  )
  model.loadStateDict(changed)
}

const exported = (model: MobileNetV2, side: number) =>
  exportModel(toGraph(model, [{ name: 'picture', shape: [{ name: 'N', size: 1 }, 3, side, side] }]))

describe('MobileNetV2', () => {
  test('has the parameters of the paper and torchvision: 3,504,872; widths round to eighths', async () => {
    const device = await fresh()
    const model = new MobileNetV2()
    expect(model.parameters().reduce((sum, { size }) => sum + size, 0)).toBe(3_504_872)
    const names = [...model.stateDict().keys()]
    for (const name of [
      'features.0.0.weight',
      'features.1.conv.0.0.weight',
      'features.1.conv.2.running_var',
      'features.17.conv.3.bias',
      'features.18.1.weight',
      'classifier.1.bias',
    ])
      expect(names).toContain(name)
    expect(channelsOf(1).length).toBe(52)
    expect(channelsOf(0.35).slice(0, 4)).toEqual([16, 16, 8, 48])
    expect(channelsOf(0.35).at(-1)).toBe(1280)
    expect(channelsOf(1.4).at(-1)).toBe(1792)
    device.dispose()
  })

  test('is trained end to end: every parameter has a gradient, and the loss falls', async () => {
    const device = await fresh(4)
    const model = new MobileNetV2({ width: 0.1, classes: 3 })
    const x = picture(4, 64, 5)
    const optimizer = new Adam(model.parameters(), { lr: 0.003 })
    const step = () =>
      device.step(() => {
        const loss = crossEntropy(model.call(device.tensor(x)), device.tensor(Int32Array.of(0, 1, 2, 1), [4]))
        optimizer.zeroGrad()
        loss.backward()
        return loss.item()
      })
    const first = step()
    for (const [name, parameter] of model.namedParameters())
      expect(
        (parameter.grad?.data() as Float32Array | undefined)?.some((value) => value !== 0),
        name,
      ).toBe(true)
    optimizer.step()
    let last = first
    for (let i = 0; i < 8; i++) {
      last = step()
      optimizer.step()
    }
    expect(last).toBeLessThan(first)
    device.dispose()
  })

  test.each([
    { width: 0.1, classes: 5, activation: 'relu6', padding: 'both' },
    { width: 0.2, classes: 4, activation: 'relu', padding: 'end' },
  ] as const)('its own export is loaded again, by names and by shapes (%o)', async (options) => {
    const device = await fresh(6)
    const model = new MobileNetV2(options)
    worn(model)
    model.eval()
    const bytes = exported(model, 32)
    const x = picture(2, 32, 7)
    const right = model.predict(x).data as Float32Array
    const byName = await loadMobileNetV2(bytes)
    byName.eval()
    expect(byName.predict(x).data).toEqual(right)
    // Without names: batch normalisation folded into convolutions, as exporters do, and other names.
    const graph = await loadGraph(bytes)
    for (const [i, value] of [...graph.values].filter((one) => one.constant).entries())
      graph.rename(value, `onnx::${i}`)
    foldNorms(graph)
    graph.prune()
    const byShape = await loadMobileNetV2(exportModel(graph))
    byShape.eval()
    const found = byShape.predict(x).data as Float32Array
    right.forEach((value, i) => expect(found[i]).toBeCloseTo(value, 4))
    device.dispose()
  })

  test('other networks are refused', async () => {
    const device = await fresh()
    await expect(loadMobileNetV2('models/mnist/small.onnx')).rejects.toThrow('not those of MobileNetV2 at any width')
    await expect(loadMobileNetV2('models/mnist/mlp.onnx')).rejects.toThrow('no convolutions')
    device.dispose()
  })
})

/** Convolution and batch normalisation as one convolution with a bias. */
function foldNorms(graph: Awaited<ReturnType<typeof loadGraph>>): void {
  for (const node of [...graph.nodes]) {
    if (node.op.name !== 'BatchNormalization') continue
    const [x, scale, bias, mean, variance] = node.inputs
    const conv = graph.producerOf(x!)!
    const data = (value: typeof x) => value!.constant!.data as Float32Array
    const factor = data(scale).map((value, c) => value / Math.sqrt(data(variance)[c] + 1e-5))
    const { shape } = conv.inputs[1]!.constant!
    const size = data(conv.inputs[1]).length / shape[0]
    const name = node.outputs[0]!.name
    const weight = graph.constant(
      `${name}.folded`,
      new Tensor(
        'float32',
        data(conv.inputs[1]).map((value, i) => value * factor[Math.floor(i / size)]),
        shape,
      ),
    )
    const offset = graph.constant(
      `${name}.offset`,
      new Tensor(
        'float32',
        data(bias).map((value, c) => value - data(mean)[c] * factor[c]),
        [shape[0]],
      ),
    )
    const { pads, strides, group, kernel_shape } = conv.attributes
    graph.replace(node, 'Conv', { pads, strides, group, kernel_shape }, { inputs: [conv.inputs[0]!, weight, offset] })
  }
}

skipUnlessShared('published files', ['models', 'mobilenetv2-qdq', 'model.onnx'], (path) => {
  test('integer weights are dequantised: the classes of the file, by almost the same scores', async () => {
    const device = await fresh()
    const model = await loadMobileNetV2(path)
    model.eval()
    const read = (name: string) => {
      const { data, shape } = decodeTensor(readTensorProto(readFileSync(join(path, '..', 'test_data_set_0', name))))
      return new Tensor('float32', data as Float32Array, shape)
    }
    const right = read('output_0.pb').data
    const found = model.predict(read('input_0.pb')).data as Float32Array
    expect(found.indexOf(Math.max(...found))).toBe(right.indexOf(Math.max(...right)))
    const mean = (list: Float32Array) => list.reduce((a, b) => a + b, 0) / list.length
    const [a, b] = [mean(found), mean(right)]
    let [product, squares, others] = [0, 0, 0]
    found.forEach((value, i) => {
      product += (value - a) * (right[i] - b)
      squares += (value - a) ** 2
      others += (right[i] - b) ** 2
    })
    expect(product / Math.sqrt(squares * others)).toBeGreaterThan(0.97)
    device.dispose()
  })
})

skipUnlessShared('features alone', ['models', 'mobilenetv2-0.35', 'mobilenetv2_0.35_features.onnx'], (path) => {
  test('a width of 0.35 that pads at the end gives the features of the file', async () => {
    const device = await fresh()
    const model = await loadMobileNetV2(path)
    model.eval()
    const x = picture(1, 224, 3)
    const session = await InferenceSession.create(path)
    const { features } = await session.run({ image: x })
    const found = device.step(() => model.features.call(device.tensor(x)).data()) as Float32Array
    ;(features.data as Float32Array).forEach((value, c) => {
      const own = found.subarray(c * 49, (c + 1) * 49).reduce((sum, place) => sum + place, 0) / 49
      expect(own).toBeCloseTo(value, 3)
    })
    await session.release()
    device.dispose()
  })
})
