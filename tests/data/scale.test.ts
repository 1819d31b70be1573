import { describe, expect, test } from 'vitest'
import { randomSplit, TensorDataset, type Fields, type StreamDataset } from '../../src/data/dataset.js'
import { MinMaxScaler, StandardScaler, type ScaleBy } from '../../src/data/scale.js'
import { Random } from '../../src/core/random.js'
import { Tensor } from '../../src/api/tensor.js'
import { expectError, expectRejects } from '../support/expect-error.js'

const random = new Random(4)
const rows = 50
const pictures = new Tensor(
  'float32',
  Float32Array.from({ length: rows * 12 }, (_, i) => 1000 + 3 * (i % 12) + (1 + (i % 5)) * random.normal()),
  [rows, 2, 3, 2],
)
const data = new TensorDataset({ image: pictures, label: new Tensor('int32', new Int32Array(rows), [rows]) })

/** Values by group, written out. */
function groupsOf(values: Float32Array, by: ScaleBy): number[][] {
  const groups: number[][] = []
  values.forEach((value, i) => {
    const group = by === 'all' ? 0 : by === 'channel' ? Math.floor((i % 12) / 6) : i % 12
    groups[group] = [...(groups[group] ?? []), value]
  })
  return groups
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length

describe.each<[ScaleBy, number]>([
  ['feature', 12],
  ['channel', 2],
  ['all', 1],
])('scaling by %s', (by, count) => {
  test('mean 0 and variance 1, and back', async () => {
    const scaler = await new StandardScaler(by).fit(data, 'image')
    const scaled = scaler.transform(pictures)
    expect(scaled.dims).toEqual(pictures.dims)
    const groups = groupsOf(scaled.data as Float32Array, by)
    expect(groups.length).toBe(count)
    for (const group of groups) {
      expect(mean(group)).toBeCloseTo(0, 4)
      expect(mean(group.map((x) => x * x))).toBeCloseTo(1, 4)
    }
    const back = scaler.inverse(scaled).data as Float32Array
    back.forEach((x, i) => expect(x).toBeCloseTo(pictures.data[i], 3))
  })

  test('0 to 1', async () => {
    const scaler = await new MinMaxScaler(by).fit(data, 'image')
    for (const group of groupsOf(scaler.transform(pictures).data as Float32Array, by)) {
      expect(Math.min(...group)).toBe(0)
      expect(Math.max(...group)).toBeCloseTo(1, 6)
    }
  })

  test('one example is scaled as in its batch, also by a scaler restored from JSON', async () => {
    const scaler = await new StandardScaler(by).fit(data, 'image')
    const restored = new StandardScaler(by).restore(
      JSON.parse(JSON.stringify(scaler)) as ReturnType<typeof scaler.toJSON>,
    )
    const one = restored.transform(data.get(7).image)
    expect(one.data).toEqual((scaler.transform(pictures).data as Float32Array).slice(84, 96))
    expectError('E_STATE', () => new MinMaxScaler(by).restore(scaler.toJSON()))
  })
})

test('only the training part decides', async () => {
  const [train] = randomSplit<Fields>(data, [40, 10], 1)
  const scaler = await new StandardScaler('all').fit(train, 'image')
  const own = Array.from({ length: 40 }, (_, i) =>
    Array.from((train.get(i) as Fields).image.data as Float32Array),
  ).flat()
  expect(scaler.toJSON().shift[0]).toBeCloseTo(mean(own), 6)
  expect(scaler.toJSON().shift[0]).not.toBe((await new StandardScaler('all').fit(data, 'image')).toJSON().shift[0])
})

test('a feature that never varies is moved, not stretched', async () => {
  const constant = new TensorDataset({ x: new Tensor('float32', [0.1, 1, 0.1, 2, 0.1, 3], [3, 2]) })
  const standard = await new StandardScaler().fit(constant, 'x')
  expect(standard.toJSON().factor[0]).toBe(1)
  const scaled = standard.transform(constant.fields.x).data as Float32Array
  for (const i of [0, 2, 4]) expect(scaled[i]).toBeCloseTo(0, 7)
  expect((await new MinMaxScaler().fit(constant, 'x')).transform(constant.fields.x).data).toEqual(
    Float32Array.of(0, 0, 0, 0.5, 0, 1),
  )
})

test('bytes and streams can be fitted to', async () => {
  const stream: StreamDataset = {
    *stream() {
      for (const value of [0, 10, 255]) yield { x: new Tensor('uint8', [value], [1]) }
    },
  }
  expect((await new MinMaxScaler().fit(stream, 'x')).transform(new Tensor('uint8', [51], [1])).data).toEqual(
    Float32Array.of(0.2),
  )
})

test('misuse is refused', async () => {
  expectError('E_STATE', () => new StandardScaler().transform(pictures))
  await expectRejects('E_VALUE', () => new StandardScaler().fit(data, 'images'), /no field "images"/)
  const broken = new TensorDataset({ x: new Tensor('float32', [1, NaN], [2]) })
  await expectRejects('E_VALUE', () => new StandardScaler().fit(broken, 'x'))
  await expectRejects('E_VALUE', () =>
    new MinMaxScaler().fit(new TensorDataset({ x: new Tensor('float32', [1, Infinity], [2]) }), 'x'),
  )
  await expectRejects('E_VALUE', () =>
    new MinMaxScaler().fit(new TensorDataset({ x: new Tensor('float32', [], [0, 2]) }), 'x'),
  )
  await expectRejects('E_UNSUPPORTED', () =>
    new MinMaxScaler().fit(new TensorDataset({ x: new Tensor('int64', [1n], [1]) }), 'x'),
  )
  const scaler = await new StandardScaler().fit(data, 'image')
  expectError('E_SHAPE', () => scaler.transform(new Tensor('float32', new Float32Array(12), [3, 4])))
})
