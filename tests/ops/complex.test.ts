import { describe, expect, test } from 'vitest'
import type { HostSequence, HostTensor } from '../../src/core/host.js'
import { sizeOf, type Shape } from '../../src/core/shape.js'
import { knownOps } from '../../src/ir/registry.js'
import { lanewise } from '../conformance/engines.js'
import { expectRejects } from '../support/expect-error.js'
import { numbersIn, tensorOf } from '../support/numbers.js'
import { runNode } from '../support/cases/run-node.js'
import { writtenModel, type WrittenNode } from '../support/written-model.js'

// A complex number moves as a whole: where an operator puts element k of an int32 tensor it puts number k.

interface Move {
  readonly op: string
  readonly shapes: readonly Shape[]
  /** What is not complex, after the operands that are; `null`: left out. */
  readonly rest?: readonly (HostTensor | null)[]
  readonly first?: readonly HostTensor[]
  readonly attributes?: Readonly<Record<string, unknown>>
  readonly outputs?: number
}

const ints = (...values: number[]) => tensorOf('int64', [values.length], values)
const bools = (...values: number[]) => tensorOf('bool', [values.length], values)

const moves: readonly Move[] = [
  {
    op: 'Concat',
    shapes: [
      [2, 3],
      [2, 2],
    ],
    attributes: { axis: 1 },
  },
  { op: 'Slice', shapes: [[4, 5]], rest: [ints(3, 4), ints(-9, 0), ints(0, 1), ints(-1, -2)] },
  { op: 'Split', shapes: [[2, 6]], attributes: { axis: 1, num_outputs: 3 }, outputs: 3 },
  { op: 'Reshape', shapes: [[2, 6]], rest: [ints(3, 4)] },
  { op: 'Flatten', shapes: [[2, 2, 2]] },
  { op: 'Squeeze', shapes: [[2, 1, 3]], rest: [ints(1)] },
  { op: 'Unsqueeze', shapes: [[2, 3]], rest: [ints(1)] },
  { op: 'Identity', shapes: [[3]] },
  { op: 'Transpose', shapes: [[2, 3, 4]], attributes: { perm: [2, 0, 1] } },
  { op: 'Tile', shapes: [[2, 2]], rest: [ints(2, 3)] },
  { op: 'Expand', shapes: [[2, 1]], rest: [ints(2, 3)] },
  { op: 'Pad', shapes: [[2, 3]], rest: [ints(1, 0, 0, 2)], attributes: { mode: 'edge' } },
  { op: 'Gather', shapes: [[3, 4]], rest: [ints(2, 0)], attributes: { axis: 1 } },
  { op: 'GatherElements', shapes: [[2, 2]], rest: [tensorOf('int64', [2, 2], [1, 0, 0, 1])], attributes: { axis: 1 } },
  { op: 'GatherND', shapes: [[2, 3]], rest: [tensorOf('int64', [2, 2], [0, 1, 1, 2])] },
  {
    op: 'ScatterElements',
    shapes: [
      [2, 3],
      [1, 2],
    ],
    attributes: { axis: 1 },
  },
  {
    op: 'ScatterND',
    shapes: [
      [4, 2],
      [2, 2],
    ],
  },
  { op: 'DepthToSpace', shapes: [[1, 4, 2, 3]], attributes: { blocksize: 2 } },
  { op: 'SpaceToDepth', shapes: [[1, 1, 4, 2]], attributes: { blocksize: 2 } },
  { op: 'Trilu', shapes: [[3, 3]] },
  { op: 'ReverseSequence', shapes: [[3, 2]], rest: [ints(3, 2)] },
  { op: 'Compress', shapes: [[3, 2]], rest: [bools(1, 0, 1)], attributes: { axis: 0 } },
  { op: 'Where', first: [tensorOf('bool', [2, 1], [1, 0])], shapes: [[2, 3], [3]] },
]

/** Indices stand between the operands of these. */
const scattered: Record<string, HostTensor> = {
  ScatterElements: tensorOf('int64', [1, 2], [2, 0]),
  ScatterND: tensorOf('int64', [2, 1], [3, 1]),
}

/** Numbers 1, 2, … : 0 stays for what an operator fills in. */
function operands(move: Move, make: (shape: Shape, from: number) => HostTensor): (HostTensor | undefined)[] {
  let from = 1
  const given = move.shapes.map((shape) => {
    const tensor = make(shape, from)
    from += sizeOf(shape)
    return tensor
  })
  if (scattered[move.op]) given.splice(1, 0, scattered[move.op])
  return [...(move.first ?? []), ...given, ...(move.rest ?? []).map((tensor) => tensor ?? undefined)]
}

describe.each(['complex64', 'complex128'] as const)('%s', (dtype) => {
  describe.each(moves.map((move) => [move.op, move] as const))('%s', (_, move) => {
    test.each(['fed', 'folded'])('%s', async (how) => {
      const count = (shape: Shape, from: number) => Array.from({ length: sizeOf(shape) }, (_, i) => from + i)
      const plain = operands(move, (shape, from) => tensorOf('int32', shape, count(shape, from)))
      const complex = operands(move, (shape, from) => {
        const parts = count(shape, from).flatMap((k) => [k + 0.25, -k])
        return tensorOf(dtype, shape, parts)
      })
      const constants = complex.flatMap((x, i) => (how === 'folded' || x?.dtype !== dtype ? [i] : []))
      const { op, attributes, outputs } = move
      const places = await runNode({ op, attributes, outputs, inputs: plain, constants })
      const moved = await runNode({ op, attributes, outputs, inputs: complex, constants })
      moved.forEach((tensor, i) => {
        expect(tensor.dtype).toBe(dtype)
        expect(tensor.shape).toEqual(places[i].shape)
        const wanted = numbersIn(places[i]).flatMap((k) => (k === 0 ? [0, 0] : [k + 0.25, -k]))
        expect(numbersIn(tensor)).toEqual(wanted)
      })
    })
  })

  const pair = (from: number) => tensorOf(dtype, [2], [from, from + 1, from + 2, from + 3])
  const run = async (nodes: readonly WrittenNode[], sequence = false) => {
    const type = { dtype, shape: [2] }
    const bytes = writtenModel({
      opset: 17,
      nodes,
      inputs: { a: type, b: type },
      constants: {
        zero: tensorOf('int64', [], [0]),
        three: tensorOf('int64', [], [3]),
        yes: tensorOf('bool', [], [1]),
      },
      outputs: { y: { dtype, sequence } },
    })
    const model = await lanewise().load(bytes)
    const results = await model.run(new Map([['a', pair(1)], ['b', pair(5)]])) // prettier-ignore
    return results.get('y')!
  }
  const joined: WrittenNode = { op: 'SequenceConstruct', inputs: ['a', 'b'], outputs: ['s'] }

  test('sequences', async () => {
    const concat = await run([
      joined,
      { op: 'ConcatFromSequence', inputs: ['s'], outputs: ['y'], attributes: { axis: 0 } },
    ])
    expect(numbersIn(concat as HostTensor)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    const stacked = await run([
      joined,
      { op: 'ConcatFromSequence', inputs: ['s'], outputs: ['y'], attributes: { axis: 1, new_axis: 1 } },
    ])
    expect(numbersIn(stacked as HostTensor)).toEqual([1, 2, 5, 6, 3, 4, 7, 8])
    const split = await run([{ op: 'SplitToSequence', inputs: ['a'], outputs: ['y'] }], true)
    expect((split as HostSequence).items.map((item) => numbersIn(item as HostTensor))).toEqual([
      [1, 2],
      [3, 4],
    ])
  })

  test('outputs of Loop and Scan', async () => {
    const one = { dtype, shape: [] }
    const body = {
      inputs: { i: { dtype: 'int64', shape: [] }, c: { dtype: 'bool', shape: [] } },
      nodes: [
        { op: 'Identity', inputs: ['c'], outputs: ['on'] },
        { op: 'Identity', inputs: ['a'], outputs: ['out'] },
      ],
      outputs: { on: { dtype: 'bool', shape: [] }, out: { dtype, shape: [2] } },
    } as const
    const looped = await run([
      { op: 'Loop', inputs: ['three', 'yes'], outputs: ['y'], attributes: { body: { graph: body } } },
    ])
    expect(numbersIn(looped as HostTensor)).toEqual([1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4])
    const scan = { inputs: { e: one }, nodes: [{ op: 'Identity', inputs: ['e'], outputs: ['f'] }], outputs: { f: one } }
    const scanned = await run([
      {
        op: 'Scan',
        inputs: ['a'],
        outputs: ['y'],
        attributes: { body: { graph: scan }, num_scan_inputs: 1, scan_output_directions: [1] },
      },
    ])
    expect(numbersIn(scanned as HostTensor)).toEqual([3, 4, 1, 2])
  })

  test('every other operator refuses it', async () => {
    const allowed = new Set([...moves.map(({ op }) => op), 'Shape', 'Size', 'NonZero', 'OneHot', 'CenterCropPad', 'TensorScatter', 'Scatter']) // prettier-ignore
    for (const { name, domain, arity, values, control } of knownOps()) {
      if (
        allowed.has(name) ||
        values ||
        control ||
        domain !== '' ||
        arity === 0 ||
        name === 'If' ||
        name === 'Upsample'
      )
        continue
      const count = typeof arity === 'number' ? arity : Math.max(arity[0], 1)
      const inputs = Array.from({ length: count }, () => tensorOf(dtype, [1, 1, 1, 1], [1, 2]))
      const work = async () => {
        try {
          return await runNode({ op: name, inputs })
        } catch (error) {
          // Attributes that are required come first.
          if (/is missing|needs the operator/.test(String(error))) return
          throw error
        }
      }
      const error = await work().then(
        (made) => (made ? `${name} computes` : undefined),
        (thrown: Error & { code?: string }) =>
          thrown.code === 'E_UNSUPPORTED' ? undefined : `${name}: ${String(thrown)}`,
      )
      expect(error).toBeUndefined()
    }
    await expectRejects('E_UNSUPPORTED', () => runNode({ op: 'Add', inputs: [pair(1), pair(2)], constants: [0, 1] }))
  })
})
