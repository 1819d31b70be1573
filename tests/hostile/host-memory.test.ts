import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { hostFrom, type HostSequence, type HostTensor } from '../../src/core/host.js'
import { HostMemory, noteGrown } from '../../src/core/host-memory.js'
import { notFused, type Graph, type Node, type Value } from '../../src/ir/graph.js'
import { findOp } from '../../src/ir/registry.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor, type SessionOptions } from '../../src/node.js'
import { registerAllOps } from '../../src/api/register-all.js'
import { expectError, expectRejects } from '../support/expect-error.js'
import { skipUnlessShared } from '../support/shared.js'
import { writtenModel, type WrittenAttribute } from '../support/written-model.js'

registerAllOps()

// What lies in JavaScript counts against the memory limit as what lies in WebAssembly does.

const MiB = 2 ** 20
const strings = (...data: string[]): HostTensor => ({ dtype: 'string', shape: [data.length], data })

function session(build: (g: GraphBuilder) => void, options: SessionOptions = {}): Promise<InferenceSession> {
  const g = new GraphBuilder('test')
  build(g)
  return InferenceSession.create(exportModel(g.graph()), options)
}

function node(type: string, inputs: Value[], outputs: Value[], attributes: Record<string, unknown> = {}): Node {
  const op = findOp('', type)!
  const defaults = Object.fromEntries(Object.entries(op.attributes).map(([name, spec]) => [name, spec.fallback]))
  return { op, name: type, attributes: { ...defaults, ...attributes }, inputs, outputs, fused: notFused }
}

const tensor = (name: string, dtype: 'int64' | 'bool' | 'float32' | 'string', shape?: number[]): Value => ({
  name,
  declared: { kind: 'tensor', dtype, shape },
})
const sequence = (name: string, dtype: 'float32' | 'string'): Value => ({ name, declared: { kind: 'sequence', dtype } })

/** A loop's body: iteration, condition, one carried value → condition, the carried value made by `nodes`. */
function bodyOf(carried: Value, next: Value, nodes: Node[]): Graph {
  const [iteration, going, on] = [tensor('i', 'int64', []), tensor('going', 'bool', []), tensor('on', 'bool', [])]
  return {
    name: 'body',
    inputs: [iteration, going, carried],
    outputs: [on, next],
    nodes: [node('Identity', [going], [on]), ...nodes],
  }
}

describe('strings', () => {
  const doublings = (times: number) => (g: GraphBuilder) => {
    let text = g.input('x', 'string', [1])
    for (let i = 0; i < times; i++) text = g.op('StringConcat', [text, text])
    g.output(g.node('StringSplit', [text], { delimiter: 'b' }, { outputs: 2 })[1], 'parts')
  }

  test.each([2 * MiB, 64 * MiB, undefined])('that double pass the limit of %s bytes', async (memoryLimit) => {
    const s = await session(doublings(60), { memoryLimit })
    const error = await expectRejects('E_BUDGET', () => s.run({ x: new Tensor(['a']) }))
    expect(error.op).toBe('StringConcat')
    // Nothing of the run that broke off counts any more.
    await expectRejects('E_BUDGET', () => s.run({ x: new Tensor(['aa']) }))
  })

  test('that double and still fit are split', async () => {
    const s = await session(doublings(16), { memoryLimit: 4 * MiB })
    const { parts } = await s.run({ x: new Tensor(['ab']) })
    expect(parts.data).toEqual(BigInt64Array.of(65_537n))
  })

  test('of a constant that doubles', async () => {
    const create = session(
      (g) => {
        let text = g.constant('a', strings('a'))
        for (let i = 0; i < 60; i++) text = g.op('StringConcat', [text, text])
        g.output(g.op('StringConcat', [text, g.input('x', 'string', [1])]), 'y')
      },
      { memoryLimit: 64 * MiB },
    )
    await expectRejects('E_BUDGET', () => create)
  })

  test.each([[' '], [','], ['']])('split into more parts than there is room for, at %j', async (delimiter) => {
    const s = await session(
      (g) => g.output(g.node('StringSplit', [g.input('x', 'string', [1])], { delimiter }, { outputs: 2 })[0], 'y'),
      { memoryLimit: 8 * MiB },
    )
    const error = await expectRejects('E_BUDGET', () => s.run({ x: new Tensor(['a, '.repeat(400_000)]) }))
    expect(error.op).toBe('StringSplit')
  })

  test('one with many parts beside many with one', async () => {
    const s = await session(
      (g) => g.output(g.node('StringSplit', [g.input('x', 'string', [50_000])], {}, { outputs: 2 })[0], 'y'),
      { memoryLimit: 64 * MiB },
    )
    const data = new Array<string>(50_000).fill('a')
    data[7] = 'b '.repeat(20_000)
    await expectRejects('E_BUDGET', () => s.run({ x: new Tensor('string', data) }))
  })

  const ways: Readonly<Record<string, WrittenAttribute>>[] = [
    { separators: [''] },
    { separators: [' '] },
    { tokenexp: '[a-z]+' },
  ]
  test.each(ways)('cut into tokens by %j: one long row makes all rows long', async (how) => {
    const bytes = writtenModel({
      opset: 17,
      nodes: [
        {
          op: 'Tokenizer',
          domain: 'com.microsoft',
          inputs: ['x'],
          outputs: ['y'],
          attributes: { mark: 1, mincharnum: 1, pad_value: '#', ...how },
        },
      ],
      inputs: { x: { dtype: 'string', shape: ['N'] } },
      outputs: { y: { dtype: 'string' } },
    })
    await using s = await InferenceSession.create(bytes, { memoryLimit: 16 * MiB })
    const fits = await s.run({ x: new Tensor('string', ['a b', 'c']) })
    expect(fits.y.dims[0]).toBe(2)
    const data = new Array<string>(20_000).fill('a')
    data[7] = 'b '.repeat(10_000)
    const error = await expectRejects('E_BUDGET', () => s.run({ x: new Tensor('string', data) }))
    expect(error.op).toBe('Tokenizer')
  })

  test('that die make room for others', async () => {
    const s = await session(
      (g) => {
        let text = g.input('x', 'string', [1])
        const end = g.constant('end', strings('.'))
        for (let i = 0; i < 100; i++) text = g.op('StringConcat', [text, end])
        g.output(text, 'y')
      },
      { memoryLimit: 8 * MiB },
    )
    const { y } = await s.run({ x: new Tensor(['x'.repeat(MiB)]) })
    expect(y.data[0]).toHaveLength(MiB + 100)
  })

  test('carried by a loop', async () => {
    const [text, twice] = [tensor('text', 'string', [1]), tensor('twice', 'string', [1])]
    const body = bodyOf(text, twice, [node('StringConcat', [text, text], [twice])])
    const s = await session(
      (g) => g.output(g.op('Loop', [g.input('n', 'int64', []), undefined, g.input('x', 'string', [1])], { body }), 'y'),
      { memoryLimit: 16 * MiB },
    )
    const run = (n: number) => s.run({ n: new Tensor('int64', [BigInt(n)], []), x: new Tensor(['a']) })
    await expectRejects('E_BUDGET', () => run(40))
    const { y } = await run(10)
    expect(y.data[0]).toHaveLength(1024)
  })
})

describe('sequences', () => {
  test('count the same, grown item by item or made at once', () => {
    const sequenceOf = (...items: HostTensor[]): HostSequence => ({ kind: 'sequence', dtype: 'string', items })
    const bytesOf = (sequence: HostSequence): number => {
      const memory = new HostMemory(64 * MiB, () => 0)
      memory.hold(sequence)
      return memory.bytesUnless(2 ** 40)
    }
    let grown = sequenceOf()
    for (const text of ['a', 'bc'.repeat(1000), '']) {
      bytesOf(grown)
      const item = strings(text, 'end')
      const next = sequenceOf(...(grown.items.toSpliced(1, 0, item) as HostTensor[]))
      noteGrown(next, grown, item)
      grown = next
      expect(bytesOf(grown)).toBe(bytesOf(sequenceOf(...(grown.items as HostTensor[]))))
    }
  })

  const growing = (g: GraphBuilder) => {
    const [before, after] = [sequence('before', 'float32'), sequence('after', 'float32')]
    const x = g.input('x', 'float32', ['L'])
    const body = bodyOf(before, after, [node('SequenceInsert', [before, x], [after])])
    const empty = g.op('SequenceEmpty', [])
    const all = g.op('Loop', [g.input('trips', 'int64', []), undefined, empty], { body })
    g.output(g.op('ConcatFromSequence', [all], { axis: 0 }), 'y')
    g.output(g.op('SequenceLength', [all]), 'n')
  }
  const feeds = (n: number, length: number) => ({
    trips: new Tensor('int64', [BigInt(n)], []),
    x: new Tensor(new Float32Array(length).fill(2), [length]),
  })

  test('that grow in a loop, and the same again where they fit', async () => {
    const s = await session(growing, { memoryLimit: 32 * MiB })
    await expectRejects('E_BUDGET', () => s.run(feeds(300, MiB)))
    const { y } = await s.run(feeds(10, 1000))
    expect(y.dims).toEqual([10_000])
    // Two sequences are alive at a time, of 24 MiB each, that share their items.
    const again = await s.run(feeds(24, MiB / 4), ['n'])
    expect(again.n.data).toEqual(BigInt64Array.of(24n))
  })

  test('of a million small parts', async () => {
    const s = await session(
      (g) => g.output(g.op('SequenceLength', [g.op('SplitToSequence', [g.input('x', 'float32', ['L'])])]), 'n'),
      { memoryLimit: 64 * MiB },
    )
    await expectRejects('E_BUDGET', () => s.run({ x: new Tensor(new Float32Array(MiB), [MiB]) }))
    const { n } = await s.run({ x: new Tensor(new Float32Array(1000), [1000]) })
    expect(n.data).toEqual(BigInt64Array.of(1000n))
  })

  test('of parts without elements', async () => {
    const s = await session(
      (g) => {
        const x = g.input('x', 'float32', ['L', 0])
        g.output(g.op('SequenceLength', [g.op('SplitToSequence', [x, g.input('split', 'int64', [])])]), 'n')
      },
      { memoryLimit: 64 * MiB },
    )
    for (const length of [MiB, 2 ** 31 - 1, 2 ** 40])
      await expectRejects('E_BUDGET', () =>
        s.run({ x: new Tensor('float32', [], [length, 0]), split: new Tensor('int64', [1n], []) }),
      )
  })

  test('made by SequenceMap', async () => {
    const item = tensor('item', 'float32')
    const wide = tensor('wide', 'float32')
    const repeats: Value = { name: 'repeats', constant: hostFrom('int64', [1], [1000]) }
    const body: Graph = {
      name: 'body',
      inputs: [item],
      outputs: [wide],
      nodes: [node('Tile', [item, repeats], [wide])],
    }
    const s = await session(
      (g) => {
        const items = g.op('SplitToSequence', [g.input('x', 'float32', ['L'])])
        g.output(g.op('SequenceLength', [g.op('SequenceMap', [items], { body })]), 'n')
      },
      { memoryLimit: 16 * MiB },
    )
    await expectRejects('E_BUDGET', () => s.run({ x: new Tensor(new Float32Array(8000), [8000]) }))
    const { n } = await s.run({ x: new Tensor(new Float32Array(50), [50]) })
    expect(n.data).toEqual(BigInt64Array.of(50n))
  })
})

describe('the count of what is held', () => {
  test('forgets what had no size', () => {
    const memory = new HostMemory(10_000, () => 0)
    const refused = memory.scope()
    const broken = { byteLength: NaN } as unknown as Float32Array
    const number: unknown = 5
    expectError('E_BUDGET', () => refused.hold({ dtype: 'float32', shape: [1], data: broken }))
    // A number among strings is refused elsewhere; it takes a place, and no characters.
    refused.hold({ dtype: 'string', shape: [2], data: ['ab', number as string] })
    refused.close()
    const next = memory.scope()
    next.reserve(9000)
    next.hold(floats(1000))
    next.close()
  })

  const floats = (length: number): HostTensor => ({ dtype: 'float32', shape: [length], data: new Float32Array(length) })

  test('counts what is shared once, and nothing that was dropped', () => {
    const memory = new HostMemory(10_000, () => 0)
    const scope = memory.scope()
    const a = floats(1500)
    scope.hold({ kind: 'sequence', dtype: 'float32', items: [a] })
    const both = { kind: 'sequence', dtype: 'float32', items: [a, a] } as const
    scope.hold(both)
    scope.hold(both)
    expectError('E_BUDGET', () => scope.hold(floats(1000)))
    scope.close()
    const other = memory.scope()
    for (let i = 0; i < 10; i++) {
      const value = floats(1500)
      other.hold(value)
      other.drop(value)
    }
    expect(memory.bytesUnless(0)).toBe(0)
  })

  test('is one with the memory of WebAssembly', () => {
    let used = 0
    const memory = new HostMemory(10_000, () => used)
    memory.scope().hold(floats(1000))
    memory.reserve(1000)
    used = 5000
    expectError('E_BUDGET', () => memory.reserve(1000))
  })

  test('keeps strings out of the heap that the engine would not survive', () => {
    const memory = new HostMemory(2 ** 40, () => 0)
    memory.reserve(2 ** 39)
    expectError('E_BUDGET', () => memory.reserve(0, 2 ** 30))
  })
})

test('memory that the engine does not give is a budget', async () => {
  const { Memory } = WebAssembly
  WebAssembly.Memory = class {
    constructor() {
      throw new RangeError('WebAssembly.Memory(): could not allocate memory')
    }
  } as never
  try {
    await expectRejects('E_BUDGET', () => session((g) => g.output(g.op('Relu', [g.input('x', 'float32', [1])]), 'y')))
  } finally {
    WebAssembly.Memory = Memory
  }
})

skipUnlessShared('files that once broke something', ['faults'], (folder) => {
  test.each([2 * MiB, 64 * MiB, undefined])('ropes that are split, under %s bytes', async (memoryLimit) => {
    const s = await InferenceSession.create(readFileSync(join(folder, 'split-rope.onnx')), { memoryLimit })
    await expectRejects('E_BUDGET', () => s.run({ x: new Tensor(['a']) }))
  })

  test('a loop that carries a sequence', async () => {
    const s = await InferenceSession.create(join(folder, 'loop-sequence.onnx'), { memoryLimit: 64 * MiB })
    await expectRejects('E_BUDGET', () => s.run({ n: new Tensor('int64', [300n], []) }))
  })
})
