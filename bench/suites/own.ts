import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { DType } from '../../src/core/dtype.js'
import type { HostTensor } from '../../src/core/host.js'
import { readModel, writeModel } from '../../src/onnx/wire.js'
import { randomTensor, seeded } from '../../tests/support/random.js'
import { sharedRoot } from '../../tests/support/shared-root.js'
import type { Feeds, Work } from '../work.js'

// Models that this library has trained, and parts of models as its systems run them.

const modelFile = (name: string) => fileURLToPath(new URL(`../../models/${name}.onnx`, import.meta.url))

/**
 * The part of a model that computes some of its values, as a file; inputs as they are declared, or of a given shape.
 */
function cut(
  bytes: Uint8Array,
  outputs: readonly string[],
  shapes: Readonly<Record<string, readonly number[]>> = {},
): Uint8Array {
  const proto = readModel(bytes)
  const { graph } = proto
  if (!graph) throw new Error('a model without a graph')
  const wanted = new Set(outputs)
  const nodes = graph.node
    .toReversed()
    .filter(({ input, output }) => {
      if (!output.some((name) => wanted.has(name))) return false
      for (const name of input) wanted.add(name)
      return true
    })
    .toReversed()
  const elemType = graph.output[0].type?.tensorType?.elemType
  return writeModel({
    ...proto,
    graph: {
      ...graph,
      node: nodes,
      input: graph.input
        .filter(({ name }) => wanted.has(name))
        .map((value) =>
          Object.hasOwn(shapes, value.name)
            ? {
                name: value.name,
                type: {
                  tensorType: {
                    elemType: value.type?.tensorType?.elemType,
                    shape: { dim: shapes[value.name].map((dimValue) => ({ dimValue })) },
                  },
                },
              }
            : value,
        ),
      initializer: graph.initializer.filter(({ name }) => wanted.has(name)),
      output: outputs.map(
        (name) => graph.output.find((value) => value.name === name) ?? { name, type: { tensorType: { elemType } } },
      ),
      valueInfo: [],
    },
  })
}

type Spec = readonly [dtype: DType, shape: readonly number[], low: number, high: number]

function feedsOf(inputs: Readonly<Record<string, Spec>>): Feeds[] {
  return [31, 32, 33].map((seed) => {
    const random = seeded(seed)
    return new Map<string, HostTensor>(
      Object.entries(inputs).map(([name, [dtype, shape, low, high]]) => [
        name,
        randomTensor(random, dtype, shape, low, high),
      ]),
    )
  })
}

/** Readers of house numbers, and what a captioner sees in a photograph. */
export function* ownWorks(): Generator<() => Work> {
  const reader = modelFile('house-numbers/reader-best')
  for (const count of [1, 10])
    yield () => ({
      suite: 'models',
      group: 'trained here',
      name: `house-number reader, ${count} × 48²`,
      model: readFileSync(reader),
      feeds: feedsOf({ picture: ['float32', [count, 1, 48, 48], 0, 1] }),
    })
  const network = `${sharedRoot}/models/mobilenetv2-qdq/model.onnx`
  if (!existsSync(network)) return
  yield () => {
    const bytes = readFileSync(network)
    const { graph } = readModel(bytes)
    const pool = graph?.node.findLast(({ opType }) => opType === 'GlobalAveragePool' || opType === 'ReduceMean')
    if (!graph || !pool) throw new Error(`${network} pools nothing`)
    const input = graph.input[0].name
    const shape = [1, 3, 224, 224]
    return {
      suite: 'models',
      group: 'features',
      name: 'MobileNetV2 1.0 QDQ without its head, 224²',
      model: cut(bytes, [pool.input[0]], { [input]: shape }),
      feeds: feedsOf({ [input]: ['float32', shape, -2, 2] }),
    }
  }
}

/** A word of a caption: the state of the decoder stays where it is from word to word, peers are handed it. */
export function* captionWorks(): Generator<() => Work> {
  const file = modelFile('captions/attention-best')
  yield () => {
    const bytes = readFileSync(file)
    const vocabulary = readModel(bytes).metadataProps.find(({ key }) => key === 'vocabulary')?.value ?? '[]'
    const hidden = Number(
      readModel(bytes).graph?.input.find(({ name }) => name === 'h')?.type?.tensorType?.shape?.dim[1].dimValue,
    )
    return {
      suite: 'sequence',
      group: 'captions',
      name: `a word by attention-best, H${hidden}, 16 places`,
      model: cut(bytes, ['logits', 'next_h', 'next_c']),
      feeds: feedsOf({
        input_ids: ['int64', [1, 1], 1, (JSON.parse(vocabulary) as string[]).length],
        places: ['float32', [1, 16, hidden], -1, 1],
        h: ['float32', [1, hidden], -1, 1],
        c: ['float32', [1, hidden], -1, 1],
      }),
      states: { h: 'next_h', c: 'next_c' },
    }
  }
}
