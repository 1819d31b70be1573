import { stridesOf, type Shape } from './shape.js'

/**
 * The order in which a tensor's logical axes lie in memory, outermost first: `[0, 2, 3, 1]` is an N,C,H,W tensor stored
 * channels-last. A Transpose therefore moves nothing: it only renames axes, and memory is rearranged where an operator
 * insists on another order.
 */
export type Order = readonly number[]

/** The order of axes in which an axis lies where it stands: 0, 1, 2 … */
export function identityOrder(rank: number): Order {
  return (identities[rank] ??= Array.from({ length: rank }, (_, axis) => axis))
}

/** Kept, because the planner asks for them all the time. */
const identities: Order[] = []

/** N, spatial axes …, C. */
export function channelsLastOrder(rank: number): Order {
  if (rank < 3) return identityOrder(rank)
  return [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1]
}

/** Sizes in memory order. */
export function physicalShape(shape: Shape, order: Order): number[] {
  return order.map((axis) => shape[axis])
}

/** The stride of each logical axis, in elements, of a dense tensor in this order. */
export function logicalStrides(shape: Shape, order: Order): number[] {
  const strides = new Array<number>(shape.length)
  stridesOf(physicalShape(shape, order)).forEach((stride, place) => (strides[order[place]] = stride))
  return strides
}

/** Whether two orders are the same. */
export function sameOrder(a: Order, b: Order): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Whether two orders put the elements of this shape at the same places: axes of size 1 may stand anywhere. */
export function sameMemory(shape: Shape, a: Order, b: Order): boolean {
  let i = 0
  let j = 0
  for (;;) {
    while (i < a.length && shape[a[i]] === 1) i++
    while (j < b.length && shape[b[j]] === 1) j++
    if (i === a.length || j === b.length) return i === a.length && j === b.length
    if (a[i++] !== b[j++]) return false
  }
}

/** An operand as it lies now. A constant can be rearranged for nothing, once. */
export interface LayoutOperand {
  readonly shape: Shape
  readonly order: Order
  readonly constant: boolean
}

/** What a layout rule is asked about. */
export interface LayoutQuery<A, I extends readonly unknown[] = readonly (LayoutOperand | undefined)[]> {
  /** The node's attributes, defaults filled in. */
  readonly attributes: A
  /** The operands as they lie now; undefined where one is left out. */
  readonly inputs: I
  /** Shapes of the outputs. */
  readonly outputs: readonly Shape[]
}

/** The orders an operator wants its inputs in and will make its outputs in; undefined is logical order. */
export interface Layout {
  /** Orders that the inputs are wanted in. */
  readonly inputs: readonly (Order | undefined)[]
  /** Orders that the outputs will have. */
  readonly outputs: readonly (Order | undefined)[]
}

/** Input 0 and every output channels-last, everything else logical. */
export function channelsLast(query: LayoutQuery<unknown>): Layout {
  const data = query.inputs[0]
  return {
    inputs: data ? [channelsLastOrder(data.shape.length)] : [],
    outputs: query.outputs.map((shape) => channelsLastOrder(shape.length)),
  }
}

/**
 * For elementwise operators with broadcasting: all operands and outputs in the order of the first operand that is not a
 * constant, has the outputs' rank and is not stored in logical order; operands of lower rank are thought to have
 * leading axes of size 1.
 */
export function elementwise(query: LayoutQuery<unknown>): Layout {
  const rank = query.outputs[0]?.length ?? 0
  let lead: Order | undefined
  let leadSize = -1
  for (const input of query.inputs) {
    if (!input || input.constant || input.shape.length !== rank) continue
    const size = input.shape.reduce((a, b) => a * b, 1)
    if (size > leadSize) {
      lead = input.order
      leadSize = size
    }
  }
  if (!lead) return { inputs: [], outputs: [] }
  const order = lead
  return {
    inputs: query.inputs.map((input) => (input ? trailing(order, input.shape.length) : undefined)),
    outputs: query.outputs.map((shape) => trailing(order, shape.length)),
  }
}

/**
 * Input 0 may lie in any order and every output of the same rank takes it: for operators that only need to find their
 * axis.
 */
export function follow(query: LayoutQuery<unknown>): Layout {
  const order = query.inputs[0]?.order
  return {
    inputs: [order],
    outputs: query.outputs.map((shape) => (order && shape.length === order.length ? order : undefined)),
  }
}

/**
 * For operators that only cut the logical sequence of axes differently (Reshape, Flatten, Squeeze …) and whose output
 * is a view. Axes are gathered into the smallest groups of the input and of the output that hold as many elements.
 * Where every group lies together in memory, the groups stay where they are: [N,C,H,W] stored channels-last becomes
 * [N,C,H·W] stored channels-last, and undoing a channel shuffle moves elements once. Otherwise the input is wanted in
 * logical order.
 */
export function regroup(query: LayoutQuery<unknown>): Layout {
  const [x] = query.inputs
  const [shape] = query.outputs
  const groups = x && groupAxes(x.shape, shape)
  if (!groups) return { inputs: [], outputs: [] }
  const memory = x.order.filter((axis) => x.shape[axis] !== 1)
  const placed = groups.map(({ from, to }) => {
    const places = from.filter((axis) => x.shape[axis] !== 1).map((axis) => memory.indexOf(axis))
    const first = Math.min(...places)
    return { from, to, first, together: Math.max(...places) - first === places.length - 1 }
  })
  if (!placed.every(({ together }) => together)) return { inputs: [], outputs: [] }
  placed.sort((a, b) => a.first - b.first)
  return { inputs: [placed.flatMap(({ from }) => from)], outputs: [placed.flatMap(({ to }) => to)] }
}

/**
 * The smallest groups of neighbouring axes with as many elements in both shapes; an axis of size 1 goes with the group
 * before it.
 */
function groupAxes(from: Shape, to: Shape): { from: number[]; to: number[] }[] | undefined {
  if (from.includes(0) || from.every((size) => size === 1)) return undefined
  const groups: { from: number[]; to: number[] }[] = []
  let i = 0
  let j = 0
  while (i < from.length || j < to.length) {
    const group = { from: [] as number[], to: [] as number[] }
    let a = 1
    let b = 1
    do {
      if (a <= b && i < from.length) {
        a *= from[i]
        group.from.push(i++)
      } else if (j < to.length) {
        b *= to[j]
        group.to.push(j++)
      } else {
        return undefined
      }
    } while (a !== b || a === 1)
    while (from[i] === 1) group.from.push(i++)
    while (to[j] === 1) group.to.push(j++)
    groups.push(group)
  }
  return groups
}

/** The order of the trailing `rank` axes within an order of more axes. */
function trailing(order: Order, rank: number): Order {
  const lead = order.length - rank
  if (lead < 0) return identityOrder(rank)
  return order.filter((axis) => axis >= lead).map((axis) => axis - lead)
}
