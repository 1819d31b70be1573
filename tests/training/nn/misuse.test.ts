import { inspect } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Variable } from '../../../src/autograd/variable.js'
import * as nn from '../../../src/train.js'
import { F, Tensor } from '../../../src/train.js'
import { expectError, expectRejects } from '../../support/expect-error.js'

let device: nn.Device
beforeAll(async () => {
  device = await nn.Device.create({ build: 'simd', seed: 1 })
  nn.Device.current = device
})

const ones = (...shape: number[]): Tensor =>
  new Tensor('float32', new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape)

describe('numbers that make no layer', () => {
  const drops: readonly [string, (p: number) => unknown][] = [
    ['Dropout', (p) => new nn.Dropout(p)],
    ['Dropout1d', (p) => new nn.Dropout1d(p)],
    ['Dropout2d', (p) => new nn.Dropout2d(p)],
    ['Dropout3d', (p) => new nn.Dropout3d(p)],
    ['F.dropout', (p) => device.step(() => F.dropout(device.tensor([1]), p))],
    ['LSTM', (dropout) => new nn.LSTM(2, 2, { dropout, numLayers: 2 })],
    ['MultiheadAttention', (dropout) => new nn.MultiheadAttention(4, 2, { dropout })],
    ['TransformerEncoderLayer', (dropout) => new nn.TransformerEncoderLayer(4, 2, { dropout })],
    ['PositionalEncoding', (dropout) => new nn.PositionalEncoding(4, { dropout })],
    [
      'F.scaledDotProductAttention',
      (dropoutP) =>
        device.step(() => {
          const x = device.tensor(ones(1, 2, 4))
          return F.scaledDotProductAttention(x, x, x, { dropoutP })
        }),
    ],
  ]
  test.each(drops)('shares of %s', (_, make) => {
    for (const p of [2, 1, -0.1, NaN]) expectError('E_VALUE', () => make(p), /0 to below 1/)
    make(0)
    make(0.9)
  })

  const norms: readonly [string, (eps: number) => unknown][] = [
    ['BatchNorm2d', (eps) => new nn.BatchNorm2d(2, { eps })],
    ['its momentum', (momentum) => new nn.BatchNorm2d(2, { momentum })],
    ['LayerNorm', (eps) => new nn.LayerNorm(2, { eps })],
    ['GroupNorm', (eps) => new nn.GroupNorm(1, 2, { eps })],
    ['InstanceNorm2d', (eps) => new nn.InstanceNorm2d(2, { eps })],
    ['RMSNorm', (eps) => new nn.RMSNorm(2, { eps })],
    ['TransformerEncoderLayer', (layerNormEps) => new nn.TransformerEncoderLayer(4, 2, { layerNormEps })],
  ]
  test.each(norms)('the least variance of %s', (_, make) => {
    for (const eps of [-1, NaN, Infinity]) expectError('E_VALUE', () => make(eps), /at least 0/)
    make(0)
  })

  const sizes: readonly [string, (n: number) => unknown][] = [
    ['LSTM', (numLayers) => new nn.LSTM(2, 2, { numLayers })],
    ['MultiheadAttention', (kdim) => new nn.MultiheadAttention(4, 2, { kdim })],
    ['TransformerEncoderLayer', (dimFeedforward) => new nn.TransformerEncoderLayer(4, 2, { dimFeedforward })],
    ['PositionalEncoding', (maxLength) => new nn.PositionalEncoding(4, { maxLength })],
  ]
  test.each(sizes)('sizes of %s', (_, make) => {
    for (const n of [0, -1, 1.5, NaN, Infinity]) expectError('E_VALUE', () => make(n), /whole number of at least 1/)
  })

  test('a padding that is none, and a kernel that no memory holds', () => {
    expectError('E_VALUE', () => new nn.Conv2d(1, 1, 3, { padding: null as never }), /padding/)
    expectError('E_BUDGET', () => new nn.Conv2d(1, 1, 100_000), /10000000000 elements/)
  })
})

describe('attention', () => {
  const attention = () => new nn.MultiheadAttention(4, 2, { batchFirst: true }).eval()
  const layer = () => new nn.TransformerEncoderLayer(4, 2, { batchFirst: true }).eval()

  test('a mask in the place of the options, and options that there are none, are refused', () => {
    device.step(() => {
      const x = device.tensor(ones(1, 3, 4))
      const mask = device.tensor([[true, false, false]])
      expectError('E_VALUE', () => attention().call(x, x, x, mask as never), /MultiheadAttention has no option/)
      expectError('E_VALUE', () => attention().call(x, x, x, { attn_mask: mask } as never), /attn_mask/)
      expectError('E_VALUE', () => layer().call(x, { causal: true } as never), /causal/)
      expectError('E_VALUE', () => attention().call(x, x, x, { isCausal: mask as never }), /isCausal/)
    })
  })

  test('a mask is over all keys', () => {
    device.step(() => {
      const x = device.tensor(ones(2, 3, 4))
      const short = device.tensor([[false, true]])
      const one = device.tensor([[false]])
      for (const mask of [short, one]) {
        expectError('E_SHAPE', () => attention().call(x, x, x, { attnMask: mask }), /3 keys/)
        expectError('E_SHAPE', () => attention().call(x, x, x, { keyPaddingMask: mask }), /3 keys/)
        expectError('E_SHAPE', () => F.scaledDotProductAttention(x, x, x, { attnMask: mask }), /3 keys/)
      }
      const row = device.tensor([[false, true, false]])
      expect(attention().call(x, x, x, { attnMask: row }).shape).toEqual([2, 3, 4])
    })
  })

  test('with a cache a mask is over what is remembered, too', () => {
    const model = attention()
    device.step(() =>
      device.noGrad(() => {
        const cache = new nn.KeyValueCache()
        const x = device.tensor(ones(1, 2, 4))
        model.call(x, x, x, { cache })
        const next = device.tensor(ones(1, 1, 4))
        const attnMask = device.tensor([[true, false, false]])
        expect(model.call(next, next, next, { cache, attnMask }).shape).toEqual([1, 1, 4])
      }),
    )
  })

  test('a place to begin at is a number, a tensor or a cache', () => {
    const places = new nn.PositionalEncoding(4)
    device.step(() =>
      expectError('E_VALUE', () => places.call(device.tensor(ones(1, 1, 4)), { offset: 3 } as never), /offset/),
    )
  })
})

test('labels that are floats have the shape of the scores', () => {
  device.step(() => {
    const scores = device.tensor([
      [1, 2, 3],
      [4, 5, 6],
    ])
    expectError('E_SHAPE', () => nn.crossEntropy(scores, device.tensor([1, 0])), /shares of classes/)
    const shares = device.tensor([
      [0, 1, 0],
      [1, 0, 0],
    ])
    const numbers = device.constant(new Tensor('int32', [1, 0], [2]))
    expect(nn.crossEntropy(scores, shares).item()).toBeCloseTo(nn.crossEntropy(scores, numbers).item(), 6)
  })
})

describe('fit', () => {
  const batch = { x: ones(1, 2), label: new Tensor('int32', [1], [1]) }
  const run = (options: Partial<nn.FitOptions>) => {
    const model = new nn.Linear(2, 2)
    return nn.fit(model, [batch], { optimizer: new nn.SGD(model.parameters()), epochs: 2, ...options })
  }

  test('a validation that is known to be empty is refused before the first step', async () => {
    const empty = { length: 0, get: () => batch }
    for (const validation of [[], new nn.DataLoader(empty, { batchSize: 2 })]) {
      const model = new nn.Linear(2, 2)
      const before = model.weight.data()
      const optimizer = new nn.SGD(model.parameters(), { lr: 0.1 })
      await expectRejects('E_VALUE', () => nn.fit(model, [batch], { optimizer, epochs: 1, validation }), /no batches/)
      expect(model.weight.data()).toEqual(before)
    }
  })

  test('a mean that would begin after the last epoch is refused', async () => {
    await expectRejects('E_VALUE', () => run({ swa: { fromEpoch: 3 } }), /swa\.fromEpoch/)
    expect((await run({ swa: { fromEpoch: 2 } })).steps).toBe(2)
  })

  test('a metric says what it lacks', async () => {
    const metrics = { own: { start: () => ({ add: () => {}, value: () => 1 }) } }
    await expectRejects('E_VALUE', () => run({ validation: [batch], metrics: metrics as never }), /"own".*update\(\)/)
  })
})

test('a tokenizer names arguments that are none', async () => {
  const tokenizer = await nn.Tokenizer.train(['some text'], { vocabularySize: 257, specialTokens: ['<end>'] })
  expectError('E_VALUE', () => tokenizer.encode(5 as never), /text a string, got 5/)
  expectError('E_VALUE', () => tokenizer.encode('a', { addSpecialTokens: true } as never), /addSpecialTokens/)
  expectError('E_VALUE', () => tokenizer.decode('abc' as never), /numbers/)
  expectError('E_VALUE', () => tokenizer.decode([1], { skipSpecialTokens: true } as never), /skipSpecialTokens/)
  expect(tokenizer.decode(tokenizer.encode('text'))).toBe('text')
})

test('a description of a layer has the numbers that it was made of', () => {
  const wrong =
    (layer: nn.Module & { forward(x: Variable): Variable }, ...shape: number[]) =>
    () =>
      layer.predict(ones(...shape))
  expectError('E_SHAPE', wrong(new nn.BatchNorm2d(3, { momentum: 0.3 }), 1, 4, 2, 2), /BatchNorm2d\(3\) got 4 channels/)
})

test('losses compare tensors of one shape, or of one that is spread over the other', () => {
  device.step(() => {
    const column = device.tensor([[0.25], [0.75]])
    const row = device.tensor([0.25, 0.75])
    const losses: readonly [string, (x: Variable, y: Variable) => Variable][] = [
      ['mse', nn.mse],
      ['l1', nn.l1],
      ['bce', nn.bce],
      ['bceWithLogits', nn.bceWithLogits],
      ['huber', nn.huber],
      ['smoothL1', nn.smoothL1],
      ['klDiv', nn.klDiv],
      ['poissonNll', nn.poissonNll],
    ]
    for (const [name, loss] of losses) {
      // Each of one with each of the other was a mean over four differences.
      expectError('E_SHAPE', () => loss(column, row), new RegExp(`^${name} compares`))
      expectError('E_SHAPE', () => loss(row, column), /float32\[2\].*float32\[2,1\]/)
    }
    expectError('E_VALUE', () => nn.mse(row, row, 'avg' as never), /none, sum or mean, not "avg"/)
    expect(nn.mse(column, device.tensor([[0.25], [0.25]])).item()).toBeCloseTo(0.125, 6)
    expect(nn.mse(column, device.tensor([0.25])).item()).toBeCloseTo(0.125, 6)
    expect(nn.l1(device.tensor([0.25]), column).item()).toBeCloseTo(0.25, 6)
  })
})

test('what a device is made with', async () => {
  const cases: readonly [object, RegExp][] = [
    [{ build: 'fast' }, /build must be auto or simd or relaxed, got fast/],
    [{ accuracy: 'high' }, /accuracy must be fast or exact, got high/],
    [{ threads: 0 }, /threads/],
    [{ threads: 1.5 }, /threads/],
    [{ threads: 'all' }, /threads/],
  ]
  for (const [options, message] of cases) await expectRejects('E_VALUE', () => nn.Device.create(options), message)
})

test('an optimiser names itself, a module what it lacks, a tensor what it is', () => {
  const layer = new nn.Linear(2, 2)
  expectError('E_VALUE', () => new nn.AdamW(layer.parameters(), { weight_decay: 0.1 } as never), /AdamW has no option/)
  expectError('E_VALUE', () => new nn.Adam(layer.parameters(), { weight_decay: 0.1 } as never), /Adam has no option/)
  class Unfinished extends (nn.Module as unknown as new () => nn.Linear) {}
  device.step(() =>
    expectError('E_VALUE', () => new Unfinished().call(device.tensor([1])), /Unfinished has no forward/),
  )
  expect(String(layer.weight)).toBe('a tensor (float32[2,2])')
  expect(inspect(layer.bias)).toBe('a tensor (float32[2])')
})
