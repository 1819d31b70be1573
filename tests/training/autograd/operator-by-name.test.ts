import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import '../../../src/node.js'
import { registerAllOps } from '../../../src/api/register-all.js'
import { Device } from '../../../src/autograd/device.js'
import { hostFrom } from '../../../src/core/host.js'
import { findOp } from '../../../src/ir/registry.js'
import * as F from '../../../src/nn/functional.js'
import { plain, type Case, type Plain } from '../../ops/case.js'
import { allCases } from '../../ops/cases.js'
import { compareTensor } from '../../support/cases/check-case.js'
import { inputsOf } from '../../support/cases/case-model.js'
import { expectError } from '../../support/expect-error.js'

registerAllOps()

let device: Device
beforeAll(async () => {
  device = await Device.create({ build: 'simd', seed: 3 })
})
afterAll(() => device.dispose())

/** Texts and sub-byte types do not enter a device; what works on sequences, maps and graphs has no tensors. */
const rows = allCases.filter((row) => {
  const op = findOp(row.domain ?? '', row.op)!
  const numeric = [...inputsOf(row)].every((input) => input?.dtype !== 'string')
  return numeric && row.opset === undefined && (op.emit ?? op.compute ?? op.decompose) !== undefined && !op.random
})

function apply(row: Case) {
  const inputs = inputsOf(row).map((input) => input && device.tensor(input))
  const name = row.domain ? `${row.domain}::${row.op}` : row.op
  return F.op(name, inputs, row.attributes, row.outputs ?? 1, device)
}

// Every row of every case table: what a plan computes, an operator called by its name computes, too.
describe.each([...new Set(rows.map((row) => row.op))])('%s', (op) => {
  test.each(rows.filter((row) => row.op === op).map((row) => [row.name, row] as const))('%s', (_, row) => {
    const expected = row.reference(inputsOf(row).map((input) => input && plain(input)) as Plain[], row.attributes ?? {})
    device.step(() => {
      const results = apply(row)
      results.forEach((result, i) => {
        if (result.dtype !== 'string')
          compareTensor(result.host(), expected[i], row.tolerance, `${row.op} ${row.name}: output ${i}`)
      })
    })
  })
})

describe('attributes', () => {
  const x = () => device.tensor(Float32Array.of(-3, -1, 0, 2, 5, 9), [2, 3])
  const values = (name: string, attributes: Readonly<Record<string, unknown>>, outputs = 1) =>
    device.step(() => F.op(name, [x()], attributes, outputs).map((result) => [...result.data()].map(Number)))

  test('of an older operator set are taken where they have become inputs', () => {
    expect(values('Clip', { min: 0, max: 6 })).toEqual([[0, 0, 0, 2, 5, 6]])
    expect(values('Clip', { max: -1.5 })).toEqual([[-3, -1.5, -1.5, -1.5, -1.5, -1.5]])
    expect(values('ReduceSum', { axes: [1], keepdims: 0 })).toEqual([[-4, 16]])
    expect(values('ReduceMax', { axes: [0], keepdims: false })).toEqual([[2, 5, 9]])
    expect(values('Unsqueeze', { axes: [0] })).toEqual([[-3, -1, 0, 2, 5, 9]])
    expect(values('Slice', { starts: [1], ends: [3], axes: [1] })).toEqual([[-1, 0, 5, 9]])
    expect(values('Pad', { pads: [0, 1, 0, 0], value: 7 })).toEqual([[7, -3, -1, 0, 7, 2, 5, 9]])
    expect(values('Split', { split: [1, 2], axis: 1 }, 2)).toEqual([
      [-3, 2],
      [-1, 0, 5, 9],
    ])
    expect(values('TopK', { k: 2 }, 2)).toEqual([
      [0, -1, 9, 5],
      [2, 1, 2, 1],
    ])
  })

  test('operators that are always rewritten are, too', () => {
    expect(device.step(() => [...F.op('Constant', [], { value_ints: [3, 4] }, 1, device)[0].data()])).toEqual([3n, 4n])
  })

  test('wrong ones are named', () => {
    const refused = (attributes: Readonly<Record<string, unknown>>, message: RegExp, name = 'Softmax') => {
      const error = device.step(() => expectError('E_GRAPH', () => F.op(name, [x()], attributes), message))
      expect(error.op).toBe(name)
    }
    refused({ axes: 1 }, /attribute "axes" is not known/)
    refused({ axis: 'last' }, /attribute "axis" has the wrong type/)
    refused({ axis: 0.5 }, /attribute "axis" has the wrong type/)
    refused({ alpha: [1] }, /attribute "alpha" has the wrong type/, 'LeakyRelu')
    refused({ equation: 3 }, /attribute "equation" has the wrong type/, 'Einsum')
  })
})

describe('what is refused', () => {
  const vector = () => device.tensor(Float32Array.of(1, 2))

  test('names that are not known, with the one that was meant', () => {
    device.step(() => {
      expectError('E_UNSUPPORTED', () => F.op('clip', [vector()]), /is it Clip\?/)
      expectError('E_UNSUPPORTED', () => F.op('FastGelu', [vector()]), /is it com\.microsoft::FastGelu\?/)
      expectError('E_UNSUPPORTED', () => F.op('NoSuch', [vector()]), /the operator NoSuch is not known/)
    })
  })

  test('operators over sequences and graphs', () => {
    device.step(() => {
      expectError('E_UNSUPPORTED', () => F.op('SequenceConstruct', [vector()]), /sequences/)
      expectError('E_UNSUPPORTED', () => F.op('If', [vector()]), /graphs/)
    })
  })

  test('too many or too few inputs and outputs', () => {
    device.step(() => {
      expectError('E_GRAPH', () => F.op('Relu', [vector(), vector()]), /it has 2 inputs, not 1/)
      expectError('E_GRAPH', () => F.op('MatMul', [vector()]), /it has 1 inputs, not 2/)
      expectError('E_GRAPH', () => F.op('MatMul', [vector(), undefined]), /required input 1 is missing/)
      expectError('E_GRAPH', () => F.op('Relu', [vector()], {}, 2), /it makes 1 outputs here, not 2/)
      expectError('E_VALUE', () => F.op('Constant', [], { value_int: 1 }), /needs a device/)
    })
  })
})

describe('operators with shapes that depend on data', () => {
  test('are applied', () => {
    device.step(() => {
      const x = device.tensor(Float32Array.of(0, 3, 0, 4), [2, 2])
      const [places] = F.op('NonZero', [x])
      expect([places.dtype, places.shape, [...places.data()]]).toEqual(['int64', [2, 2], [0n, 1n, 1n, 1n]])
      const [unique, , , counts] = F.op('Unique', [x], {}, 4)
      expect([[...unique.data()], [...counts.data()]]).toEqual([
        [0, 3, 4],
        [2n, 1n, 1n],
      ])
    })
  })

  test('random ones draw from the generator of the device', async () => {
    const draw = async (seed: number) => {
      const own = await Device.create({ build: 'simd', seed })
      const numbers = own.step(() => [...F.op('RandomNormal', [], { shape: [4] }, 1, own)[0].data()])
      own.dispose()
      return numbers
    }
    expect(await draw(1)).toEqual(await draw(1))
    expect(await draw(1)).not.toEqual(await draw(2))
  })
})

test('a gradient has the outputs it needs, whatever was asked for', () => {
  const x = device.parameter(hostFrom('float32', [4], [1, 9, 3, 7]))
  device.step(() => {
    const [largest] = F.op('TopK', [x], { k: 2 })
    F.sum(F.mul(largest, F.cast(F.arange(1, 3, { device }), 'float32'))).backward()
    expect([...x.grad!.data()]).toEqual([0, 1, 0, 2])
    // Without a gradient, too, one output may be asked for.
    expect([...device.noGrad(() => F.op('TopK', [x], { k: 1 }))[0].data()]).toEqual([9])
  })
  x.dispose()
})

test('half-precision floats are computed in float32', () => {
  device.step(() => {
    const x = F.cast(device.tensor(Float32Array.of(-1, 0.5, 2)), 'float16')
    const [y] = F.op('Relu', [x])
    expect(y.dtype).toBe('float16')
    expect([...F.cast(y, 'float32').data()]).toEqual([0, 0.5, 2])
    expect([...F.cast(F.mul(x, 2), 'float32').data()]).toEqual([-2, 1, 4])
  })
})
