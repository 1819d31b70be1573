// A plan for other sizes, made of one that there is: what a growing past changes is planned again, everything else
// stays where it is.
import { present } from '../core/errors.js'
import { sizeOf } from '../core/shape.js'
import { usedBy, type Value } from '../ir/graph.js'
import { inferNode, sameElements, sameType, type Inferred } from '../ir/infer.js'
import type { TensorType } from '../ir/op.js'
import { sizeClass } from '../passes/shaped/fuse-chain.js'
import { placeBlocks, type ArenaBlock } from './arena.js'
import type { Placed } from './placed.js'
import { Layers, samePlans, type Watched } from './layers.js'
import { LikeNodes, sameNodes, SharingRecorder } from './like-nodes.js'
import type { Segment } from './plan-state.js'
import { Recording } from './recording.js'
import { mayBecome, Replanner, type Origin } from './replan.js'
import type { WeightLease } from './weights.js'

/** How much more room a tensor gets that has outgrown its own: at most, and beyond this many bytes. */
const GROWTH = 1.5
/** So often layers that are alike are looked for. */
const LESSONS = 8

/** The types that passes look at, and a list of those. @public - plans.ts knows this file by a dynamic import. */
export class WatchedTypes extends Map<Value, Inferred> {
  readonly asked = new Set<Value>()
  /** Values whose elements were looked at. */
  readonly read = new Set<Value>()

  override get(value: Value): Inferred | undefined {
    const found = super.get(value)
    this.asked.add(value)
    if (!found?.known) return found
    const { read } = this
    return {
      type: found.type,
      get known() {
        read.add(value)
        return found.known
      },
    }
  }
}

/** @public - as above. */
export { Recording }

/**
 * Plans for the same graph and other sizes, made of one of them, the base. Nodes are inferred and emitted again if what
 * they are given has changed; what comes out has to be the plan that would have been made from scratch, but for
 * numbers: otherwise there is none. All share one arrangement of the arena, in which tensors that grow get room in
 * advance.
 */
export class Variations {
  /** Counts arrangements of the arena. */
  epoch = 0
  arenaBytes: number
  private readonly readers = new Map<Value, number[]>()
  private readonly users = new Map<Value, number[]>()
  private readonly likes = new LikeNodes()
  private readonly reserved = new Map<ArenaBlock, number>()
  /** Sides of bounds for which passes have been seen to do the same. */
  private readonly proven = new Set<string>()
  private layers: Layers | undefined
  private lessons = 0
  /** Sides of bounds of which that is to be seen for layers. */
  private unproven: string | undefined
  private others: { count: number; values: readonly Value[]; sizes: ReadonlySet<number> } | undefined
  private readonly fixedSizes = new Set<number>([0, 1])

  constructor(private readonly from: Origin) {
    this.arenaBytes = from.segment.arenaBytes
    const note = (index: Map<Value, number[]>, values: readonly Value[], at: number) => {
      for (const value of new Set(values)) {
        const list = index.get(value)
        if (list) list.push(at)
        else index.set(value, [at])
      }
    }
    from.graph.nodes.forEach((node, i) => {
      const used = usedBy(node)
      note(this.readers, used, i)
      for (const { constant } of used) constant?.shape.forEach((size) => this.fixedSizes.add(size))
    })
    from.recording.sites.forEach(({ node, operands }, i) => {
      note(this.users, node ? usedBy(node) : [...from.graph.outputs, ...operands.map(({ value }) => value)], i)
    })
  }

  get base(): Segment {
    return this.from.segment
  }

  get lease(): WeightLease {
    return this.from.lease
  }

  /**
   * The plan for these types. Values that are in memory already stand in `places`.
   *
   * @returns 'other' if this base does not lead there and another may, undefined if it is a plan of its own.
   */
  derive(
    types: ReadonlyMap<Value, TensorType | undefined>,
    places: ReadonlyMap<Value, Placed>,
    lease: WeightLease,
  ): Segment | 'other' | undefined {
    this.unproven = undefined
    const like = this.attempt(() => this.deriveByLayers(types, places, lease))
    if (like && this.makeRoom(like, this.layers?.homes)) return like
    // What is wrong with these types a plan from scratch says better.
    return this.attempt(() => this.deriveWhole(types, places, lease))
  }

  private attempt<T>(derive: () => T | undefined): T | undefined {
    try {
      return derive()
    } catch {
      return undefined
    }
  }

  private deriveByLayers(
    types: ReadonlyMap<Value, TensorType | undefined>,
    places: ReadonlyMap<Value, Placed>,
    lease: WeightLease,
  ): Segment | undefined {
    const { layers } = this
    const now = layers?.infer(types, places)
    if (!layers || !now || this.equalities(now, layers.watched, layers.otherSizes) !== true) return undefined
    const sides = this.sides(now, layers.watched)
    if (sides === undefined) return undefined
    if (!layers.proven.has(sides)) {
      this.unproven = sides
      return undefined
    }
    return layers.replan(types, places, now, lease)
  }

  private deriveWhole(
    types: ReadonlyMap<Value, TensorType | undefined>,
    places: ReadonlyMap<Value, Placed>,
    lease: WeightLease,
  ): Segment | 'other' | undefined {
    const now = this.infer(types)
    if (!now) return undefined
    const { specialize, specialized, watched } = this.from
    const others = this.sizesOfOthers(now)
    const equal = this.equalities(now, watched, others)
    if (equal === 'other') return equal
    const sides = this.sides(now, watched)
    if (!equal || sides === undefined || !this.proven.has(sides)) {
      if (!sameNodes(specialized.graph.nodes, specialize(types).graph.nodes)) return undefined
      if (equal && sides !== undefined) this.proven.add(sides)
    }
    const planner = new Replanner(this.from, this.users, now, lease, (...to) => new SharingRecorder(...to, this.likes))
    const segment = planner.replan(now, types, places)
    if (equal && this.unproven !== undefined) this.layers?.proven.add(this.unproven)
    else if (equal && sides !== undefined) this.learn(types, places, now, planner, segment, others, lease)
    return this.makeRoom(segment) ? segment : undefined
  }

  /** Looks for layers that are alike in a plan that was made of the base. */
  private learn(
    types: ReadonlyMap<Value, TensorType | undefined>,
    places: ReadonlyMap<Value, Placed>,
    now: ReadonlyMap<Value, Inferred>,
    planner: Replanner,
    segment: Segment,
    others: ReadonlySet<number>,
    lease: WeightLease,
  ): void {
    if (this.lessons++ >= LESSONS) return
    const { from, users, likes } = this
    const layers = new Layers(from, users, likes, types.keys(), now, planner, segment, others)
    const known = layers.useful ? layers.infer(types, places) : undefined
    const sides = known && this.sides(known, layers.watched)
    if (!known || sides === undefined) return
    const again = this.attempt(() => layers.replan(types, places, known, lease))
    if (!again || !samePlans(segment, again, (a, b) => lease.sameContent(a, b))) return
    layers.proven.add(sides)
    this.layers = layers
  }

  /** What is known now of the values of which something else was known. */
  private infer(types: ReadonlyMap<Value, TensorType | undefined>): Map<Value, Inferred> | undefined {
    const { graph, specialized } = this.from
    const before = specialized.inferred
    const now = new Map<Value, Inferred>()
    const pending = new Uint8Array(graph.nodes.length)
    const change = (value: Value, after: Inferred): boolean => {
      const was = before.get(value)
      if (!was || !mayBecome(was.type, after.type) || !was.known !== !after.known) return false
      if (sameType(was.type, after.type) && sameElements(was.known, after.known)) return true
      now.set(value, after)
      for (const reader of this.readers.get(value) ?? []) pending[reader] = 1
      return true
    }
    for (const [value, type] of types) {
      const was = before.get(value)
      if (!type || !was) return undefined
      if (!sameType(was.type, type) && !change(value, { type })) return undefined
    }
    const look = (value: Value): Inferred | undefined =>
      value.constant ? { type: value.constant, known: value.constant } : (now.get(value) ?? before.get(value))
    for (let i = 0; i < pending.length; i++) {
      if (pending[i] === 0) continue
      const node = graph.nodes[i]
      const given = node.inputs.map((value) => value && look(value))
      if (!node.op.infer || node.inputs.some((value, j) => value && !given[j])) continue
      const outputs = inferNode(node, given, () => undefined)
      for (let j = 0; j < node.outputs.length; j++) {
        const value = node.outputs[j]
        if (!value) continue
        const output = outputs?.[j]
        if (output ? !change(value, output) : before.has(value)) return undefined
      }
    }
    return now
  }

  /**
   * Passes ask whether sizes are the same. Whether those that were equal are, and those that were not are not. false: a
   * size happens to be that of another now; 'other': it was in the base.
   */
  private equalities(
    now: ReadonlyMap<Value, Inferred>,
    watched: Watched,
    others: ReadonlySet<number>,
  ): boolean | 'other' {
    const { specialized } = this.from
    const sizes = new Map<number, number>()
    const back = new Map<number, number>()
    let equal = true
    for (const [value, { type }] of now) {
      if (!watched.asked.has(value)) continue
      const was = present(specialized.inferred.get(value), value.name).type.shape
      for (let i = 0; i < was.length; i++) {
        const [a, b] = [was[i], type.shape[i]]
        if ((sizes.get(a) ?? b) !== b) return 'other'
        equal &&= (back.get(b) ?? a) === a
        sizes.set(a, b)
        back.set(b, a)
      }
    }
    for (const size of others) {
      if ((sizes.get(size) ?? size) !== size) return 'other'
      equal &&= (back.get(size) ?? size) === size
    }
    return equal
  }

  /** The sizes that passes may have compared with those that have changed. */
  private sizesOfOthers(now: ReadonlyMap<Value, Inferred>): ReadonlySet<number> {
    const { watched, specialized } = this.from
    if (this.others?.count === now.size && this.others.values.every((value) => now.has(value))) return this.others.sizes
    const sizes = new Set(this.fixedSizes)
    for (const value of watched.asked)
      if (!now.has(value)) specialized.inferred.get(value)?.type.shape.forEach((size) => sizes.add(size))
    this.others = { count: now.size, values: [...now.keys()], sizes }
    return sizes
  }

  /** And on which side of some bounds they are. undefined: they have looked at elements that are others now. */
  private sides(now: ReadonlyMap<Value, Inferred>, watched: Watched): string | undefined {
    const { specialized } = this.from
    let sides = ''
    for (const [value, { type, known }] of now) {
      if (!watched.asked.has(value)) continue
      if (watched.read.has(value) && !sameElements(specialized.inferred.get(value)?.known, known)) return undefined
      sides += sizeClass(sizeOf(type.shape))
    }
    return sides
  }

  /**
   * Gives tensors that have outgrown their places larger ones.
   *
   * @param likes - places that need as much room as another.
   */
  private makeRoom({ blocks }: Segment, likes?: ReadonlyMap<ArenaBlock, readonly ArenaBlock[]>): boolean {
    const room = (home: ArenaBlock) => this.reserved.get(home) ?? home.bytes
    const fits = ({ home, bytes }: ArenaBlock): boolean =>
      home?.offset === undefined ||
      (bytes <= room(home) && (likes?.get(home)?.every((like) => bytes <= room(like)) ?? true))
    if (blocks.every(fits)) return true
    const needs = new Map<ArenaBlock, number>()
    for (const { home, bytes } of blocks)
      if (home?.offset !== undefined)
        for (const place of [home, ...(likes?.get(home) ?? [])])
          needs.set(place, Math.max(bytes, needs.get(place) ?? 0))
    for (const factor of [GROWTH, 1]) {
      const wanted = new Map(
        Array.from(needs, ([place, bytes]) => [place, Math.max(room(place), Math.ceil(factor * bytes))]),
      )
      const used = this.base.blocks
      const trial = used.map((block) => ({
        ...block,
        bytes: wanted.get(block) ?? room(block),
        base: undefined,
        offset: undefined,
      }))
      const bytes = placeBlocks(trial)
      if (bytes > this.from.options.arenaLimit) continue
      trial.forEach(({ offset }, i) => (used[i].offset = offset))
      for (const [home, size] of wanted) this.reserved.set(home, size)
      this.arenaBytes = bytes
      this.epoch++
      return true
    }
    return false
  }
}
