import { isFloat, type DType } from '../../../src/core/dtype.js'
import { encodeFloat, isSmallFloat } from '../../../src/core/floats.js'
import { hostFrom, hostTensor, type HostTensor } from '../../../src/core/host.js'
import { sizeOf, type Shape } from '../../../src/core/shape.js'
import type { Plain, Reference } from '../../ops/case.js'
import { seeded } from '../random.js'
import { decodeSmallFloat } from '../small-floats.js'

export type Random = () => number

/** A value of a random graph, with what it must be. */
export interface RandomValue {
  readonly id: number
  readonly dtype: DType
  readonly shape: Shape
  /** The float64 run of the graph. */
  readonly exact: readonly number[]
  /** The same run with every result off by about what single precision costs: how far rounding can move this value. */
  readonly shaken: readonly number[]
  /** The elements of an input or a constant. */
  readonly tensor?: HostTensor
  readonly constant?: boolean
}

export interface RandomNode {
  readonly op: string
  readonly domain: string
  readonly attributes: Readonly<Record<string, unknown>>
  /** Ids; undefined where an optional input is left out. */
  readonly inputs: readonly (number | undefined)[]
  readonly outputs: readonly number[]
  readonly reference: Reference
}

export interface RandomGraph {
  readonly seed: number
  /** By id. */
  readonly values: readonly RandomValue[]
  readonly nodes: readonly RandomNode[]
  /** Ids of the values to fetch. */
  readonly outputs: readonly number[]
  /** Sizes of the inputs are names instead of numbers. */
  readonly open: boolean
}

export interface Choice {
  readonly dtypes?: readonly DType[]
  readonly rank?: readonly [least: number, most: number]
  /** Where fresh elements lie, and those of a value that is taken. */
  readonly low?: number
  readonly high?: number
  readonly shape?: Shape
  /** Taken as likely as not if it is fresh. */
  readonly constant?: boolean
  readonly test?: (value: RandomValue) => boolean
}

const MOST_ELEMENTS = 3000
const SIZES = [1, 1, 2, 2, 3, 3, 4, 5, 7, 8, 11, 13, 16, 17]
/** What one operation in float32 may be off, as shares of the element and of the largest one. */
const ROUNDING = { element: 2e-6, largest: 1e-6 }
/** … and as if its inputs had been off by. */
const INPUT_ROUNDING = 3e-7
/** As much again for float16, whose unit in the last place is 2⁻¹¹. */
const HALF_ROUNDING = { element: 1e-3, largest: 1e-4 }

/** Numbers, whatever the dtype: float16 and its like are decoded. */
export function numbers({ dtype, data }: HostTensor): number[] {
  return Array.from(
    data as ArrayLike<number | bigint>,
    isSmallFloat(dtype) ? (bits) => decodeSmallFloat(dtype, Number(bits)) : Number,
  )
}

/** A tensor of these numbers. */
export function tensorFrom(dtype: DType, shape: Shape, values: readonly number[]): HostTensor {
  if (!isSmallFloat(dtype)) return hostFrom(dtype, shape, values)
  return hostTensor(
    dtype,
    shape,
    Uint16Array.from(values, (value) => encodeFloat(dtype as 'float16', value)),
  )
}

function largestOf(data: readonly number[]): number {
  return data.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
}

const ranges: Partial<Record<DType, readonly [number, number]>> = {
  bool: [0, 1],
  uint8: [0, 255],
  int8: [-128, 127],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [-(2 ** 50), 2 ** 50],
  uint64: [0, 2 ** 50],
  float16: [-1e4, 1e4],
  float32: [-1e6, 1e6],
  float64: [-1e6, 1e6],
}

/**
 * Grows a graph node by node, knowing every value's elements, so that only nodes are added whose results are
 * well-defined and well-conditioned.
 */
export class GraphGrower {
  readonly values: RandomValue[] = []
  readonly nodes: RandomNode[] = []

  constructor(readonly random: Random) {}

  chance(share: number): boolean {
    return this.random() < share
  }

  int(low: number, high: number): number {
    return low + Math.floor(this.random() * (high - low + 1))
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.random() * list.length)]
  }

  size(): number {
    return this.chance(0.02) ? 0 : this.pick(SIZES)
  }

  shape(least: number, most: number): number[] {
    for (;;) {
      const shape = Array.from({ length: this.int(least, most) }, () => this.size())
      if (sizeOf(shape) <= 600) return shape
    }
  }

  /** An input or a constant of the graph. */
  fresh(
    dtype: DType,
    shape: Shape,
    {
      low = dtype.startsWith('uint') || dtype === 'bool' ? 0 : isFloat(dtype) ? -2 : -9,
      high = dtype === 'bool' ? 1 : isFloat(dtype) ? 2 : 9,
      constant = this.chance(0.3),
    }: Choice = {},
  ): RandomValue {
    const whole = !isFloat(dtype)
    if (dtype === 'bool') [low, high] = [0, 1]
    const data = Array.from({ length: sizeOf(shape) }, () =>
      whole ? this.int(low, high) : low + this.random() * (high - low),
    )
    return this.given(dtype, shape, data, constant)
  }

  given(dtype: DType, shape: Shape, data: readonly number[], constant = true): RandomValue {
    const tensor = tensorFrom(dtype, shape, data)
    const exact = numbers(tensor)
    const value: RandomValue = { id: this.values.length, dtype, shape, exact, shaken: exact, tensor, constant }
    this.values.push(value)
    return value
  }

  /** A value that there is already. */
  existing({
    dtypes = ['float32'],
    rank: [least, most] = [0, 6],
    low = -Infinity,
    high = Infinity,
    shape,
    test,
  }: Choice = {}): RandomValue | undefined {
    const fitting = this.values.filter(
      (value) =>
        dtypes.includes(value.dtype) &&
        (!value.constant || value.exact.length > 1) &&
        value.shape.length >= least &&
        value.shape.length <= most &&
        (!shape || (shape.length === value.shape.length && shape.every((size, i) => size === value.shape[i]))) &&
        value.exact.every((x) => x >= low && x <= high) &&
        (!test || test(value)),
    )
    // The newest rather than the oldest: graphs are to be deep.
    return fitting.length > 0
      ? fitting[fitting.length - 1 - Math.floor(this.random() ** 2 * fitting.length)]
      : undefined
  }

  /** A value that there is, or a new one. */
  operand(choice: Choice = {}): RandomValue {
    const found = this.chance(0.8) ? this.existing(choice) : undefined
    if (found) return found
    const [least, most] = choice.rank ?? [0, 4]
    for (let tries = 0; ; tries++) {
      const shape = choice.shape ?? this.shape(least, Math.min(most, 5))
      const value = this.fresh(this.pick(choice.dtypes ?? ['float32']), shape, choice)
      if (!choice.test || choice.test(value) || tries > 50) return value
      this.values.pop()
    }
  }

  /**
   * A node, unless its results are not finite, too large or depend on rounding. `moves`: the results are the very
   * elements of inputs, or exact in any arithmetic.
   */
  add(
    op: string,
    inputs: readonly (RandomValue | undefined)[],
    attributes: Readonly<Record<string, unknown>>,
    reference: Reference,
    {
      dtypes = [inputs[0]!.dtype],
      domain = '',
      moves = false,
      rounding = 1,
    }: { dtypes?: readonly DType[]; domain?: string; moves?: boolean; rounding?: number } = {},
  ): RandomValue[] | undefined {
    const run = (of: (value: RandomValue) => number[]) =>
      reference(inputs.map((value) => value && { shape: value.shape, data: of(value) }) as Plain[], attributes)
    const exact = run((value) => [...value.exact])
    // What is added up first and cancels then is off by a share of what went in, not of what comes out.
    const shake = (value: RandomValue) =>
      isFloat(value.dtype)
        ? value.shaken.map((x) => x * (1 + (this.chance(0.5) ? 1 : -1) * rounding * INPUT_ROUNDING))
        : [...value.shaken]
    const moved =
      moves && inputs.every((value) => !value || value.exact === value.shaken)
        ? exact
        : run(moves ? (value) => [...value.shaken] : shake)
    const results = dtypes.map((dtype, i): RandomValue | undefined => {
      const { shape, data } = exact[i]
      const [low, high] = ranges[dtype]!
      if (
        data.length !== sizeOf(shape) ||
        data.length > MOST_ELEMENTS ||
        moved[i].data.length !== data.length ||
        !data.every((x) => x >= low && x <= high)
      )
        return undefined
      const clean = data.map((x) => x + 0)
      const largest = largestOf(clean)
      if (!isFloat(dtype))
        return moved[i].data.every((x, k) => x === data[k])
          ? { id: 0, dtype, shape, exact: clean, shaken: clean }
          : undefined
      const { element, largest: whole } = dtype === 'float16' ? HALF_ROUNDING : ROUNDING
      const noisy = moves
        ? moved[i].data
        : moved[i].data.map(
            (x) => x + (this.chance(0.5) ? 1 : -1) * rounding * (element * Math.abs(x) + whole * largest),
          )
      const off = noisy.reduce((most, x, k) => Math.max(most, Math.abs(x - data[k])), 0)
      return off <= (dtype === 'float16' ? 2e-2 : 2e-3) * largest
        ? { id: 0, dtype, shape, exact: clean, shaken: moves && moved === exact ? clean : noisy }
        : undefined
    })
    if (!results.every((result) => result)) return undefined
    const outputs = results.map((result, i) => ({ ...result!, id: this.values.length + i }))
    this.values.push(...outputs)
    this.nodes.push({
      op,
      domain,
      attributes,
      inputs: inputs.map((value) => value?.id),
      outputs: outputs.map(({ id }) => id),
      reference,
    })
    return outputs
  }
}

/** How far rounding moves a value. */
export function uncertainty({ exact, shaken }: RandomValue): number {
  return exact.reduce((most, x, i) => Math.max(most, Math.abs(x - shaken[i])), 0)
}

/** How far an engine may be off in a value. */
export function allowance(value: RandomValue): number {
  const { exact, dtype } = value
  if (!isFloat(dtype)) return 0
  // Exponentials end in zero somewhat earlier here or there.
  return 6 * uncertainty(value) + 1e-7 * largestOf(exact) + 1e-12
}

export type Recipe = (g: GraphGrower) => unknown

/** A graph of 1 to 12 nodes that depends on nothing but the seed. */
export function randomGraph(
  seed: number,
  recipes: readonly (readonly [weight: number, recipe: Recipe])[],
): RandomGraph {
  const random = seeded(Math.imul(seed, 0x9e3779b1))
  random()
  const g = new GraphGrower(random)
  const total = recipes.reduce((sum, [weight]) => sum + weight, 0)
  const wanted = g.int(1, 12)
  for (let tries = 0; g.nodes.length < wanted && tries < 60; tries++) {
    let at = random() * total
    const [, recipe] = recipes.find(([weight]) => (at -= weight) < 0) ?? recipes[0]
    const { length } = g.values
    const before = g.nodes.length
    recipe(g)
    // What was made for a node that was not taken.
    if (g.nodes.length === before) g.values.length = length
  }
  const used = new Set(g.nodes.flatMap(({ inputs }) => inputs))
  const outputs = g.nodes.flatMap((node) => node.outputs).filter((id) => !used.has(id) || g.chance(0.15))
  return { seed, values: g.values, nodes: g.nodes, outputs, open: g.chance(0.25) }
}
