import { expect, test } from 'vitest'
import { classify } from '../../src/cli/classifier.js'
import { TensorDataset } from '../../src/data/dataset.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../src/node.js'
import '../../src/all-ops.js'
import { expectRejects } from '../support/expect-error.js'

const COUNT = 7
const pictures = Float32Array.from({ length: COUNT * 4 }, (_, i) => Math.sin(i))
const test7 = new TensorDataset({
  image: new Tensor('float32', pictures, [COUNT, 1, 2, 2]),
  label: new Tensor('int32', new Int32Array(COUNT), [COUNT]),
})

async function classifier(batch: number | string, sum = false) {
  const g = new GraphBuilder()
  const rows = g.op('Flatten', [g.input('image', 'float32', [batch, 1, 2, 2])], {}, 'rows')
  const weights = g.constant(
    'w',
    new Tensor(
      'float32',
      Float32Array.from({ length: 12 }, (_, i) => Math.cos(i)),
      [4, 3],
    ),
  )
  const scores = g.op('MatMul', [rows, weights])
  g.output(sum ? g.op('ReduceSum', [scores], { keepdims: 0 }) : scores, 'scores')
  const session = await InferenceSession.create(exportModel(g))
  return { session, file: '', classes: ['a', 'b', 'c'], test: test7, source: '', output: 'scores', normalized: false }
}

test.each([1, 2, 3, 7, 10])(
  'a model that takes %i pictures at a time has what one of any number has',
  async (batch) => {
    const indices = [6, 0, 1, 2, 3, 4, 5]
    const free = await classify(await classifier('N'), indices, ['rows'])
    const fixed = await classify(await classifier(batch), indices, ['rows'])
    for (const name of ['scores', 'rows']) {
      const [a, b] = [free.values[name], fixed.values[name]] as [Tensor, Tensor]
      expect(b.dims).toEqual(a.dims)
      expect(b.data).toEqual(a.data)
    }
  },
)

test('what has no row for each picture is refused', async () => {
  const wrong = await classifier(2, true)
  await expectRejects('E_SHAPE', () => classify(wrong, [0, 1, 2, 3]), /"scores" does not have a row/)
})
