import { beforeAll, describe, expect, test } from 'vitest'
import { registerAllOps } from '../../src/api/register-all.js'
import type { HostTensor } from '../../src/core/host.js'
import { defineOp, type ComputeContext, type OpDefinition } from '../../src/ir/op.js'
import {
  exportModel,
  GraphBuilder,
  InferenceSession,
  LanewiseError,
  registerOp,
  Tensor,
  type Value,
} from '../../src/node.js'
import { registerOp as registerSimple } from '../../src/own-ops.js'
import { expectRejects } from '../support/expect-error.js'

const x = new Tensor('float32', Float32Array.of(1, -2, 3), [3])

/** A model of one operator of the domain "test" between Relus, so that it stands in the middle of a plan. */
function modelOf(name: string, domain = 'test'): Uint8Array {
  const g = new GraphBuilder()
  const y = g.node(name, [g.op('Abs', [g.input('x', 'float32', ['N'])])], {}, { domain, name: 'mine' })[0]
  g.output(g.op('Neg', [y]), 'y')
  return exportModel(g.graph())
}

async function run(model: Uint8Array): Promise<Tensor> {
  const session = await InferenceSession.create(model)
  return (await session.run({ x })).y
}

type Compute = (c: ComputeContext<object>) => unknown

function register(name: string, compute: Compute, infer = true): void {
  registerOp(
    defineOp({
      name,
      domain: 'test',
      arity: 1,
      attributes: {},
      ...(infer && { infer: ({ inputs: [t] }) => [t!] }),
      compute: compute as unknown as OpDefinition['compute'],
    }),
  )
}

describe("a user's compute is held to its infer", () => {
  const wrong: [string, string, RegExp, Compute][] = [
    ['fewer elements', 'E_TENSOR', /float32\[2\].*float32\[3\]/, () => [{ dtype: 'float32', shape: [2], data: new Float32Array(2) }]],
    ['another type', 'E_TENSOR', /float64\[3\].*float32\[3\]/, () => [{ dtype: 'float64', shape: [3], data: new Float64Array(3) }]],
    ['data of another type', 'E_TENSOR', /./, () => [{ dtype: 'float32', shape: [3], data: new Float64Array(3) }]],
    ['fewer elements than its shape', 'E_TENSOR', /3 elements, got 2/, () => [{ dtype: 'float32', shape: [3], data: new Float32Array(2) }]],
    ['a promise', 'E_TENSOR', /compute must be synchronous and return a list, got a promise/, () => Promise.resolve([])],
    ['nothing', 'E_TENSOR', /compute must be synchronous and return a list, got undefined/, () => undefined],
    ['a list of nothing', 'E_TENSOR', /output 0/, () => []],
    ['a list of something else', 'E_TENSOR', /output 0/, () => [Float32Array.of(1, 2, 3)]],
    ['a throw', 'E_VALUE', /RangeError: no such thing/, () => { throw new RangeError('no such thing') }],
    ['a throw of a string', 'E_VALUE', /threw oh/, () => { throw 'oh' as unknown as Error }],
  ] // prettier-ignore

  test.each(wrong)('%s', async (what, code, message, compute) => {
    for (const infer of [true, false]) {
      // Without `infer` any shape and type will do.
      if (!infer && (what === 'fewer elements' || what === 'another type')) continue
      const name = `Wrong_${what.replaceAll(' ', '_')}_${infer}`
      register(name, compute, infer)
      // Nothing has promised that there is an output.
      const expected = !infer && what === 'a list of nothing' ? 'E_UNSUPPORTED' : code
      const error = await expectRejects(expected as never, () => run(modelOf(name)), message)
      expect(error).toMatchObject({ op: name, node: 'mine' })
    }
  })

  test('of constants, too, which are computed at planning time', async () => {
    register('FoldedWrong', () => [{ dtype: 'int32', shape: [1], data: new Int32Array(1) }])
    const g = new GraphBuilder()
    const [y] = g.node('FoldedWrong', [g.constant('c', x)], {}, { domain: 'test', name: 'folded' })
    g.output(y, 'y')
    const error = await expectRejects('E_TENSOR', async () => {
      await (await InferenceSession.create(exportModel(g.graph()))).run({})
    })
    expect(error).toMatchObject({ op: 'FoldedWrong', node: 'folded' })
  })

  test('but none is called before a run', async () => {
    let calls = 0
    register('Counted', ({ inputs }) => {
      calls++
      return [inputs[0]]
    })
    registerSimple({ name: 'CountedToo', domain: 'test', compute: (inputs) => (calls++, inputs) })
    for (const name of ['Counted', 'CountedToo']) {
      const g = new GraphBuilder()
      g.output(g.node(name, [g.input('x', 'float32', [3])], {}, { domain: 'test' })[0], 'y')
      calls = 0
      await using session = await InferenceSession.create(exportModel(g))
      expect(calls).toBe(0)
      expect((await session.run({ x })).y.data).toEqual(x.data)
      expect(calls).toBe(1)
    }
  })

  test('and what is right runs', async () => {
    register('Right', ({ inputs: [t] }) => [
      { ...(t as HostTensor), data: (t!.data as Float32Array).map((v) => v * 2) },
    ])
    expect(Array.from((await run(modelOf('Right'))).data as Float32Array)).toEqual([-2, -4, -6])
  })

  test('an infer that throws or returns no list is a typed error', async () => {
    for (const [name, infer] of [
      [
        'InferThrows',
        () => {
          throw new TypeError('not so')
        },
      ],
      ['InferPromise', () => Promise.resolve([])],
    ] as unknown as [string, OpDefinition['infer']][]) {
      // prettier-ignore
      // Registered twice: the builder infers as well, and is to build.
      registerOp(defineOp({ name, domain: 'test', arity: 1, attributes: {}, infer: ({ inputs: [t] }) => [t], compute: () => [] }))
      const model = modelOf(name)
      registerOp(defineOp({ name, domain: 'test', arity: 1, attributes: {}, infer, compute: () => [] }))
      const error: unknown = await run(model).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(LanewiseError)
      expect(error).toMatchObject({ op: name, node: 'mine' })
    }
  })

  test('a Shape of another domain gets elements', async () => {
    registerOp(
      defineOp({
        name: 'Shape',
        domain: 'test',
        arity: 1,
        attributes: {},
        infer: ({ inputs: [t] }) => [t],
        compute: ({ inputs: [t] }) => [{ ...t, data: (t.data as Float32Array).map((v) => v + 1) }],
      }),
    )
    expect(Array.from((await run(modelOf('Shape'))).data as Float32Array)).toEqual([-2, -3, -4])
  })
})

describe("what a user's compute does with its tensors stays its own", () => {
  const fill = (data: unknown, value: number) => (data as Float32Array).fill(value)
  const forms: [string, (name: string, infer: boolean) => void][] = [
    ['a function of tensors', (name, infer) => void registerSimple({ name, domain: 'test', inputs: 1, ...(infer && { infer: ([t]) => [t] }), compute: ([t]) => [fill(t.data, 9) && t] })],
    ['a definition', (name, infer) => register(name, ({ inputs: [t] }) => [fill(t!.data, 9) && t], infer)],
  ] // prettier-ignore

  test.each(forms)('%s that writes into its input', async (form, make) => {
    for (const infer of [true, false]) {
      const name = `Writes_${form.replaceAll(' ', '_')}_${infer}`
      make(name, infer)
      const g = new GraphBuilder()
      const input = g.input('x', 'float32', [3])
      const constant = g.constant('c', new Tensor('float32', [1, 2, 3], [3]))
      const twice = g.op('Add', [input, input])
      // Of an input, of a value in the middle, and of a constant; each is read by another node afterwards.
      for (const [of, value] of Object.entries({ input, twice, constant })) {
        const [written] = g.node(name, [value], {}, { domain: 'test' })
        g.output(g.op('Add', [written, value]), of)
      }
      const session = await InferenceSession.create(exportModel(g))
      for (let run = 0; run < 2; run++) {
        const results = await session.run({ x })
        expect(Array.from(results.input.data as Float32Array)).toEqual([10, 7, 12])
        expect(Array.from(results.twice.data as Float32Array)).toEqual([11, 5, 15])
        expect(Array.from(results.constant.data as Float32Array)).toEqual([10, 11, 12])
      }
      expect(Array.from(x.data)).toEqual([1, -2, 3])
    }
  })

  test('memory that is returned again and again', async () => {
    const memory = new Float32Array(3)
    for (const infer of [true, false]) {
      const compute = ([t]: readonly Tensor[]) => {
        memory.set((t.data as Float32Array).map((v) => v + 1))
        return [new Tensor('float32', memory, [3])]
      }
      registerSimple({ name: 'Reuses', domain: 'test', inputs: 1, ...(infer && { infer: ([t]) => [t] }), compute })
      const g = new GraphBuilder()
      const next = (value: Value) => g.node('Reuses', [value], {}, { domain: 'test' })[0]
      const constant = g.constant('c', new Tensor('float32', [10, 20, 30], [3]))
      const first = next(g.input('x', 'float32', [3]))
      g.output(g.op('Add', [first, next(first)]), 'of x')
      g.output(g.op('Add', [next(constant), next(next(constant))]), 'of c')
      const results = await (await InferenceSession.create(exportModel(g))).run({ x })
      expect(Array.from(results['of x'].data as Float32Array)).toEqual([5, -1, 9])
      expect(Array.from(results['of c'].data as Float32Array)).toEqual([23, 43, 63])
    }
  })

  test('tensors that are kept stay what they were', async () => {
    const kept: Tensor[] = []
    registerSimple({ name: 'Keeps', domain: 'test', inputs: 1, infer: ([t]) => [t], compute: ([t]) => (kept.push(t), [t]) })
    const session = await InferenceSession.create(modelOf('Keeps'))
    await session.run({ x })
    await session.run({ x: new Tensor('float32', [7, 8, 9], [3]) })
    expect(kept.map(({ data }) => Array.from(data as Float32Array))).toEqual([[1, 2, 3], [7, 8, 9]])
  }) // prettier-ignore

  test('the sizes it is given are a list of its own', async () => {
    const infer = ([t]: readonly { type: 'float32'; dims: readonly number[] }[]) => {
      ;(t.dims as number[]).push(1)
      return [{ type: t.type, dims: [3] }]
    }
    registerSimple({ name: 'Pushes', domain: 'test', inputs: 1, infer, compute: ([t]) => [t] })
    expect(Array.from((await run(modelOf('Pushes'))).data as Float32Array)).toEqual([-1, -2, -3])
  })
})

describe("what a user's infer returns", () => {
  const wrong: [string, RegExp, () => unknown][] = [
    ['nothing', /infer must be synchronous and return a list, got undefined/, () => undefined],
    ['a promise', /infer must be synchronous and return a list, got a promise/, () => Promise.resolve([])],
    ['a list of nothing', /output 0/, () => [undefined]],
    ['no dims', /output 0/, () => [{ type: 'float32' }]],
    ['an unknown type', /output 0/, () => [{ type: 'float', dims: [3] }]],
    ['the name of a property of every object', /output 0/, () => [{ type: 'constructor', dims: [3] }]],
  ] // prettier-ignore

  test.each(wrong)('%s is refused by name', async (what, message, infer) => {
    const name = `Infer_${what.replaceAll(' ', '_')}`
    registerSimple({ name, domain: 'test', inputs: 1, infer: infer as () => [], compute: ([t]) => [t] })
    const error = await expectRejects('E_TENSOR', async () => run(modelOf(name)), message)
    expect(error).toMatchObject({ op: name, node: 'mine' })
  })
})

describe('in the place of ours', () => {
  let calls = 0

  beforeAll(() => {
    for (const name of ['Softsign', 'Relu', 'EyeLike'])
      registerOp({
        name,
        domain: '',
        arity: 1,
        attributes: {},
        infer: ({ inputs: [t] }) => [t!],
        compute: ({ inputs: [t] }) => {
          calls++
          return [{ ...t!, data: (t!.data as Float32Array).map(() => 7) }]
        },
      })
  })

  test.each(['Softsign', 'Relu', 'EyeLike'])('%s stays when rare operators are loaded later', async (name) => {
    const model = modelOf(name, '')
    registerAllOps()
    calls = 0
    expect(Array.from((await run(model)).data as Float32Array)).toEqual([-7, -7, -7])
    expect(calls).toBeGreaterThan(0)
  })

  test('no pass fuses through it', async () => {
    const g = new GraphBuilder()
    const w = g.constant('w', new Tensor('float32', Float32Array.of(1, 0, 0, 1), [2, 2]))
    g.output(g.op('Relu', [g.op('MatMul', [g.input('x', 'float32', ['N', 2]), w])]), 'y')
    const session = await InferenceSession.create(exportModel(g.graph()))
    calls = 0
    const { y } = await session.run({ x: new Tensor('float32', Float32Array.of(1, -2), [1, 2]) })
    expect(Array.from(y.data as Float32Array)).toEqual([7, 7])
    expect(calls).toBe(1)
  })
})
