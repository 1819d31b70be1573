import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { inferenceParameters, trainingParameters } from '../../bindings/parameters.js'
import { LanewiseError } from '../../src/core/errors.js'
import type { Attributes } from '../../src/ir/attributes.js'
import type { GradientEmitter } from '../../src/ir/gradient.js'
import type { Emitter } from '../../src/ir/emitter.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../src/node.js'
import { codes, defineOp, plus, registerOp } from '../../src/own-ops.js'
import { Device, F } from '../../src/train.js'
import { expectError, expectRejects } from '../support/expect-error.js'

// What an operator of a user can get wrong with an emitter: an error that names operator and node, in a session and in
// a step of a training, never a trap without a name and never memory that nobody wrote.

type Emit = (e: Emitter<Attributes>) => unknown
const any = (value: unknown) => value as never
/** A call that TypeScript would not allow. */
const loose = (e: { call: unknown }, ...args: readonly unknown[]) =>
  (e.call as (...all: readonly unknown[]) => void)(...args)
let device: Device
beforeAll(async () => void (device = await Device.create({ build: 'simd' })))

let count = 0
function registered(emit: Emit, outputs = 1): string {
  const name = `Emits${count++}`
  registerOp(
    defineOp({
      name,
      domain: 'emit',
      arity: 1,
      attributes: {},
      infer: ({ inputs: [x] }) => Array.from({ length: outputs }, () => x),
      emit,
    }),
  )
  return name
}

async function inSession(name: string, outputs = 1): Promise<number[][]> {
  const g = new GraphBuilder()
  const x = g.op('Abs', [g.input('x', 'float32', ['N'])])
  g.node(name, [x], {}, { domain: 'emit', name: 'mine', outputs }).forEach((y, i) =>
    g.output(g.op('Neg', [y]), `y${i}`),
  )
  const session = await InferenceSession.create(exportModel(g), { build: 'simd' })
  const results = await session.run({ x: new Tensor('float32', [1, -2, 3], [3]) })
  return Object.values(results).map(({ data }) => Array.from(data as Float32Array))
}

function inStep(name: string): number[] {
  return device.step(() => [...F.op(`emit::${name}`, [device.tensor([1, 2, 3])])[0].data()].map(Number))
}

/** Copies the input by a kernel. */
const copy = (e: Emitter<Attributes>, y = e.output(0)) =>
  e.call('unary_f32', codes.UNARY_ABS, e.input(0).at, y.at, y.size, 0, 0)

describe('a wrong emit is refused by name', () => {
  const forms: [string, RegExp, Emit, ('E_VALUE' | 'E_TENSOR' | 'E_STATE' | 'E_BUDGET')?][] = [
    ['an unknown kernel', /no kernel "unary"/, (e) => loose(e, 'unary')],
    ['a name that every object has', /no kernel "toString"/, (e) => loose(e, 'toString')],
    ['no kernel', /no kernel undefined/, (e) => loose(e, undefined)],
    ['a kernel of training', /no kernel "fill_f32" outside of training/, (e) => loose(e, 'fill_f32', e.output(0).at, 1, 3)],
    ['no arguments', /unary_f32 takes 6 arguments, got 0/, (e) => loose(e, 'unary_f32')],
    ['an argument too few', /takes 6 arguments, got 5/, (e) => loose(e, 'unary_f32', codes.UNARY_ABS, e.input(0).at, e.output(0).at, 3, 0)],
    ['an argument too many', /takes 6 arguments, got 7/, (e) => loose(e, 'unary_f32', codes.UNARY_ABS, e.input(0).at, e.output(0).at, 3, 0, 0, 0)],
    ['more elements than there are', /argument 1 of the kernel unary_f32: it goes through 400 bytes there/, (e) => e.call('unary_f32', codes.UNARY_ABS, e.input(0).at, e.output(0).at, 100, 0, 0)],
    ['more elements behind an offset', /argument 5 of the kernel binary_f32: it goes through 200 bytes there/, (e) => { const [x, s] = [e.input(0).at, e.scratch(200)]; e.call('binary_f32', codes.BINARY_ADD, x, 0, x, 0, plus(s, 4), 50) }],
    ['a wide step through a table', /argument 3 of the kernel binary_f32: it goes through 324 bytes/, (e) => { const [x, t] = [e.input(0).at, e.table(new Float32Array(3))]; e.call('binary_f32', codes.BINARY_ADD, x, 1, t, 40, e.output(0).at, 3) }],
    ['a cast to wider elements', /argument 1 of the kernel cast_f32_f64: it goes through 800 bytes/, (e) => e.call('cast_f32_f64', e.scratch(400), e.scratch(400), 100)],
    ['operands for addresses', /argument 1 of the kernel unary_f32 must be an address/, (e) => e.call('unary_f32', codes.UNARY_ABS, any(e.input(0)), any(e.output(0)), 3, 0, 0)],
    ['a number for an address', /argument 2 .*must be an address.*got 4096/, (e) => e.call('unary_f32', codes.UNARY_ABS, e.input(0).at, any(4096), 3, 0, 0)],
    ['an address for a number', /argument 3 .*must be a whole number, got an object/, (e) => e.call('unary_f32', codes.UNARY_ABS, e.input(0).at, e.output(0).at, any(e.input(0).at), 0, 0)],
    ['a list for an address', /argument 1 .*must be an address.*a list/, (e) => e.call('unary_f32', codes.UNARY_ABS, any([1, 2]), e.output(0).at, 3, 0, 0)],
    ['a typed array for an address', /argument 1 .*must be an address.*Float32Array/, (e) => e.call('unary_f32', codes.UNARY_ABS, any(Float32Array.of(1)), e.output(0).at, 3, 0, 0)],
    ['undefined', /argument 0 .*got undefined/, (e) => e.call('unary_f32', any(undefined), e.input(0).at, e.output(0).at, 3, 0, 0)],
    ['null', /argument 1 .*got null/, (e) => e.call('unary_f32', codes.UNARY_ABS, any(null), e.output(0).at, 3, 0, 0)],
    ['a word', /argument 3 .*got "3"/, (e) => e.call('unary_f32', codes.UNARY_ABS, e.input(0).at, e.output(0).at, any('3'), 0, 0)],
    ['a bigint', /argument 3 .*got 3/, (e) => e.call('unary_f32', codes.UNARY_ABS, e.input(0).at, e.output(0).at, any(3n), 0, 0)],
    ['NaN elements', /argument 3 .*got NaN/, (e) => e.call('unary_f32', codes.UNARY_ABS, e.input(0).at, e.output(0).at, NaN, 0, 0)],
    ['half an element', /argument 3 .*got 1.5/, (e) => e.call('unary_f32', codes.UNARY_ABS, e.input(0).at, e.output(0).at, 1.5, 0, 0)],
    ['a word for a float', /argument 4 .*must be a number/, (e) => e.call('unary_f32', codes.UNARY_ABS, e.input(0).at, e.output(0).at, 3, any('0'), 0)],
    ['an address before its memory', /argument 1 .*inside its 12 bytes/, (e) => e.call('unary_f32', codes.UNARY_ABS, plus(e.input(0).at, -4), e.output(0).at, 3, 0, 0)],
    ['an address after its memory', /argument 2 .*inside its 12 bytes/, (e) => e.call('unary_f32', codes.UNARY_ABS, e.input(0).at, plus(e.output(0).at, 4096), 3, 0, 0)],
    ['a question to no kernel', /no kernel "gemm_size"/, (e) => loose({ call: e.ask }, 'gemm_size', 1)],
    ['nothing written', /emit writes nothing to output 0/, () => undefined, 'E_TENSOR'],
    ['memory that is only asked for', /emit writes nothing to output 0/, (e) => e.output(0), 'E_TENSOR'],
    ['only scratch written', /emit writes nothing to output 0/, (e) => e.call('unary_f32', codes.UNARY_ABS, e.input(0).at, e.scratch(12), 3, 0, 0), 'E_TENSOR'],
    ['a promise', /emit must do its work at once, not return a promise/, async (e) => { await Promise.resolve(); copy(e) }, 'E_TENSOR'],
    ['a promise after the work', /not return a promise/, (e) => { copy(e); return Promise.resolve() }, 'E_TENSOR'],
    ['a promise that fails', /not return a promise/, () => Promise.reject(new Error('late')), 'E_TENSOR'],
    ['an input that is not there', /input 1 is missing/, (e) => e.input(1)],
    ['an output that is not there', /no output 1/, (e) => e.output(1)],
    ['an output by its name', /no output "y"/, (e) => e.output(any('y'))],
    ['overwriting an output that is not there', /no output 2/, (e) => e.overwrite(2, 0)],
    ['-5 bytes of scratch', /bytes of scratch must be a whole number of at least 0.*got -5/, (e) => e.scratch(-5)],
    ['NaN bytes of scratch', /bytes of scratch.*got NaN/, (e) => e.scratch(NaN)],
    ['endless scratch', /bytes of scratch.*got Infinity/, (e) => e.scratch(Infinity)],
    ['half a byte of scratch', /bytes of scratch.*got 0.5/, (e) => e.scratch(0.5)],
    ['a word of scratch', /bytes of scratch.*got "12"/, (e) => e.scratch(any('12'))],
    ['more scratch than addresses', /bytes of scratch.*got 1000000000000/, (e) => e.scratch(1e12)],
    ['a table of a list', /a table must be a typed array, got a list/, (e) => e.table(any([1, 2]))],
    ['a table of nothing', /a table.*undefined/, (e) => e.table(any(undefined))],
    ['a constant of a list', /constant takes a tensor/, (e) => e.constant(any([1]))],
    ['a constant that is too short', /needs 2 elements, got 1/, (e) => e.constant({ dtype: 'float32', shape: [2], data: new Float32Array(1) }), 'E_TENSOR'],
    ['a view from outside', /view of input 0 from element 2/, (e) => e.view(0, 0, 2)],
    ['a view from before', /offset of a view.*-1/, (e) => e.view(0, 0, -1)],
    ['a view of nothing', /input 3 is missing/, (e) => e.view(0, 3)],
    ['a host step of nothing', /what host runs must be a function/, (e) => e.host([e.input(0), e.output(0)], any(undefined))],
    ['a host step over numbers', /host takes an operand.*a number/, (e) => e.host(any([1]), () => undefined)],
    ['an asynchronous host step', /what host runs must do its work at once/, (e) => e.host([e.output(0)], any(async () => { await Promise.resolve() })), 'E_TENSOR'],
    ['a host step that throws', /threw RangeError: no such thing/, (e) => e.host([e.output(0)], () => { throw new RangeError('no such thing') })],
    ['a check of nothing', /check takes an operand/, (e) => e.check(any(undefined), () => undefined)],
    ['a pack without a key', /key of a packed form/, (e) => e.pack(e.input(0), any(undefined), 12, () => undefined)],
    ['a pack of -1 bytes', /bytes of pack/, (e) => e.pack(e.input(0), 'k', -1, () => undefined)],
    ['an unknown kernel in a pack', /no kernel "pack"/, (e) => e.pack(e.input(0), 'k', 12, (p) => loose(p, 'pack'))],
    ['a note that is a word', /a note must be an object/, (e) => e.note(any('fast'))],
    ['a throw', /threw TypeError: oh/, () => { throw new TypeError('oh') }],
  ] // prettier-ignore

  test.each(forms)('%s', async (_, message, emit, code) => {
    const name = registered(emit)
    for (const failed of [
      await inSession(name).catch((error: unknown) => error),
      (() => {
        try {
          return inStep(name)
        } catch (error) {
          return error
        }
      })(),
    ]) {
      expect(failed).toBeInstanceOf(LanewiseError)
      const error = failed as LanewiseError
      expect(error.message).toMatch(message)
      expect(error.op).toBe(name)
      expect(error.node).toBeTruthy()
      if (code) expect(error.code).toBe(code)
    }
  })

  test('one of two outputs that is not written', async () => {
    const name = registered((e) => copy(e), 2)
    const error = await expectRejects('E_TENSOR', () => inSession(name, 2), /emit writes nothing to output 1/)
    expect(error).toMatchObject({ op: name, node: 'mine' })
  })

  test('calls after it has returned', async () => {
    let kept: Emitter<Attributes> | undefined
    const name = registered((e) => {
      kept = e
      copy(e)
    })
    expect(await inSession(name)).toEqual([[-1, -2, -3]])
    expectError('E_STATE', () => kept!.output(0), /emit has returned/)
  })

  test('more scratch than the memory limit', async () => {
    const name = registered((e) => {
      e.call('unary_f32', codes.UNARY_ABS, e.input(0).at, e.scratch(3e9), 3, 0, 0)
      copy(e)
    })
    const g = new GraphBuilder()
    g.output(g.node(name, [g.input('x', 'float32', [3])], {}, { domain: 'emit', name: 'mine' })[0], 'y')
    const run = async () => {
      const session = await InferenceSession.create(exportModel(g), { memoryLimit: 2 ** 20 })
      await session.run({ x: new Tensor('float32', [1, 2, 3], [3]) })
    }
    await expectRejects('E_BUDGET', run, /memory limit/)
  })
})

describe('a kernel that leaves its memory', () => {
  const far = (e: Emitter<Attributes>) => {
    e.call('isnan_f32', e.input(0).at, e.output(0).at, 2 ** 28)
  }

  test('is told by operator and node in a session', async () => {
    const error = await expectRejects('E_STATE', () => inSession(registered(far)), /a kernel failed/)
    expect(error).toMatchObject({ op: expect.stringMatching(/^Emits/) as string, node: 'mine' })
  })

  test('with a signal, too', async () => {
    const g = new GraphBuilder()
    g.output(g.node(registered(far), [g.input('x', 'float32', [3])], {}, { domain: 'emit', name: 'mine' })[0], 'y')
    const session = await InferenceSession.create(exportModel(g))
    const run = () =>
      session.run({ x: new Tensor('float32', [1, 2, 3], [3]) }, { signal: new AbortController().signal })
    expect(await expectRejects('E_STATE', run, /a kernel failed/)).toMatchObject({ node: 'mine' })
  })

  test('and in a step', async () => {
    const own = await Device.create({ build: 'simd' })
    const name = registered(far)
    const run = () => own.step(() => F.op(`emit::${name}`, [own.tensor([1, 2, 3])]))
    expect(expectError('E_STATE', run, /a kernel failed/).op).toBe(name)
  })
})

describe('a right emit runs', () => {
  test.each<[string, Emit]>([
    ['by a kernel', (e) => copy(e)],
    ['over its input', (e) => copy(e, e.overwrite(0, 0))],
    ['as a view', (e) => e.view(0, 0)],
    ['in TypeScript', (e) => e.host([e.input(0), e.output(0)], (x, y) => (y.data as Float32Array).set(x.data as Float32Array))],
    ['through scratch', (e) => { const s = e.scratch(12); e.call('unary_f32', codes.UNARY_ABS, e.input(0).at, s, 3, 0, 0); e.call('unary_f32', codes.UNARY_ABS, s, e.output(0).at, 3, 0, 0) }],
    ['from a packed form', (e) => { const s = e.pack(e.input(0), 'same', 12, (p, from, to) => p.call('unary_f32', codes.UNARY_ABS, from, to, 3, 0, 0)); e.call('unary_f32', codes.UNARY_ABS, s, e.output(0).at, 3, 0, 0) }],
    ['with a table', (e) => e.call('binary_f32', codes.BINARY_MUL, e.input(0).at, 1, e.table(Float32Array.of(1)), 0, e.output(0).at, 3)],
  ])('%s', async (_, emit) => {
    const name = registered(emit)
    expect(await inSession(name)).toEqual([[-1, -2, -3]])
    expect(inStep(name)).toEqual([1, 2, 3])
  }) // prettier-ignore

  test('a session with no elements writes nothing', async () => {
    const g = new GraphBuilder()
    g.output(
      g.node(
        registered(() => undefined),
        [g.input('x', 'float32', ['N'])],
        {},
        { domain: 'emit' },
      )[0],
      'y',
    )
    const session = await InferenceSession.create(exportModel(g))
    expect((await session.run({ x: new Tensor('float32', [], [0]) })).y.dims).toEqual([0])
  })
})

describe('a wrong backward is refused by name', () => {
  type Backward = (g: GradientEmitter<Attributes>) => unknown
  const forms: [string, RegExp, Backward][] = [
    ['an unknown kernel', /no kernel "copy"/, (g) => loose(g, 'copy')],
    ['too few arguments', /takes 3 arguments, got 1/, (g) => loose(g, 'fill_f32', g.result(0).at)],
    ['more than its result holds', /argument 0 of the kernel fill_f32: it goes through 4000 bytes/, (g) => g.call('fill_f32', g.result(0).at, 1, 1000)],
    ['a result that is not written', /backward writes nothing to the gradient by input 0/, (g) => g.result(0)],
    ['a result of an input that is not there', /no input 1/, (g) => g.result(1)],
    ['a promise', /backward must do its work at once/, async (g) => { await Promise.resolve(); g.result(0) }],
    ['the gradient of an output that is not there', /output 3 has no gradient/, (g) => g.gradient(3)],
    ['elements of nothing', /elements takes an operand/, (g) => g.elements(any(undefined))],
    ['storing a list', /store takes a tensor/, (g) => g.store(any([1, 2, 3]), g.result(0))],
    ['storing into nothing', /store takes an operand/, (g) => g.store({ dtype: 'float32', shape: [3], data: new Float32Array(3) }, any(undefined))],
    ['storing another shape', /a gradient must be float32\[3\], got float32\[1\]/, (g) => g.store({ dtype: 'float32', shape: [1], data: new Float32Array(1) }, g.result(0))],
    ['NaN bytes of scratch', /bytes of scratch.*NaN/, (g) => g.scratch(NaN)],
  ] // prettier-ignore

  test.each(forms)('%s', (_, message, backward) => {
    const name = `Backward${count++}`
    registerOp(
      defineOp({
        name,
        domain: 'emit',
        arity: 1,
        attributes: {},
        infer: ({ inputs: [x] }) => [x],
        emit: (e) => void copy(e as Emitter<Attributes>),
        gradient: { backward },
      }),
    )
    const x = device.parameter(new Tensor('float32', [1, 2, 3], [3]))
    let thrown: unknown
    try {
      device.step(() => F.sum(F.op(`emit::${name}`, [x])[0]).backward())
    } catch (error) {
      thrown = error
    }
    x.dispose()
    expect(thrown).toBeInstanceOf(LanewiseError)
    expect((thrown as LanewiseError).message).toMatch(message)
    expect((thrown as LanewiseError).op).toBe(name)
  })

  test.each<[string, object]>([
    ['an unknown field', { backwards: () => undefined }],
    ['forward that is no function', { forward: 1 }],
    ['kernel that is no function', { kernel: true }],
  ])('%s of a gradient is refused', (_, more) => {
    const op = { name: 'Wrong', domain: 'emit', arity: 1, attributes: {}, emit: () => undefined }
    expectError('E_VALUE', () => registerOp({ ...op, gradient: { backward: () => undefined, ...more } }))
  })
})

describe('a wrong infer of a definition is refused by name', () => {
  test.each<[string, unknown, RegExp]>([
    ['a negative size', [{ dtype: 'float32', shape: [-1] }], /size 0 of output 0 is -1/],
    ['NaN', [{ dtype: 'float32', shape: [2, NaN] }], /size 1 of output 0 is NaN/],
    ['half a size', [{ dtype: 'float32', shape: [1.5] }], /is 1.5/],
    ['undefined', [{ dtype: 'float32', shape: [undefined] }], /is undefined/],
    ['a name', [{ dtype: 'float32', shape: ['N'] }], /is "N"/],
    ['an unknown type', [{ dtype: 'float', shape: [1] }], /output 0 has none/],
    ['no shape', [{ dtype: 'float32' }], /output 0 has none/],
    ['nothing', undefined, /infer must be synchronous and return a list, got undefined/],
  ])('%s', (_, result, message) => {
    const name = `Infers${count++}`
    registerOp({ name, domain: 'emit', arity: 1, attributes: {}, infer: () => result as never, compute: () => [] })
    const g = new GraphBuilder()
    g.output(g.node(name, [g.input('x', 'float32', [3])], {}, { domain: 'emit', name: 'mine' })[0], 'y')
    expect(expectError('E_TENSOR', () => g.graph(), message)).toMatchObject({ op: name, node: 'mine' })
  })

  test('more outputs of compute than infer promised', () => {
    const name = `Computes${count++}`
    registerOp({ name, domain: 'emit', inputs: 1, infer: ([x]) => [x], compute: ([x]) => [x, x] })
    const error = expectError('E_TENSOR', () => inStep(name), /compute returned 2 outputs, infer promised 1/)
    expect(error.op).toBe(name)
  })
})

test('the table of parameters is that of the kernels', () => {
  const lines = (text: string) => text.trim().split('\n').map((line) => line.split(' ')) // prettier-ignore
  for (const [file, table] of [
    ['inference-simd', lines(inferenceParameters)],
    ['train-simd', [...lines(inferenceParameters), ...lines(trainingParameters)]],
  ] as const) {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 })
    const exportsOf = (name: string) => {
      const module = new WebAssembly.Module(readFileSync(new URL(`../../dist/wasm/${name}.wasm`, import.meta.url)))
      return Object.entries(new WebAssembly.Instance(module, { env: { memory } }).exports)
    }
    const all = [...exportsOf(file), ...exportsOf('quantized-simd')]
    const functions = all.filter(([, value]) => typeof value === 'function')
    expect(Object.fromEntries(table.map(([name, kinds = '']) => [name, kinds.length]))).toEqual(
      Object.fromEntries(functions.map(([name, f]) => [name, (f as () => unknown).length])),
    )
  }
})
