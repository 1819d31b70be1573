// Layers of a model are alike: for further sizes one of them is planned again, and the others get what it got, at
// places of their own.
import { present } from '../core/errors.js'
import { sameOrder } from '../core/layout.js'
import { sizeOf } from '../core/shape.js'
import type { Node, Value } from '../ir/graph.js'
import { inferNode, sameElements, sameType, type Inferred } from '../ir/infer.js'
import type { Address, Block } from '../ir/emitter.js'
import type { TensorType } from '../ir/op.js'
import { isArenaBlock, type ArenaBlock } from './arena.js'
import { homeOf, isMoving, LayerReplanner, type Group } from './layer-replanner.js'
import type { Step } from './emitter.js'
import { Placed, type ConstantOperand } from './placed.js'
import { liesAlike, pair, sameConstant, SMALL, type LikeNodes } from './like-nodes.js'
import { stepsOf, type Segment, type Slot } from './plan-state.js'
import type { Site } from './recording.js'
import { mayBecome, type Origin, type Replanner } from './replan.js'
import type { WeightLease } from './weights.js'

/** What is asked for of values, by the first of those that are alike. */
export interface Watched {
  readonly asked: ReadonlySet<Value>
  readonly read: ReadonlySet<Value>
}

/** A node to infer again: what it is given that stays as it was, the values that do not, and what it makes. */
interface Question {
  readonly node: Node
  readonly fixed: readonly (Inferred | undefined)[]
  readonly changing: readonly (Value | undefined)[]
  readonly outputs: readonly (
    | { readonly value: Value; readonly was: Inferred | undefined; readonly changes: boolean }
    | undefined
  )[]
}

/**
 * Which values and sites of a plan are like others, found in one plan that was made of the base, and true of all whose
 * inputs differ in the same places: what a node makes follows from its operator, its attributes and what is known of
 * its inputs. So one of each kind is inferred and planned by the planner's own code, and nothing is guessed from sizes.
 * Where that finds other things to change than it did then, this does not apply.
 */
export class Layers {
  /** What passes may have looked at, by the first of its kind. */
  readonly watched: Watched
  /** Sides of bounds for which passes have been seen to do the same. */
  readonly proven = new Set<string>()
  /** The first value that is known to be what a changed one is; itself if there is none before it. */
  private readonly firsts = new Map<Value, Value>()
  /** Nodes of the graph to infer. */
  private readonly nodes: Node[] = []
  private questions: readonly Question[] | undefined
  private readonly groups: readonly Group[]
  /** The sites in them. */
  private readonly covered: ReadonlySet<number>
  /** The value whose place is like that of another, by that. */
  private readonly places = new Map<Value, Value>()
  /** Blocks of the arena that grow as another one does. */
  readonly homes = new Map<ArenaBlock, ArenaBlock[]>()

  /**
   * @param now - all that has changed.
   * @param replanner - what has planned it.
   */
  constructor(
    private readonly from: Origin,
    private readonly users: ReadonlyMap<Value, readonly number[]>,
    private readonly likes: LikeNodes,
    inputs: Iterable<Value>,
    now: ReadonlyMap<Value, Inferred>,
    replanner: Replanner,
    segment: Segment,
    /** Sizes that passes may have compared with those that have changed. */
    readonly otherSizes: ReadonlySet<number>,
  ) {
    this.findFirsts(inputs, now)
    this.groups = this.findGroups(replanner, segment)
    this.covered = new Set(this.groups.flatMap(({ first, others }) => [first, ...others]))
    const firstsOf = (values: ReadonlySet<Value>) =>
      new Set([...values].flatMap((value) => this.firsts.get(value) ?? []))
    this.watched = { asked: firstsOf(from.watched.asked), read: firstsOf(from.watched.read) }
  }

  /** Whether anything is like something else. */
  get useful(): boolean {
    return this.groups.some(({ others }) => others.length > 0)
  }

  /** What is known now of the first value of each kind; undefined if other things have changed than did then. */
  infer(
    types: ReadonlyMap<Value, TensorType | undefined>,
    places: ReadonlyMap<Value, Placed>,
  ): ReadonlyMap<Value, Inferred> | undefined {
    const before = this.from.specialized.inferred
    const now = new Map<Value, Inferred>()
    for (const [value, type] of types) {
      const was = before.get(value)
      if (!type || !was) return undefined
      const first = this.firsts.get(value)
      if (!first) {
        if (!sameType(was.type, type)) return undefined
      } else if (first === value) {
        if (sameType(was.type, type) || !mayBecome(was.type, type)) return undefined
        now.set(value, { type })
      } else {
        // The first of a kind is fed before those that are like it.
        const like = now.get(first)
        if (!like || !sameType(like.type, type)) return undefined
        const [a, b] = [places.get(first), places.get(value)]
        if (a && b ? !liesAlike(a, b) : a !== b) return undefined
      }
    }
    this.questions ??= this.nodes.map((node) => this.question(node))
    for (const { node, fixed, changing, outputs } of (this.questions ??= this.nodes.map((node) =>
      this.question(node),
    ))) {
      const given = fixed.map((is, j) => (changing[j] ? now.get(changing[j]) : is))
      const found = inferNode(node, given, () => undefined)
      for (let j = 0; j < outputs.length; j++) {
        const output = outputs[j]
        if (!output) continue
        const { value, was, changes } = output
        const is = found?.[j]
        if (!was || !is) {
          if (was || is) return undefined
          continue
        }
        const same = sameType(was.type, is.type) && sameElements(was.known, is.known)
        if (same === changes) return undefined
        if (same) continue
        if (!mayBecome(was.type, is.type) || !was.known !== !is.known) return undefined
        now.set(value, is)
      }
    }
    return now
  }

  /** What a node is given and makes, looked up once. */
  private question(node: Node): Question {
    const before = this.from.specialized.inferred
    return {
      node,
      fixed: node.inputs.map((value) =>
        value?.constant ? { type: value.constant, known: value.constant } : value && before.get(value),
      ),
      changing: node.inputs.map((value) => value && this.firsts.get(value)),
      outputs: node.outputs.map((value) => value && { value, was: before.get(value), changes: this.firsts.has(value) }),
    }
  }

  /** The plan, of what {@link infer} has found. @throws Differs where it is another. */
  replan(
    types: ReadonlyMap<Value, TensorType | undefined>,
    places: ReadonlyMap<Value, Placed>,
    now: ReadonlyMap<Value, Inferred>,
    lease: WeightLease,
  ): Segment {
    const { from, users, firsts, groups } = this
    const changes = { get: (value: Value) => now.get(firsts.get(value) ?? value) }
    const fed = { types, firsts, places }
    return new LayerReplanner(from, users, changes, lease, fed, this.places).replanGroups(groups, this.covered)
  }

  /** Values of the graph that are alike, by what they are made of. */
  private findFirsts(inputs: Iterable<Value>, now: ReadonlyMap<Value, Inferred>): void {
    const { graph, specialized } = this.from
    const before = specialized.inferred
    const kinds = new Map<string, Value>()
    const ids = new Map<unknown, number>()
    const idOf = (thing: unknown): number => {
      const id = ids.get(thing) ?? ids.size
      ids.set(thing, id)
      return id
    }
    const join = (value: Value, kind: string): void => {
      const first = kinds.get(kind)
      const alike = first && sameInferred(now, first, value) && sameInferred(before, first, value)
      if (!alike) kinds.set(kind, value)
      this.firsts.set(value, alike ? first : value)
    }
    for (const value of inputs)
      if (now.has(value)) join(value, `input ${now.get(value)?.type.dtype} ${now.get(value)?.type.shape.join()}`)
    const kindOf = (value: Value | undefined): string => {
      if (!value) return ''
      const first = this.firsts.get(value)
      if (first) return `changed ${idOf(first)}`
      const is = value.constant ? { type: value.constant, known: value.constant } : before.get(value)
      if (!is) return `value ${idOf(value)}`
      const { type, known } = is
      const elements = known && (sizeOf(known.shape) <= SMALL ? known.data.join() : idOf(known))
      return `${type.dtype} ${type.shape.join()} ${elements}`
    }
    for (const node of graph.nodes) {
      if (!node.inputs.some((value) => value && now.has(value))) continue
      const kind = `${idOf(this.likes.first(node))}:${node.inputs.map(kindOf).join(';')}`
      let isFirst = !node.outputs.some((value) => value && now.has(value))
      node.outputs.forEach((value, j) => {
        if (!value || !now.has(value)) return
        join(value, `${kind} ${j}`)
        if (this.firsts.get(value) === value) isFirst = true
      })
      if (isFirst) this.nodes.push(node)
    }
  }

  /** Sites that are alike, by what the base and the plan that was made of it did there. */
  private findGroups(replanner: Replanner, segment: Segment): Group[] {
    const { sites } = this.from.recording
    const kinds = new Map<Node, Group[]>()
    const groups: Group[] = []
    for (const i of replanner.replanned) {
      const { node, folded } = sites[i]
      const group = { first: i, others: [], steps: [] }
      groups.push(group)
      if (!node || folded) continue
      const kind = this.likes.first(node)
      const before = kinds.get(kind) ?? []
      kinds.set(kind, before)
      const like = before.find(({ first }) => this.areAlike(first, i, replanner.values, segment))
      if (!like) {
        before.push(group)
        continue
      }
      groups.pop()
      like.others.push(i)
      this.addSteps(like, i)
      const outputs = sites[like.first].node?.outputs ?? []
      node.outputs.forEach((value, j) => value && this.places.set(value, present(outputs[j], 'output')))
    }
    return groups
  }

  /** Notes the steps of a site that is like the first of a group, and the places that are like those there. */
  private addSteps({ first, steps }: Group, other: number): void {
    const { recording, segment } = this.from
    const { sites } = recording
    const [from, to] = [sites[first].firstStep, sites[other].firstStep]
    const count = endOf(sites, first, segment) - from
    for (let j = 0; j < count; j++) {
      const [theirs, own] = [segment.steps[from + j], segment.steps[to + j]]
      if (!('kernel' in theirs) || !('kernel' in own)) continue
      const blocks = own.args.map((arg, n) => {
        const their = theirs.args[n]
        if (typeof arg === 'number' || typeof their === 'number' || !isMoving(arg.block)) return undefined
        this.addHome(their.block, arg.block)
        return arg.block
      })
      ;(steps[j] ??= []).push({ at: to + j, node: own.node, blocks })
    }
  }

  private addHome(their: Block, own: Block): void {
    if (their === own || !isArenaBlock(their) || !isArenaBlock(own)) return
    const likes = this.homes.get(their) ?? []
    if (!likes.includes(own)) likes.push(own)
    this.homes.set(their, likes)
  }

  /** Whether two sites do the same of places that are alike, in the base and in the plan that was made of it. */
  private areAlike(i: number, k: number, values: ReadonlyMap<Value, Slot>, segment: Segment): boolean {
    const { recording, segment: base } = this.from
    const { sites, slots } = recording
    const [a, b] = [sites[i], sites[k]]
    const theirs: Block[] = []
    const mine: Block[] = []
    const sameOperand = (x: Placed | ConstantOperand, y: Placed | ConstantOperand): boolean =>
      x instanceof Placed && y instanceof Placed
        ? liesAlike(x, y) && pair(theirs, mine, x.at.block, y.at.block)
        : sameConstant(x, y)
    const firstOf = (value: Value) => this.places.get(value) ?? this.firsts.get(value) ?? value
    const sameInput = (x: Value | undefined, y: Value | undefined): boolean => {
      if (!x || !y) return x === y
      if (values.has(x) || values.has(y)) return values.has(x) && values.has(y) && firstOf(x) === firstOf(y)
      const [s, t] = [slots.get(x), slots.get(y)]
      if (!s?.type || !t?.type) return x === y || (x.constant !== undefined && y.constant !== undefined)
      return sameType(s.type, t.type) && sameElements(s.known, t.known)
    }
    return (
      !!a.node &&
      !!b.node &&
      a.node.inputs.every((value, j) => sameInput(value, b.node?.inputs[j])) &&
      a.node.outputs.every((value, j) => !value || values.has(value) === values.has(b.node?.outputs[j] as Value)) &&
      sameAsked(a, b, sameOperand) &&
      this.sameSteps(i, k, base, (x, y) => {
        if (isMoving(x.block) && isMoving(y.block)) return x.offset === y.offset && pair(theirs, mine, x.block, y.block)
        return x.block === y.block && x.offset === y.offset
      }) &&
      this.sameSteps(i, k, segment, (x, y) => {
        if (isMoving(x.block) && isMoving(y.block)) return x.offset === y.offset && x.block.bytes === y.block.bytes
        return x.block === y.block && x.offset === y.offset
      })
    )
  }

  /** Whether the steps of two sites are the same but for addresses, and those alike. */
  private sameSteps(
    i: number,
    k: number,
    { steps }: { readonly steps: readonly Step[] },
    same: (x: Address, y: Address) => boolean,
  ): boolean {
    const { sites } = this.from.recording
    const [from, other] = [sites[i].firstStep, sites[k].firstStep]
    const count = endOf(sites, i, { steps }) - from
    if (endOf(sites, k, { steps }) - other !== count) return false
    for (let j = 0; j < count; j++) {
      const [x, y] = [steps[from + j], steps[other + j]]
      if (!('kernel' in x) || !('kernel' in y) || x.kernel !== y.kernel || x.args.length !== y.args.length) return false
      for (let n = 0; n < x.args.length; n++) {
        const [p, q] = [x.args[n], y.args[n]]
        if (typeof p === 'number' || typeof q === 'number' ? !Object.is(p, q) : !same(p, q)) return false
      }
    }
    return true
  }
}

/** The first step after those of a site. */
function endOf(sites: readonly Site[], site: number, { steps }: Pick<Segment, 'steps'>): number {
  return site + 1 < sites.length ? sites[site + 1].firstStep : steps.length
}

function sameInferred(known: ReadonlyMap<Value, Inferred>, a: Value, b: Value): boolean {
  const [x, y] = [known.get(a), known.get(b)]
  return !!x && !!y && sameType(x.type, y.type) && sameElements(x.known, y.known)
}

/** Whether the same was asked for at two sites, and answered. */
function sameAsked(
  a: Site,
  b: Site,
  sameOperand: (x: Placed | ConstantOperand, y: Placed | ConstantOperand) => boolean,
): boolean {
  return (
    a.operands.length === b.operands.length &&
    a.owned.length === b.owned.length &&
    a.dies.length === b.dies.length &&
    a.operands.every((x, j) => {
      const y = b.operands[j]
      return (
        x.steps === y.steps &&
        x.owned === y.owned &&
        x.order?.join() === y.order?.join() &&
        a.node?.inputs.indexOf(x.value) === b.node?.inputs.indexOf(y.value) &&
        sameOperand(x.found, y.found)
      )
    }) &&
    a.owned.every(({ bytes }, j) => bytes === b.owned[j].bytes) &&
    a.dies.every((dies, j) => dies === b.dies[j])
  )
}

/**
 * Whether two plans are the same but for the objects they are made of.
 *
 * @param sameContent - whether two constants are the same.
 */
export function samePlans(a: Segment, b: Segment, sameContent: (x: Block, y: Block) => boolean): boolean {
  const others = stepsOf(b)
  const sameBlock = (x: Block, y: Block) =>
    isMoving(x) || isMoving(y) ? homeOf(x) === homeOf(y) && x.bytes === y.bytes : sameContent(x, y)
  const sameAddress = (x: Address, y: Address) => x.offset === y.offset && sameBlock(x.block, y.block)
  const samePlaced = (x: Placed, y: Placed) => sameType(x, y) && sameOrder(x.order, y.order) && sameAddress(x.at, y.at)
  return (
    stepsOf(a).every((step, i) => {
      const other = others[i]
      if (step === other) return true
      if (!('kernel' in step) || !('kernel' in other)) return !('kernel' in step) && !('kernel' in other)
      return (
        step.kernel === other.kernel &&
        step.node === other.node &&
        step.args.every((x, j) => {
          const y = other.args[j]
          return typeof x === 'number' || typeof y === 'number' ? Object.is(x, y) : sameAddress(x, y)
        })
      )
    }) &&
    a.uploads.every(({ value, to }, i) => value === b.uploads[i].value && samePlaced(to, b.uploads[i].to)) &&
    [...a.sources].every(([value, x]) => {
      const y = b.sources.get(value)
      if (!y) return false
      if ('placed' in x) return 'placed' in y && samePlaced(x.placed, y.placed)
      return 'host' in x ? 'host' in y && x.host === y.host : 'known' in y && sameElements(x.known, y.known)
    })
  )
}
