import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { HostTensor, HostValue } from '../../src/core/host.js'
import type { DType } from '../../src/core/dtype.js'
import { lanewise } from '../conformance/engines.js'
import { expectRejects } from '../support/expect-error.js'
import { numbersIn, tensorOf } from '../support/numbers.js'
import { skipUnlessShared } from '../support/shared.js'

// Small models that once gave a wrong answer, with the right one; those that belong to one operator have rows in its
// case table, too.

interface Written {
  readonly type: DType
  readonly dims: readonly number[]
  readonly data: readonly (number | string)[]
}

interface FaultCase {
  readonly file: string
  readonly feeds: Readonly<Record<string, Written>>
  readonly expected: Readonly<Record<string, Written>>
}

function read({ type, dims, data }: Written): HostTensor {
  return tensorOf(type, dims, data.map(Number))
}

function expectSame(actual: HostTensor, expected: Written, what: string): void {
  expect(actual.dtype, what).toBe(expected.type)
  expect(actual.shape, what).toEqual(expected.dims)
  const share = { float16: 2e-3, float32: 1e-4 }[expected.type as string] ?? 0
  const numbers = numbersIn(actual)
  expected.data.map(Number).forEach((value, i) => {
    const same = Object.is(numbers[i], value) || Math.abs(numbers[i] - value) <= share * Math.abs(value)
    expect(same, `${what}: element ${i} is ${numbers[i]}, should be ${value}`).toBe(true)
  })
}

skipUnlessShared('models that showed a fault', ['faults'], (folder) => {
  const run = async (file: string, feeds: Readonly<Record<string, HostValue>>, passes = true) => {
    const model = await lanewise({ passes }).load(readFileSync(join(folder, file)))
    return model.run(new Map(Object.entries(feeds)))
  }
  const list = join(folder, 'cases.json')
  const cases = existsSync(list) ? (JSON.parse(readFileSync(list, 'utf8')) as FaultCase[]) : []

  describe.each([true, false])('graph passes %s', (passes) => {
    test.each(cases.map((row) => [row.file, row] as const))('%s', async (file, { feeds, expected }) => {
      const given = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, read(tensor)]))
      const results = await run(file, given, passes)
      for (const [name, tensor] of Object.entries(expected)) expectSame(results.get(name) as HostTensor, tensor, name)
    })
  })

  test('complex-sequence.onnx', async () => {
    const feeds = { a: tensorOf('complex64', [2], [1, 2, 3, 4]), b: tensorOf('complex64', [2], [5, 6, 7, 8]) }
    const [y] = (await run('complex-sequence.onnx', feeds)).values()
    expect(numbersIn(y as HostTensor)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  test('sequence-alias.onnx', async () => {
    const x = tensorOf('float32', [2], [1, 2])
    const model = await lanewise().load(readFileSync(join(folder, 'sequence-alias.onnx')))
    const first = await model.run(new Map([['x', x]]))
    const copies = [...first].map(([name, value]) => [name, JSON.stringify(value)])
    for (const value of first.values())
      for (const item of 'items' in value ? value.items : [value]) ((item as HostTensor).data as Float32Array).fill(-7)
    expect(numbersIn(x)).toEqual([1, 2])
    const second = await model.run(new Map([['x', x]]))
    expect([...second].map(([name, value]) => [name, JSON.stringify(value)])).toEqual(copies)
  })

  test.each([true, false])('pow.onnx, graph passes %s', async (passes) => {
    const feeds = { a: tensorOf('float32', [2], [1, -1]), b: tensorOf('float32', [2], [NaN, Infinity]) }
    const [y] = (await run('pow.onnx', feeds, passes)).values()
    expect(numbersIn(y as HostTensor)).toEqual([1, 1])
  })

  test('qlgap.onnx', async () => {
    const feeds = {
      x: tensorOf('uint8', [1, 2, 2, 2], new Array<number>(8).fill(100)),
      s: tensorOf('float16', [], [1]),
    }
    await expectRejects('E_TENSOR', () => run('qlgap.onnx', feeds))
  })

  test('stft_rank2.onnx as stft_rank3.onnx', async () => {
    const x = [1, 2, 3, 4, 3, 2, 1, 0]
    const [two, three] = [tensorOf('float32', [1, 8], x), tensorOf('float32', [1, 8, 1], x)]
    const [a] = (await run('stft_rank2.onnx', { x: two })).values()
    const [b] = (await run('stft_rank3.onnx', { x: three })).values()
    expect(a).toEqual(b)
  })
})
