import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Device } from '../../../src/autograd/device.js'
import { Parameter, type Variable } from '../../../src/autograd/variable.js'
import { hostFrom } from '../../../src/core/host.js'
import {
  Adam,
  AdamW,
  BatchNorm1d,
  BatchNorm2d,
  clipGradNorm,
  clipGradValue,
  Conv2d,
  cosine,
  crossEntropy,
  Dropout,
  Embedding,
  exponential,
  F,
  fit,
  GraphModule,
  GroupNorm,
  GRU,
  huber,
  LayerNorm,
  Linear,
  linearCrossEntropy,
  LSTM,
  Module,
  mse,
  MultiheadAttention,
  multiStep,
  nll,
  oneCycle,
  polynomial,
  ReLU,
  RMSNorm,
  Schedule,
  Sequential,
  SGD,
  stepDecay,
  Tensor,
  toGraph,
  TransformerEncoderLayer,
  warmRestarts,
  warmup,
} from '../../../src/train.js'
import { expectError, expectRejects } from '../../support/expect-error.js'

let device: Device
beforeEach(async () => {
  device = await Device.create({ build: 'simd', seed: 3 })
  Device.current = device
})
afterEach(() => device.dispose())

const vector = (...values: number[]) => hostFrom('float32', [values.length], values)
const list = (x: Variable | undefined) => [...(x?.data() ?? [])].map(Number)

describe('what was disposed of is refused, wherever it can be reached', () => {
  test('parameters', () => {
    const x = device.parameter(vector(1, 2))
    device.step(() => F.sum(x).backward())
    const [grad, detached] = [x.grad!, x.detach()]
    x.dispose()
    // Once more is nothing.
    x.dispose()
    const taken = device.parameter(vector(5, 6))
    const uses: (() => unknown)[] = [
      () => x.data(),
      () => x.tensor(),
      () => x.grad,
      () => x.zeroGrad(),
      () => x.assign(Float32Array.of(1, 2)),
      () => x.copyFrom(taken),
      () => taken.copyFrom(x),
      () => device.keep(x),
      () => F.mul(x, 2),
      () => grad.data(),
      () => detached.data(),
      () => new SGD([x]),
    ]
    for (const use of uses) expectError('E_STATE', use, /disposed of/)
    expect(list(taken)).toEqual([5, 6])
  })

  test('a view of one, and a backward pass through one', () => {
    const x = device.parameter(vector(1, 2))
    device.step(() => {
      const view = F.reshape(x, [2, 1])
      const loss = F.sum(F.mul(view, view))
      x.dispose()
      expectError('E_STATE', () => view.data(), /disposed of/)
      expectError('E_STATE', () => loss.backward(), /disposed of/)
    })
  })

  test('an optimiser of a layer that is gone changes nothing of what has got its memory', () => {
    const gone = new Linear(4, 4)
    const optimizer = new Adam(gone.parameters(), { lr: 1 })
    const update = () => device.step(() => F.sum(gone.call(device.tensor([[1, 2, 3, 4]]))).backward())
    update()
    optimizer.step()
    gone.dispose()
    const other = new Linear(4, 4)
    const before = [...other.stateDict()].map(([, { data }]) => [...(data as Float32Array)])
    expectError('E_STATE', () => optimizer.step(), /disposed of/)
    expectError('E_STATE', update, /disposed of/)
    expect([...other.stateDict()].map(([, { data }]) => [...(data as Float32Array)])).toEqual(before)
  })

  test('modules, optimisers, devices', async () => {
    const model = new Sequential(new Linear(2, 2), new ReLU())
    const optimizer = new SGD(model.parameters())
    optimizer.dispose()
    optimizer.dispose()
    for (const use of [() => optimizer.step(), () => optimizer.zeroGrad(), () => optimizer.state()])
      expectError('E_STATE', use, /SGD was disposed of/)
    expectError('E_STATE', () => optimizer.load({ settings: { steps: 0, lr: [1] }, tensors: new Map() }))
    const relu = model.layers[1]
    model.dispose()
    model.dispose()
    expectError('E_STATE', () => model.stateDict(), /Sequential was disposed of/)
    expectError('E_STATE', () => relu.call(device.tensor([1])), /ReLU was disposed of/)
    expectError('E_STATE', () => model.predict(new Tensor('float32', new Float32Array(2), [1, 2])))
    expectError('E_STATE', () => toGraph(model, [{ name: 'x', shape: [1, 2] }]))

    const other = await Device.create({ build: 'simd' })
    const weight = other.parameter(vector(1))
    other.step(() => F.mul(weight, 2))
    other.dispose()
    other.dispose()
    for (const use of [
      () => other.tensor([1]),
      () => other.parameter(vector(1)),
      () => weight.data(),
      () => F.mul(weight, 2),
      () => other.step(() => 1),
      () => new Linear(1, 1, { device: other }),
    ])
      expectError('E_STATE', use)
  })
})

describe('optimisers', () => {
  const parameter = () => device.parameter(vector(1, 2))

  test('refuse a parameter that is given twice, and what are none', () => {
    const x = parameter()
    expectError('E_VALUE', () => new SGD([x, x]), /given twice/)
    expectError('E_VALUE', () => new SGD([{ params: [x] }, { params: [x], lr: 1 }]), /given twice/)
    expectError('E_VALUE', () => new SGD([{ params: [device.tensor([1]) as Parameter] }]), /takes parameters/)
    expectError('E_VALUE', () => new SGD([]), /needs parameters/)
  })

  test('refuse options that they do not have', () => {
    const options = { learningRate: 0.1 } as object
    for (const Method of [SGD, Adam, AdamW])
      expectError('E_VALUE', () => new Method([parameter()], options), /no option "learningRate"/)
    expectError('E_VALUE', () => new SGD([{ params: [parameter()], decay: 1 } as never]), /no option "decay"/)
    expectError('E_VALUE', () => new SGD([parameter()], { lr: NaN }), /lr/)
  })

  test('refuse the state of another method, other slots, other groups and other shapes', () => {
    const trained = (method: SGD | Adam) => {
      device.step(() => F.sum(method.groups.map(({ params: [p] }) => F.sum(F.mul(p, p))).reduce(F.add)).backward())
      method.step()
      return method.state()
    }
    const sgd = trained(new SGD([parameter()], { lr: 0.5, momentum: 0.9 }))
    const adam = new Adam([parameter()], { lr: 0.001 })
    const error = expectError('E_STATE', () => adam.load(sgd), /method: SGD; this Adam's: Adam/)
    expect([error.expected, error.actual]).toEqual(['Adam', 'SGD'])
    expect(adam.groups[0].lr).toBe(0.001)
    expectError('E_STATE', () => new AdamW([parameter()]).load(trained(adam)), /method/)
    expectError('E_STATE', () => new Adam([parameter()], { amsgrad: true }).load(trained(adam)), /slots/)
    expectError('E_STATE', () => new SGD([{ params: [parameter(), parameter()] }]).load(sgd), /groups: 1/)
    const longer = new SGD([device.parameter(vector(1, 2, 3))], { momentum: 0.9 })
    expectError('E_STATE', () => longer.load(sgd), /belongs to no parameter/)
    const same = new SGD([parameter()], { lr: 0.1, momentum: 0.9 })
    same.load(sgd)
    expect([same.groups[0].lr, same.steps, same.state().tensors.size]).toEqual([0.5, 1, 1])
  })

  test('and clipping refuse norms that are none', () => {
    const x = parameter()
    device.step(() => {
      F.sum(x).backward()
      for (const limit of [-1, NaN]) {
        expectError('E_VALUE', () => clipGradNorm([x], limit), /maxNorm/)
        expectError('E_VALUE', () => clipGradValue([x], limit), /limit/)
      }
    })
    expect(list(x.grad)).toEqual([1, 1])
  })
})

describe('whole numbers of any type', () => {
  test.each(['uint8', 'int8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64'] as const)('%s', (dtype) => {
    const scores = device.parameter(hostFrom('float32', [2, 3], [1, 2, 3, 3, 2, 1]))
    const embedding = new Embedding(3, 2)
    device.step(() => {
      const labels = device.tensor(hostFrom(dtype, [2], [2, 1]))
      const loss = F.add(crossEntropy(scores, labels), nll(F.logSoftmax(scores, 1), labels, { ignoreIndex: 7 }))
      F.add(loss, linearCrossEntropy(scores, device.tensor(new Float32Array(9), [3, 3]), undefined, labels)).backward()
      expect(list(scores.grad).every(Number.isFinite)).toBe(true)
      expect(crossEntropy(scores, labels).item()).toBeCloseTo(0.9076, 4)
      F.sum(embedding.call(labels)).backward()
      expect(list(embedding.weight.grad)).toEqual([0, 0, 1, 1, 1, 1])
    })
  })

  test('but no floats as indices', () => {
    device.step(() => {
      expectError('E_TENSOR', () => new Embedding(3, 2).call(device.tensor([1])), /must be integers/)
    })
  })
})

describe('tensors of a device', () => {
  test('are made of numbers, nested or with a shape', () => {
    device.step(() => {
      const made = [
        device.tensor([1, 2, 3, 4], [1, 4]),
        device.tensor([
          [1, 2],
          [3, 4],
        ]),
        device.tensor([3n, 4n]),
        device.tensor([true, false]),
        device.tensor(2.5),
        device.tensor([]),
        device.tensor(Float64Array.of(1) as never),
      ]
      expect(made.map(({ dtype, shape }) => [dtype, [...shape]])).toEqual([
        ['float32', [1, 4]],
        ['float32', [2, 2]],
        ['int64', [2]],
        ['bool', [2]],
        ['float32', []],
        ['float32', [0]],
        ['float64', [1]],
      ])
      expect(list(made[1])).toEqual([1, 2, 3, 4])
    })
  })

  test('and of nothing else', () => {
    const wrong: unknown[] = [
      undefined,
      null,
      'text',
      {},
      [1, 'a'],
      [[1, 2], [3]],
      [1, 2n],
      () => 1,
      { dtype: 'float32', shape: [3], data: new Float32Array(2) },
    ]
    for (const source of wrong) expectError('E_TENSOR', () => device.tensor(source as never))
    expectError('E_TENSOR', () => device.tensor([1, 2, 3], [2]), /needs 2 elements/)
  })
})

describe('what a module holds', () => {
  class Nested extends Module {
    readonly byName = new Map<string, Module>([['left', new Linear(1, 1)]])
    readonly grid = [[new Linear(1, 1)], [new Linear(1, 1), [new Linear(1, 1)]]]
    readonly plain = { deep: { er: new Linear(1, 1) }, scale: device.parameter(vector(1)) }
    readonly several = new Set([new Linear(1, 1)])
    readonly weights = [device.parameter(vector(1)), device.parameter(vector(2))]
    readonly #hidden = this.register('hidden', new Linear(1, 1))
    readonly loop: { self?: unknown } = {}
    constructor() {
      super()
      this.loop.self = this.loop
    }
    forward(x: Variable): Variable {
      return this.#hidden.call(x)
    }
  }

  test('is found in maps, nested lists, sets and objects, and where it is registered', () => {
    const model = new Nested()
    expect([...model.namedParameters()].map(([name]) => name).filter((name) => !name.endsWith('.bias'))).toEqual([
      'weights.0',
      'weights.1',
      'plain.scale',
      'byName.left.weight',
      'grid.0.0.weight',
      'grid.1.0.weight',
      'grid.1.1.0.weight',
      'several.0.weight',
      'plain.deep.er.weight',
      'hidden.weight',
    ])
    model.eval()
    expect([...model.modules()].every(({ training }) => !training)).toBe(true)
    const again = new Nested()
    again.loadStateDict(model.stateDict())
    expect(again.stateDict().get('grid.1.1.0.weight')!.data).toEqual(model.stateDict().get('grid.1.1.0.weight')!.data)
  })

  class Tied extends Module {
    readonly embedding = new Embedding(5, 3)
    readonly head = new Linear(3, 5, { bias: false })
    constructor() {
      super()
      Object.assign(this.head, { weight: this.embedding.weight })
    }
    forward(x: Variable): Variable {
      return this.head.call(this.embedding.call(x))
    }
  }

  test('has all its names when a state is loaded', () => {
    const model = new Tied()
    const tensor = (first: number) =>
      new Tensor(
        'float32',
        Float32Array.from({ length: 15 }, (_, i) => first + i),
        [5, 3],
      )
    // As PyTorch writes it: both names.
    model.loadStateDict(
      new Map([
        ['embedding.weight', tensor(1)],
        ['head.weight', tensor(1)],
      ]),
    )
    expect(list(model.embedding.weight)[14]).toBe(15)
    model.loadStateDict(new Map([['head.weight', tensor(2)]]))
    expect(list(model.embedding.weight)[0]).toBe(2)
    const differing = new Map([
      ['embedding.weight', tensor(1)],
      ['head.weight', tensor(3)],
    ])
    expectError('E_TENSOR', () => model.loadStateDict(differing), /one tensor in the model and differ/)
    expect([...model.stateDict().keys()]).toEqual(['embedding.weight'])
    expect(list(model.embedding.weight)[0]).toBe(2)
  })

  test('gets tensors of its own type only', () => {
    const wrong = new Map<string, Tensor>([
      ['weight', new Tensor('float64', new Float64Array(1), [1, 1])],
      ['bias', new Tensor('float32', new Float32Array(1), [1])],
    ])
    expectError('E_TENSOR', () => new Linear(1, 1).loadStateDict(wrong), /"weight" is float32\[1,1\].*float64/)
  })
})

describe('predictions', () => {
  class Two extends Module {
    readonly drop = new Dropout(0.9)
    forward(x: Variable): Variable[] {
      return [this.drop.call(x), F.mul(x, 2)]
    }
  }
  const x = new Tensor('float32', Float32Array.of(1, 2), [1, 2])

  test('drop nothing, return all outputs, and leave the mode', () => {
    const model = new Two()
    const results = model.predict(x)
    expect(results.map(({ data }) => [...(data as Float32Array)])).toEqual([
      [1, 2],
      [2, 4],
    ])
    expect(model.drop.training).toBe(true)
  })

  test('exported models have all outputs, too', () => {
    const inputs = [{ name: 'x', shape: [1, 2] }]
    const names = (outputs?: string[]) => toGraph(new Two(), inputs, { outputs }).outputs.map(({ name }) => name)
    expect(names()).toEqual(['output', 'output_1'])
    expect(names(['a', 'b'])).toEqual(['a', 'b'])
    expectError('E_VALUE', () => names(['a']), /returned 2 tensors, named are 1/)
    expectError('E_VALUE', () => names(['a', 'b', 'c']), /returned 2 tensors, named are 3/)
  })

  test('a graph is applied as any module', () => {
    const graph = toGraph(new Sequential(new Linear(2, 2)), [{ name: 'x', shape: [1, 2] }])
    const module = new GraphModule(graph)
    device.step(() => {
      const y: Variable | Variable[] = module.call(device.tensor([[1, 2]]))
      expect(y.shape).toEqual([1, 2])
    })
  })
})

describe('layers', () => {
  test('speak of themselves', () => {
    device.step(() => {
      const linear = expectError(
        'E_SHAPE',
        () => new Linear(4, 8).call(device.tensor(new Float32Array(10), [2, 5])),
        /Linear\(4, 8\) got 5 features, not 4/,
      )
      expect([linear.op, linear.node, linear.expected, linear.actual]).toEqual(['Linear', 'Linear', '4', '5'])
      const conv = () => new Conv2d(3, 8, 3).call(device.tensor(new Float32Array(72), [1, 2, 6, 6]))
      expectError('E_SHAPE', conv, /Conv2d\(3, 8\) got 2 channels, not 3/)
      const inside = new Sequential(new Sequential(new Linear(2, 3), new Linear(4, 1)))
      const nested = expectError('E_SHAPE', () => inside.call(device.tensor([[1, 2]])), /got 3 features/)
      expect(nested.node).toBe('0/1')
      // What an operator says has the layer's name as well.
      const kernel = () => new Conv2d(1, 1, 5).call(device.tensor(new Float32Array(4), [1, 1, 2, 2]))
      expect(expectError('E_SHAPE', kernel).node).toBe('Conv2d')
    })
  })

  test('BatchNorm measures no variance of one value, and takes what its name says', () => {
    device.step(() => {
      const norm = new BatchNorm1d(3)
      expectError('E_SHAPE', () => norm.call(device.tensor([[1, 2, 3]])), /one value per channel/)
      expect(list(norm.running_var)).toEqual([1, 1, 1])
      expect(norm.eval().call(device.tensor([[1, 2, 3]])).shape).toEqual([1, 3])
      expect(norm.train().call(device.tensor(new Float32Array(6), [1, 3, 2])).shape).toEqual([1, 3, 2])
      expectError('E_SHAPE', () => norm.call(device.tensor(new Float32Array(24), [2, 3, 2, 2])), /2 or 3 axes/)
      expectError('E_SHAPE', () => new BatchNorm2d(3).call(device.tensor(new Float32Array(6), [2, 3])), /of 4 axes/)
      expectError('E_SHAPE', () => norm.call(device.tensor(new Float32Array(8), [2, 4])), /got 4 channels, not 3/)
    })
  })
})

describe('fit', () => {
  const batch = { x: new Tensor('float32', [1, 2], [1, 2]), label: new Tensor('int32', [1], [1]) }
  const run = (options: object, data: unknown = [batch], model = new Linear(2, 2, { device })) =>
    fit(model, data as never, { optimizer: new SGD(model.parameters(), { lr: 0.1 }), epochs: 1, ...options })

  test('refuses options of the wrong kind before the first step', async () => {
    const wrong = { signal: {}, progress: 1, onStep: 5, onEpoch: 'x', schedule: {}, folder: 5, checkpoints: {} }
    const others = { loss: 'mse', output: 3, resume: 'yes', stopOnSignals: 1, ignoreIndex: 'x', classAxis: 0.5 }
    const lists = { validation: 5, metrics: 3, lossWeights: 'a' }
    for (const [name, value] of Object.entries({ ...wrong, ...others, ...lists }))
      await expectRejects('E_VALUE', () => run({ [name]: value }), new RegExp(name))
    await expectRejects('E_VALUE', () => run({ metrics: { mine: 3 } }), /mine/)
  })

  test('refuses an optimizer of another model, which would learn nothing', async () => {
    const other = new SGD(new Linear(2, 2, { device }).parameters())
    await expectRejects('E_VALUE', () => run({ optimizer: other }), /another model/)
    for (const params of [null, undefined, 3, 'parameters'])
      expectError('E_VALUE', () => new SGD(params as never), /list of parameters/)
  })
})

test('layers of sequences and normalisations speak of themselves, too', () => {
  const x = (...shape: number[]) => new Tensor('float32', new Float32Array(shape.reduce((a, b) => a * b, 1)), shape)
  const cases: [Module, Tensor, RegExp][] = [
    [new LSTM(3, 4, { device }), x(5, 1, 2), /LSTM\(3, 4.*got 2 features, not 3/],
    [new GRU(3, 4, { device }), x(5, 2), /GRU\(3, 4.*three axes/],
    [new LayerNorm(3, { device }), x(4, 2), /LayerNorm.* got 2 features, not 3/],
    [new LayerNorm([2, 3], { device }), x(4, 5, 3), /LayerNorm.* got 5 features, not 2/],
    [new RMSNorm(3, { device }), x(4, 1), /RMSNorm.* got 1 features, not 3/],
    [new GroupNorm(2, 4, { device }), x(1, 6, 2, 2), /GroupNorm.* got 6 channels, not 4/],
    [new MultiheadAttention(8, 2, { device }), x(2, 1, 6), /MultiheadAttention\(8, 2.*got 6 features, not 8/],
    [new TransformerEncoderLayer(8, 2, { device }), x(2, 1, 6), /MultiheadAttention\(8, 2.*got 6 features, not 8/],
  ]
  for (const [layer, input, message] of cases)
    expectError('E_SHAPE', () => (layer as Module & { forward(x: Variable): Variable }).predict(input), message)
})

test('schedules refuse numbers by which a rate would be none, or a loop endless', () => {
  const wrong: [string, () => unknown][] = [
    ...[0, -1, NaN, Infinity].flatMap((bad): [string, () => unknown][] => [
      [`stepDecay(${bad})`, () => stepDecay(bad)],
      [`exponential every ${bad}`, () => exponential(0.9, { every: bad })],
      [`cosine(${bad})`, () => cosine(bad)],
      [`polynomial(${bad})`, () => polynomial(bad)],
      [`warmRestarts(${bad})`, () => warmRestarts(bad)],
      [`oneCycle(${bad})`, () => oneCycle(bad)],
      [`oneCycle divide ${bad}`, () => oneCycle(10, { divide: bad })],
    ]),
    ['multiStep', () => multiStep([3, NaN])],
    ['a gamma', () => stepDecay(3, -0.1)],
    ['a multiple', () => warmRestarts(4, 0.5)],
    ['a floor', () => cosine(10, NaN)],
    ['a rise', () => oneCycle(10, { rise: 2 })],
    ['a warm-up', () => warmup(-1)],
    ['a factor of one’s own', () => new Schedule(new SGD(new Linear(1, 1).parameters()), () => NaN)],
  ]
  for (const [, work] of wrong) expectError('E_VALUE', work)
  expect(warmup(0, cosine(4))(0)).toBe(1)
})

test('outputs by name are predicted and written by their names', () => {
  class Named extends Module {
    readonly a = new Linear(2, 1, { device })
    readonly b = new Linear(2, 3, { device })
    forward(x: Variable): { first: Variable; second: Variable } {
      return { first: this.a.call(x), second: this.b.call(x) }
    }
  }
  const model = new Named()
  const { first, second } = model.predict(new Tensor('float32', [1, 2], [1, 2]))
  expect([first.dims, second.dims]).toEqual([
    [1, 1],
    [1, 3],
  ])
  const graph = toGraph(model, [{ name: 'x', shape: [1, 2] }])
  expect(graph.outputs.map(({ name }) => name)).toEqual(['first', 'second'])
})

test('a loss of two tensors, given to fit as it is: the error says what fit hands it', async () => {
  const model = new Linear(4, 1)
  const batch = {
    x: new Tensor('float32', new Float32Array(8), [2, 4]),
    height: new Tensor('float32', new Float32Array(2), [2, 1]),
  }
  const options = { optimizer: new Adam(model.parameters()), epochs: 1, label: undefined }
  for (const loss of [mse, huber])
    await expectRejects('E_VALUE', () => fit(model, [batch], { ...options, loss: loss as never }), /batch\.height/)
  const { steps } = await fit(model, [batch], { ...options, loss: (y, { height }) => mse(y as Variable, height) })
  expect(steps).toBe(1)
})
