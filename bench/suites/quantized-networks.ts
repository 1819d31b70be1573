import { existsSync, readFileSync } from 'node:fs'
import { publishValue } from '../../src/api/value.js'
import { readModel, writeModel } from '../../src/onnx/wire.js'
import { quantize, type QuantizeOptions } from '../../src/quantize/index.js'
import { outputStep, randomFeeds } from '../../tests/support/models.js'
import { sharedRoot } from '../../tests/support/shared-root.js'
import type { Feeds, LaterWork } from '../work.js'
import { miniLM, mobileNetV2, resnet18, resnet50, resnet8 } from './networks.js'

const suite = 'quantized'

/** Three pictures, or the like, for a model. */
const feedsOf = (model: Uint8Array): Feeds[] => [7, 8, 9].map((seed) => randomFeeds(readModel(model), seed))

/** A network of this bench, quantised by the library; engines differ in which byte a value between two becomes. */
function network(group: string, name: string, make: () => Uint8Array, options: QuantizeOptions): LaterWork {
  return {
    suite,
    group,
    name,
    async later() {
      const float32 = make()
      const feeds = feedsOf(float32)
      const calibrate = feeds.map((feed) => Object.fromEntries([...feed].map(([key, x]) => [key, publishValue(x)])))
      const { bytes } = await quantize(float32, { ...options, calibrate })
      const outputs = readModel(bytes).graph?.output.map(({ name }) => name) ?? []
      // Of outputs that are about 1: a layer's bytes more or less go through all that follow.
      return {
        suite,
        group,
        name,
        model: bytes,
        float32,
        feeds,
        steps: Object.fromEntries(outputs.map((y) => [y, 0.2])),
      }
    },
  }
}

/** A QDQ model as it was: its quantisers are left out, its weights stay what they have become. */
function withoutQuantizers(bytes: Uint8Array): Uint8Array {
  const proto = readModel(bytes)
  const { graph } = proto
  if (!graph) throw new Error('a model without a graph')
  const makers = new Map(graph.node.map((node) => [node.output[0], node]))
  const node = graph.node.map((each) => {
    if (each.opType !== 'DequantizeLinear') return each
    // Some exporters write that bytes are the bytes they are.
    let maker = makers.get(each.input[0])
    while (maker?.opType === 'Cast' || maker?.opType === 'Identity') maker = makers.get(maker.input[0])
    if (maker?.opType !== 'QuantizeLinear') return each
    return { ...each, opType: 'Identity', input: [maker.input[0]], attribute: [] }
  })
  return writeModel({ ...proto, graph: { ...graph, node } })
}

/** Networks against themselves in float32. */
export function* quantizedNetworks(): Generator<() => LaterWork> {
  const file = `${sharedRoot}/models/mobilenetv2-qdq/model.onnx`
  if (existsSync(file))
    yield () => ({
      suite,
      group: 'QDQ networks',
      name: 'MobileNetV2 QDQ 244² of a file',
      async later() {
        const model = readFileSync(file)
        const proto = readModel(model)
        const steps = proto.graph?.output.map(({ name }) => [name, outputStep(proto, name)] as const) ?? []
        return {
          suite,
          group: 'QDQ networks',
          name: 'MobileNetV2 QDQ 244² of a file',
          model,
          float32: withoutQuantizers(model),
          feeds: feedsOf(model),
          steps: Object.fromEntries(steps),
        }
      },
    })
  const qdq: QuantizeOptions = { int8: 'static' }
  yield () => network('QDQ networks', 'MobileNetV2 QDQ 224²', () => mobileNetV2(224), qdq)
  yield () => network('QDQ networks', 'ResNet-50 QDQ 224²', () => resnet50(224), qdq)
  yield () => network('QDQ networks of 3×3', 'ResNet-8 QDQ 32²', resnet8, qdq)
  yield () => network('QDQ networks of 3×3', 'ResNet-18 QDQ 112²', () => resnet18(112), qdq)
  const transformers = 'transformers'
  for (const tokens of [16, 128]) {
    yield () =>
      network(transformers, `MiniLM dynamic int8, ${tokens} tokens`, () => miniLM(tokens), { int8: 'dynamic' })
    yield () => network(transformers, `MiniLM int4, ${tokens} tokens`, () => miniLM(tokens), { int4: true })
  }
}
