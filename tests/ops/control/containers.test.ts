import { describe, expect, it } from 'vitest'
import { LanewiseError } from '../../../src/core/errors.js'
import { finish } from '../../../src/core/steps.js'
import type { Graph, Node, Value } from '../../../src/ir/graph.js'
import { notFused } from '../../../src/ir/graph.js'
import { Program } from '../../../src/plan/program.js'
import { WeightStore } from '../../../src/plan/weights.js'
import { hostFrom, type HostSequence, type HostTensor, type HostValue } from '../../../src/core/host.js'
import { registerAllOps } from '../../../src/api/register-all.js'
import { findOp } from '../../../src/ir/registry.js'
import { makeContext } from '../../support/wasm.js'

registerAllOps()

const named = (name: string): Value => ({ name })
const constant = (name: string, tensor: HostTensor): Value => ({ name, constant: tensor })
const f32 = (...values: number[]) => hostFrom('float32', [values.length], values)
const i64 = (...values: number[]) => hostFrom('int64', [values.length], values)
const scalar = (value: number) => hostFrom('int64', [], [value])
const yes = hostFrom('bool', [], [1])
const no = hostFrom('bool', [], [0])

function node(
  type: string,
  inputs: (Value | undefined)[],
  outputs: Value[],
  attributes: Record<string, unknown> = {},
): Node {
  const op = findOp('', type)!
  const defaults = Object.fromEntries(Object.entries(op.attributes).map(([name, spec]) => [name, spec.fallback]))
  return { op, name: type, attributes: { ...defaults, ...attributes }, inputs, outputs, fused: notFused }
}

async function run(
  graph: Graph,
  feeds: HostValue[] = [],
  signal?: AbortSignal,
  arenaLimit = 2 ** 30,
): Promise<HostValue[]> {
  const context = makeContext('simd', arenaLimit)
  const program = new Program(graph, context, new WeightStore(context), {
    build: 'simd',
    fast: true,
    shapedPass: () => true,
    arenaLimit,
  })
  const results = await finish(program.run(new Map(graph.inputs.map((value, i) => [value, feeds[i]])), { signal }))
  return graph.outputs.map((value) => results.get(value)!)
}

/** One operator over given values. */
function apply(
  type: string,
  inputs: (HostValue | undefined)[],
  attributes: Record<string, unknown> = {},
): Promise<HostValue[]> {
  const values = inputs.map((input, i) => input && named(`x${i}`))
  const y = named('y')
  const graph = {
    name: type,
    inputs: values.filter((value) => value !== undefined),
    outputs: [y],
    nodes: [node(type, values, [y], attributes)],
  }
  return run(
    graph,
    inputs.filter((input) => input !== undefined),
  )
}

const sequence = (...items: HostTensor[]): HostSequence => ({
  kind: 'sequence',
  dtype: items[0]?.dtype ?? 'float32',
  items,
})
const plain = (value: HostValue): unknown =>
  'kind' in value
    ? value.kind === 'sequence'
      ? value.items.map(plain)
      : value
    : { shape: [...value.shape], data: Array.from(value.data as ArrayLike<number | bigint>, Number) }
const vector = (...data: number[]) => ({ shape: [data.length], data })

describe('sequences', () => {
  const three = sequence(f32(1), f32(2), f32(3))

  it('are built, read, extended and shortened', async () => {
    expect(plain((await apply('SequenceConstruct', [f32(1), f32(2, 3)]))[0])).toEqual([vector(1), vector(2, 3)])
    expect(plain((await apply('SequenceAt', [three, scalar(-1)]))[0])).toEqual(vector(3))
    expect(plain((await apply('SequenceInsert', [three, f32(9)]))[0])).toEqual([
      vector(1),
      vector(2),
      vector(3),
      vector(9),
    ])
    expect(plain((await apply('SequenceInsert', [three, f32(9), scalar(-3)]))[0])).toEqual([
      vector(9),
      vector(1),
      vector(2),
      vector(3),
    ])
    expect(plain((await apply('SequenceErase', [three]))[0])).toEqual([vector(1), vector(2)])
    expect(plain((await apply('SequenceErase', [three, scalar(0)]))[0])).toEqual([vector(2), vector(3)])
    expect(plain((await apply('SequenceLength', [three]))[0])).toEqual({ shape: [], data: [3] })
    expect(await apply('SequenceEmpty', [], { dtype: 7 })).toEqual([{ kind: 'sequence', dtype: 'int64', items: [] }])
  })

  it('are joined and split', async () => {
    const pair = sequence(hostFrom('float32', [1, 2], [1, 2]), hostFrom('float32', [1, 2], [3, 4]))
    expect(plain((await apply('ConcatFromSequence', [pair], { axis: 1 }))[0])).toEqual({
      shape: [1, 4],
      data: [1, 2, 3, 4],
    })
    expect(plain((await apply('ConcatFromSequence', [pair], { axis: -1, new_axis: 1 }))[0])).toEqual({
      shape: [1, 2, 2],
      data: [1, 3, 2, 4],
    })
    expect(plain((await apply('SplitToSequence', [f32(1, 2, 3), scalar(2)]))[0])).toEqual([vector(1, 2), vector(3)])
    expect(plain((await apply('SplitToSequence', [f32(1, 2, 3), i64(1, 2)]))[0])).toEqual([vector(1), vector(2, 3)])
    expect(plain((await apply('SplitToSequence', [f32(1, 2)], { keepdims: 0 }))[0])).toEqual([
      { shape: [], data: [1] },
      { shape: [], data: [2] },
    ])
  })

  it.each([
    ['SequenceAt', [three, scalar(3)], {}, 'E_VALUE'],
    ['SequenceInsert', [three, i64(1)], {}, 'E_TENSOR'],
    ['SequenceErase', [sequence()], {}, 'E_VALUE'],
    ['SequenceAt', [f32(1), scalar(0)], {}, 'E_TENSOR'],
    ['ConcatFromSequence', [sequence(f32(1), hostFrom('float32', [1, 1], [1]))], { axis: 0 }, 'E_SHAPE'],
    ['ConcatFromSequence', [sequence()], { axis: 0 }, 'E_VALUE'],
    ['SplitToSequence', [f32(1, 2, 3), i64(1, 1)], {}, 'E_VALUE'],
    ['SplitToSequence', [f32(1, 2, 3), scalar(0)], {}, 'E_VALUE'],
    ['OptionalGetElement', [{ kind: 'optional', value: null }], {}, 'E_VALUE'],
  ] as [string, HostValue[], Record<string, unknown>, string][])(
    '%s refuses what does not fit (%#)',
    async (type, inputs, attributes, code) => {
      await expect(apply(type, inputs, attributes)).rejects.toMatchObject({ code })
    },
  )
})

describe('optionals', () => {
  it('hold a value or none', async () => {
    const held = { kind: 'optional' as const, value: f32(1) }
    expect(plain((await apply('OptionalHasElement', [held]))[0])).toEqual({ shape: [], data: [1] })
    expect(plain((await apply('OptionalHasElement', [{ kind: 'optional', value: null }]))[0])).toEqual({
      shape: [],
      data: [0],
    })
    expect(plain((await apply('OptionalHasElement', [f32(1)]))[0])).toEqual({ shape: [], data: [1] })
    expect(plain((await apply('OptionalHasElement', []))[0])).toEqual({ shape: [], data: [0] })
    expect(plain((await apply('OptionalGetElement', [held]))[0])).toEqual(vector(1))
    expect(await apply('Optional', [])).toEqual([{ kind: 'optional', value: null }])
    expect(await apply('Optional', [f32(1)])).toEqual([held])
  })
})

/** A body that adds `step` (a value of the graph around it) to what it carries, and hands the sum out as well. */
function counting(step: Value, going: Value): Graph {
  const [i, condition, x, sum, copy] = ['i', 'condition', 'x', 'sum', 'copy'].map(named)
  copy.declared = { kind: 'tensor', dtype: 'float32', shape: [1] }
  return {
    name: 'body',
    inputs: [i, condition, x],
    outputs: [going === condition ? condition : going, sum, copy],
    nodes: [node('Add', [x, step], [sum]), node('Identity', [sum], [copy])],
  }
}

describe('Loop', () => {
  const step = constant('step', f32(2))
  const loop = (trips: Value | undefined, condition: Value | undefined, body: Graph): Graph => {
    const [x, last, all] = ['x0', 'last', 'all'].map(named)
    return {
      name: 'loop',
      inputs: [x],
      outputs: [last, all],
      nodes: [node('Loop', [trips, condition, x], [last, all], { body })],
    }
  }

  it('carries values and stacks outputs', async () => {
    const results = await run(loop(constant('trips', scalar(3)), undefined, counting(step, constant('going', yes))), [
      f32(1),
    ])
    expect(results.map(plain)).toEqual([vector(7), { shape: [3, 1], data: [3, 5, 7] }])
  })

  it('stops when its condition says so', async () => {
    const results = await run(loop(undefined, constant('first', yes), counting(step, constant('going', no))), [f32(1)])
    expect(results.map(plain)).toEqual([vector(3), { shape: [1, 1], data: [3] }])
  })

  it('may not run at all', async () => {
    const results = await run(loop(undefined, constant('first', no), counting(step, constant('going', yes))), [f32(1)])
    expect(results.map(plain)).toEqual([vector(1), { shape: [0, 1], data: [] }])
  })

  it('of 2^63 trips ends when it is aborted', async () => {
    const trips = constant('trips', { dtype: 'int64', shape: [], data: BigInt64Array.of(2n ** 63n - 1n) })
    const endless = run(
      loop(trips, undefined, counting(step, constant('going', yes))),
      [f32(1)],
      AbortSignal.timeout(100),
    )
    await expect(endless).rejects.toMatchObject({ code: 'E_STATE' })
  })

  it('of 2^63 trips may not pile up more than the memory limit', async () => {
    const trips = constant('trips', { dtype: 'int64', shape: [], data: BigInt64Array.of(2n ** 63n - 1n) })
    const piling = run(loop(trips, undefined, counting(step, constant('going', yes))), [f32(1)], undefined, 2 ** 16)
    await expect(piling).rejects.toBeInstanceOf(LanewiseError)
    await expect(piling).rejects.toMatchObject({ code: 'E_BUDGET' })
  })
})

describe('Scan', () => {
  const body = (): Graph => {
    const [state, item, sum, copy] = ['state', 'item', 'sum', 'copy'].map(named)
    return {
      name: 'body',
      inputs: [state, item],
      outputs: [sum, copy],
      nodes: [node('Add', [state, item], [sum]), node('Identity', [sum], [copy])],
    }
  }
  const scan = (inputs: (Value | undefined)[], attributes: Record<string, unknown>): Graph => {
    const [last, all] = ['last', 'all'].map(named)
    const fed = inputs.filter((value) => value !== undefined)
    return {
      name: 'scan',
      inputs: fed,
      outputs: [last, all],
      nodes: [node('Scan', inputs, [last, all], { body: body(), num_scan_inputs: 1, ...attributes })],
    }
  }
  const rows = hostFrom('float32', [2, 3], [1, 2, 3, 4, 5, 6])

  it('walks along axes in both directions', async () => {
    const forward = await run(scan([named('s'), named('x')], {}), [f32(0, 0, 0), rows])
    expect(forward.map(plain)).toEqual([vector(5, 7, 9), { shape: [2, 3], data: [1, 2, 3, 5, 7, 9] }])
    const backward = await run(
      scan([named('s'), named('x')], {
        scan_input_axes: [1],
        scan_input_directions: [1],
        scan_output_axes: [-1],
        scan_output_directions: [1],
      }),
      [f32(0, 0), rows],
    )
    expect(backward.map(plain)).toEqual([vector(6, 15), { shape: [2, 3], data: [6, 5, 3, 15, 11, 6] }])
  })

  it('of opset 8 has a batch and lengths', async () => {
    const x = hostFrom('float32', [2, 3, 1], [1, 2, 3, 4, 5, 6])
    const state = hostFrom('float32', [2, 1], [0, 10])
    const results = await run(scan([named('lengths'), named('s'), named('x')], { batched: 1 }), [i64(3, 2), state, x])
    expect(results.map(plain)).toEqual([
      { shape: [2, 1], data: [6, 19] },
      { shape: [2, 3, 1], data: [1, 3, 6, 14, 19, 0] },
    ])
  })
})

describe('SequenceMap', () => {
  it('runs its body for every item', async () => {
    const [a, b, sum] = ['a', 'b', 'sum'].map(named)
    const body: Graph = { name: 'body', inputs: [a, b], outputs: [sum], nodes: [node('Add', [a, b], [sum])] }
    const results = await apply('SequenceMap', [sequence(f32(1), f32(2)), f32(10)], { body })
    expect(plain(results[0])).toEqual([vector(11), vector(12)])
  })
})
