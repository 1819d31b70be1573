import { describe, expect, test } from 'vitest'
import { registerAllOps } from '../../src/api/register-all.js'
import { hostFrom } from '../../src/core/host.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../src/node.js'
import { expectRejects } from '../support/expect-error.js'

// Between run() and its turn, and whenever a run waits, buffers are the caller's to detach, to resize or to write to.

registerAllOps()

/** positions = NonZero(x), twice = x + x, name = a + a: read at once, after the plan was cut, and in JavaScript. */
function session(): Promise<InferenceSession> {
  const g = new GraphBuilder('test')
  const x = g.input('x', 'float32', ['L'])
  const a = g.input('a', 'string', ['M'])
  const positions = g.output(g.op('NonZero', [x]), 'positions')
  const shifted = g.op('Add', [g.op('Cast', [positions], { to: 1 }), g.constant('one', hostFrom('float32', [1], [1]))])
  g.output(g.op('Add', [g.op('ReduceSum', [shifted], { keepdims: 0 }), x]), 'sum')
  g.output(g.op('StringConcat', [a, a]), 'name')
  return InferenceSession.create(exportModel(g.graph()))
}

const feeds = (x: Float32Array, a: string[] = ['b']) => ({ x: new Tensor('float32', x, [4]), a: new Tensor(a) })
const detach = (buffer: ArrayBuffer) => structuredClone(buffer, { transfer: [buffer] })
const resizable = (bytes: number): ArrayBuffer =>
  new (ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer)(bytes, { maxByteLength: 64 })
const resize = (buffer: ArrayBuffer, bytes: number) =>
  (buffer as unknown as { resize(length: number): void }).resize(bytes)

describe('what is fed to a queued run and then', () => {
  const spoiled: [string, () => { x: Float32Array; spoil: () => void }][] = [
    [
      'detached',
      () => {
        const x = new Float32Array(4)
        return { x, spoil: () => void detach(x.buffer) }
      },
    ],
    [
      'shrunk',
      () => {
        const buffer = resizable(16)
        return { x: new Float32Array(buffer, 0, 4), spoil: () => resize(buffer, 8) }
      },
    ],
    [
      'shrunk, following its buffer',
      () => {
        const buffer = resizable(16)
        return { x: new Float32Array(buffer), spoil: () => resize(buffer, 12) }
      },
    ],
    [
      'grown, following its buffer',
      () => {
        const buffer = resizable(16)
        return { x: new Float32Array(buffer), spoil: () => resize(buffer, 32) }
      },
    ],
  ]

  test.each(spoiled)('%s is refused', async (_, make) => {
    const s = await session()
    const { x, spoil } = make()
    const first = s.run(feeds(Float32Array.of(1, 0, 2, 0)))
    const second = s.run(feeds(x))
    const third = s.run(feeds(Float32Array.of(0, 5, 0, 0)))
    spoil()
    await expectRejects('E_TENSOR', () => second)
    expect((await first).positions.data).toEqual(BigInt64Array.of(0n, 2n))
    expect((await third).sum.data).toEqual(Float32Array.of(2, 7, 2, 2))
  })

  test.each(spoiled)('%s is refused as the place of a result', async (_, make) => {
    const s = await session()
    const { x, spoil } = make()
    const first = s.run(feeds(Float32Array.of(1, 0, 2, 0)))
    const second = s.run(feeds(Float32Array.of(1, 0, 2, 0)), { sum: new Tensor('float32', x, [4]) })
    spoil()
    await expectRejects('E_TENSOR', () => second)
    expect((await first).sum.data).toEqual(Float32Array.of(5, 4, 6, 4))
  })

  test('emptied, lengthened or no strings any more is refused', async () => {
    const s = await session()
    for (const spoil of [(a: unknown[]) => a.pop(), (a: unknown[]) => a.push('c'), (a: unknown[]) => (a[0] = 7)]) {
      const a = ['a', 'b']
      const first = s.run(feeds(new Float32Array(4)))
      const second = s.run(feeds(new Float32Array(4), a))
      spoil(a)
      await expectRejects('E_TENSOR', () => second)
      expect((await first).name.data).toEqual(['bb'])
    }
  })
})

describe('what is changed while the run waits', () => {
  test.each([undefined, new AbortController().signal])(
    'is read as it was when it began (signal: %s)',
    async (signal) => {
      const s = await session()
      const warm = feeds(Float32Array.of(1, 2, 3, 4))
      await s.run(warm)
      const x = Float32Array.of(0, 0, 3, 0)
      const a = ['b']
      const run = s.run(feeds(x, a), undefined, { signal })
      let waiting = true
      void run.finally(() => (waiting = false))
      const seen = new Set<string>()
      while (waiting) {
        await Promise.resolve()
        x.fill(9)
        a[0] = 'changed'
      }
      const { positions, sum, name } = await run
      // One reading or the other of the whole, never a mixture.
      seen.add(`${String(positions.data)} ${String(sum.data)} ${String(name.data)}`)
      expect(['2 3,3,6,3 bb', '0,1,2,3 19,19,19,19 changedchanged']).toContain([...seen][0])
    },
  )

  test('is refused as the place of a result where it is gone', async () => {
    const s = await session()
    const pinned = new Float32Array(4)
    const before = s.run(feeds(Float32Array.of(1, 0, 0, 0)))
    const run = s.run(feeds(Float32Array.of(1, 0, 0, 0)), { sum: new Tensor('float32', pinned, [4]), positions: null })
    detach(pinned.buffer)
    await before
    await expectRejects('E_TENSOR', () => run)
    expect((await s.run(feeds(Float32Array.of(1, 0, 0, 0)))).sum.data).toEqual(Float32Array.of(2, 1, 1, 1))
  })
})

test('memory shared between threads is read once', async () => {
  const s = await session()
  const x = new Float32Array(new SharedArrayBuffer(16))
  x.set([0, 1, 0, 0])
  const { sum } = await s.run(feeds(x))
  expect(sum.data).toEqual(Float32Array.of(2, 3, 2, 2))
})

test.each([[[1]], [[null]], [['a', undefined]], [[['a']]], [[{}]]])('%j is no tensor of strings', async (data) => {
  await expectRejects('E_TENSOR', async () => new Tensor('string', data as unknown as string[]))
  const a = new Tensor('string', ['a', 'b'].slice(0, data.length))
  ;(a.data as unknown[]).splice(0, data.length, ...data)
  const s = await session()
  await expectRejects('E_TENSOR', () => s.run({ x: new Tensor(new Float32Array(4)), a }))
})

test('a result is written into packed elements', async () => {
  const g = new GraphBuilder('test')
  g.output(g.op('Identity', [g.input('x', 'int4', [3])]), 'y')
  const s = await InferenceSession.create(exportModel(g.graph()))
  const y = new Tensor('int4', new Uint8Array(2), [3])
  const results = await s.run({ x: new Tensor('int4', Uint8Array.of(0x21, 0x0f), [3]) }, { y })
  expect(results.y).toBe(y)
  expect(y.data).toEqual(Uint8Array.of(0x21, 0x0f))
})

describe('a single node that takes long is broken off', () => {
  async function aborted(build: (g: GraphBuilder) => void, given: Record<string, Tensor>): Promise<void> {
    const g = new GraphBuilder('test')
    build(g)
    const s = await InferenceSession.create(exportModel(g.graph()))
    const controller = new AbortController()
    const run = s.run(given, undefined, { signal: controller.signal })
    setTimeout(() => controller.abort(new Error('enough')), 1)
    const error = await expectRejects('E_STATE', () => run, /aborted/)
    expect(error.cause).toEqual(new Error('enough'))
  }

  // Each would take minutes, and most of them hours.
  test('NonMaxSuppression', () => {
    const count = 200_000
    const boxes = Float32Array.from({ length: 4 * count }, (_, i) => (i >> 2) * 2 + ((i & 3) > 1 ? 1 : 0))
    return aborted(
      (g) => {
        const most = g.constant('most', hostFrom('int64', [1], [count]))
        const inputs = [g.input('boxes', 'float32', [1, count, 4]), g.input('scores', 'float32', [1, 1, count])]
        g.output(g.op('NonMaxSuppression', [...inputs, most]), 'y')
      },
      {
        boxes: new Tensor(boxes, [1, count, 4]),
        scores: new Tensor(new Float32Array(count).fill(0.5), [1, 1, count]),
      },
    )
  })

  test.each(['int64', 'string'] as const)('TfIdfVectorizer of %s', (dtype) => {
    const length = 300_000
    const pool = dtype === 'string' ? { pool_strings: ['a', 'a'] } : { pool_int64s: [1, 1] }
    return aborted(
      (g) =>
        g.output(
          g.op('TfIdfVectorizer', [g.input('x', dtype, [length])], {
            ...pool,
            max_gram_length: 2,
            min_gram_length: 2,
            max_skip_count: length,
            mode: 'TF',
            ngram_counts: [0, 0],
            ngram_indexes: [0],
          }),
          'y',
        ),
      {
        x:
          dtype === 'string'
            ? new Tensor('string', new Array<string>(length).fill('a'))
            : new Tensor('int64', new BigInt64Array(length).fill(1n)),
      },
    )
  })

  test('RegexFullMatch', () =>
    aborted(
      (g) => g.output(g.op('RegexFullMatch', [g.input('x', 'string', [1])], { pattern: '(a|aa|b?){900}' }), 'y'),
      { x: new Tensor(['a'.repeat(10_000_000)]) },
    ))

  test('StringSplit', () =>
    aborted((g) => g.output(g.node('StringSplit', [g.input('x', 'string', [1])], {}, { outputs: 2 })[1], 'y'), {
      x: new Tensor([' '.repeat(2 ** 27)]),
    }))

  test('StringNormalizer', () => {
    const text = 'Straße '.repeat(300)
    return aborted(
      (g) =>
        g.output(
          g.op('StringNormalizer', [g.input('x', 'string', ['N'])], { case_change_action: 'UPPER', locale: 'tr' }),
          'y',
        ),
      { x: new Tensor(new Array<string>(100_000).fill(text)) },
    )
  })
})
