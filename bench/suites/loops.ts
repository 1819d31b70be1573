// Loops as exporters write them: a recurrence whose state has one shape, and a tensor that grows by a row with every
// iteration.
import { hostTensor } from '../../src/core/host.js'
import type { Shape } from '../../src/core/shape.js'
import { dtypeToOnnx, type DType } from '../../src/core/dtype.js'
import { AttributeType, type NodeProto, type ValueInfoProto } from '../../src/onnx/schema/onnx.js'
import type { Init } from '../../src/onnx/schema/table.js'
import { randomTensor, seeded } from '../../tests/support/random.js'
import { model, node } from '../graph.js'
import type { Feeds, Work } from '../work.js'

const WIDTH = 64

function value(name: string, dtype: DType, shape: Shape | undefined): Init<ValueInfoProto> {
  const dim = shape?.map((size) => (size < 0 ? {} : { dimValue: size }))
  return { name, type: { tensorType: { elemType: dtypeToOnnx(dtype), ...(dim && { shape: { dim } }) } } }
}

/** A Loop over `body`, which carries x and hands out what it makes of it. */
function loop(trips: number, body: readonly Init<NodeProto>[], inputs: readonly string[], x: Shape): Init<NodeProto> {
  const loop = node('Loop', ['trips', '', ...inputs], ['last', 'all'])
  const graph = {
    name: 'body',
    node: [node('Identity', ['going'], ['still']), ...body],
    input: [value('i', 'int64', []), value('going', 'bool', []), value('x', 'float32', x)],
    output: [value('still', 'bool', []), value('next', 'float32', x), value('row', 'float32', [1, WIDTH])],
  }
  return { ...loop, name: `Loop of ${trips}`, attribute: [{ name: 'body', type: AttributeType.GRAPH, g: graph }] }
}

function work(name: string, trips: number, body: readonly Init<NodeProto>[], grows: boolean): Work {
  const random = seeded(31)
  const scale = 1 / Math.sqrt(WIDTH)
  const weights: Feeds = new Map([
    ['w', randomTensor(random, 'float32', [WIDTH, WIDTH], -scale, scale)],
    ['b', randomTensor(random, 'float32', [WIDTH], -scale, scale)],
    ['trips', hostTensor('int64', [], BigInt64Array.of(BigInt(trips)))],
  ])
  return {
    suite: 'sequence',
    group: 'loops',
    name,
    model: model({
      inputs: { first: [1, WIDTH] },
      outputs: ['last', 'all'],
      weights,
      nodes: [loop(trips, body, ['first'], grows ? [-1, WIDTH] : [1, WIDTH])],
      opset: 17,
    }),
    feeds: [21, 22, 23].map((seed) => new Map([['first', randomTensor(seeded(seed), 'float32', [1, WIDTH], -1, 1)]])),
  }
}

/** One layer applied again and again, and rows that are joined. */
export function* loopWorks(): Generator<() => Work> {
  const layer = [
    node('MatMul', ['x', 'w'], ['product']),
    node('Add', ['product', 'b'], ['sum']),
    node('Tanh', ['sum'], ['next']),
    node('Identity', ['next'], ['row']),
  ]
  yield () => work(`Loop, 200 times a layer of ${WIDTH}`, 200, layer, false)
  const rows = [
    node('ReduceMean', ['x'], ['row'], { axes: [0n], keepdims: 1n }),
    node('Concat', ['x', 'row'], ['next'], { axis: 0n }),
  ]
  yield () => work(`Loop, a tensor of ${WIDTH} columns grown by 200 rows`, 200, rows, true)
}
