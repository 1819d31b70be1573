import { isHalf } from '../core/dtype.js'
import { errorAt, LanewiseError, present } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import { formatShape, sizeOf } from '../core/shape.js'
import type { Attributes } from '../ir/attributes.js'
import { checkComplex } from '../ir/complex.js'
import { computeChecked, listOf, readsShapesOnly } from '../ir/compute.js'
import { notFused, usedBy, type Graph, type Node, type Value } from '../ir/graph.js'
import { FOLD_ELEMENTS, InferenceMemory, isSmall, largerNumber, type Inferred } from '../ir/infer.js'
import { withRule, type InferContext, type TensorType } from '../ir/op.js'
import { findOp } from '../ir/registry.js'
import { isFused } from '../ir/rehearse.js'
import { checkOutputs } from '../ir/check-outputs.js'
import { StepRecorder, type Step } from './emitter.js'
import { placeSegment } from './place-segment.js'
import type { PlanOptions, PlanState, Segment, SegmentEnd, Slot, Source } from './plan-state.js'
import type { Recording } from './recording.js'
import { Slots, typeOf } from './slots.js'
import type { WeightLease } from './weights.js'
import { firstOf, insteadOfFirst } from './worklist.js'

/** Thrown by `infer` through `value()` when elements are not known yet; caught by the planner, never leaves it. */
class NeedsValue extends Error {
  constructor(
    readonly value: Value,
    /** If only what the value is beyond this is needed. */
    readonly least?: number,
  ) {
    super('a value is needed to plan on')
  }
}

/** Plans from a state to the end of the graph or to the first question that only a run can answer. */
export function planSegment(
  graph: Graph,
  from: PlanState,
  weights: WeightLease,
  options: PlanOptions,
  memory = new InferenceMemory(),
  recording?: Recording,
): Segment {
  const steps: Step[] = []
  const { arenaLimit } = options
  const slots = recording?.makeSlots(from, weights, arenaLimit, steps) ?? new Slots(from, weights, arenaLimit, steps)
  return new SegmentPlanner(graph, steps, slots, weights, options, memory, recording).plan()
}

/** Plans one segment; parts of it again, in variations.ts. */
export class SegmentPlanner<S extends Slots = Slots> {
  constructor(
    private readonly graph: Graph,
    protected readonly steps: Step[],
    protected readonly slots: S,
    weights: WeightLease,
    protected readonly options: PlanOptions,
    private readonly memory: InferenceMemory,
    private readonly recording?: Recording,
    protected readonly recorder = new StepRecorder(steps, slots, weights, options),
  ) {}

  plan(): Segment {
    let end: SegmentEnd = { kind: 'done' }
    for (let node = firstOf(this.slots.todo); node; node = firstOf(this.slots.todo)) {
      this.recording?.begin(node, this.steps.length)
      const stop = this.planNode(node)
      if (stop) {
        end = stop
        break
      }
    }
    const wanted =
      end.kind === 'done'
        ? this.graph.outputs
        : end.kind === 'values'
          ? end.values
          : end.kind === 'number'
            ? [end.value]
            : usedBy(end.node).filter((v) => v.constant === undefined)
    this.recording?.begin(undefined, this.steps.length)
    const sources = new Map<Value, Source>()
    for (const value of wanted) sources.set(value, this.slots.sourceOf(value))
    const state: PlanState = { slots: end.kind === 'done' ? new Map() : this.slots.all, todo: this.slots.todo }
    const { blocks, uploads } = this.slots
    const { steps } = this
    const placed = placeSegment({ steps, uploads, sources, state }, blocks, this.options.arenaLimit)
    return { steps, uploads, end, sources, ...placed, scratchBytes: this.recorder.scratchBytes, state }
  }

  private done(node: Node): undefined {
    this.slots.retire(node)
    return undefined
  }

  private planNode(node: Node): SegmentEnd | undefined {
    try {
      if (node.op.name === 'If' && node.op.domain === '') return this.inlineIf(node)
      const inputs = node.inputs.map((value) => value && this.slots.slot(value))
      checkComplex(
        node.op,
        inputs.map((slot) => slot?.type),
      )
      const opaque = inputs.some((slot) => slot && (slot.type === undefined || slot.type.dtype === 'string'))
      if (!node.op.infer || node.op.control || node.op.work || opaque) {
        return this.foldOpaque(node, inputs) ? this.done(node) : { kind: 'node', node }
      }
      const found = this.memory.recall(node, inputs)
      const outputs = this.infer(node, inputs, found)
      if (this.fold(node, inputs, outputs, found)) return this.done(node)
      // Strings are never in the arena: what makes them of numbers runs in between.
      if (outputs.some(({ dtype }, i) => node.outputs[i] && dtype === 'string')) return { kind: 'node', node }
      this.recorder.emit(node, inputs, outputs)
      return this.done(node)
    } catch (error) {
      if (error instanceof NeedsValue) {
        const { value, least } = error
        return least === undefined ? { kind: 'values', values: [value] } : { kind: 'number', value, least }
      }
      throw errorAt(node.op.name, node.name, error)
    }
  }

  /**
   * The branch that will run takes the node's place, once the condition is known: a branch is planned like any other
   * stretch.
   */
  private inlineIf(node: Node): SegmentEnd | undefined {
    const condition = node.inputs[0]
    if (!condition) throw new LanewiseError('E_GRAPH', 'If has no condition')
    const known = this.slots.slot(condition).known
    if (!known) throw new NeedsValue(condition)
    if (sizeOf(known.shape) !== 1)
      throw new LanewiseError('E_SHAPE', `the condition of If must have one element, got ${formatShape(known.shape)}`)
    const branch = (Number(known.data[0]) !== 0 ? node.attributes.then_branch : node.attributes.else_branch) as Graph
    if (branch.outputs.length < node.outputs.length)
      throw new LanewiseError('E_GRAPH', 'a branch of If has too few outputs')
    const identity = findOp('', 'Identity')
    if (!identity) throw new LanewiseError('E_UNSUPPORTED', 'If needs the operator Identity')
    const rename: Node[] = []
    node.outputs.forEach((output, i) => {
      if (output)
        rename.push({
          op: identity,
          name: node.name,
          attributes: {},
          inputs: [branch.outputs[i]],
          outputs: [output],
          fused: notFused,
        })
    })
    const { todo, uses } = insteadOfFirst(this.slots.todo, [...branch.nodes, ...rename])
    // What the branch reads it reads as often as its nodes do; what only the condition or the other branch wanted may
    // go.
    for (const [value, count] of uses) {
      const slot = this.slots.all.get(value)
      if (slot) slot.uses += count
    }
    this.slots.retire(node)
    this.slots.todo = todo
    return undefined
  }

  /** @param found - what is known to be inferred of these inputs. */
  protected infer(
    node: Node,
    inputs: readonly (Slot | undefined)[],
    found?: readonly Inferred[],
  ): readonly TensorType[] {
    const same = (type: TensorType, i: number) =>
      node.outputs[i] ? this.memory.typeAsBefore(node.outputs[i], type) : type
    const outputs = found ? found.map(({ type }) => type) : this.inferAnew(node, inputs).map(same)
    checkOutputs(node, outputs, this.options.arenaLimit)
    return outputs
  }

  private inferAnew(node: Node, inputs: readonly (Slot | undefined)[]): readonly TensorType[] {
    const valueOf = (index: number): HostTensor | undefined => inputs[index]?.known
    const context: InferContext<Attributes> = {
      attributes: node.attributes,
      inputs: inputs.map((slot) => slot?.type),
      outputCount: node.outputs.length,
      known: valueOf,
      value: (index) => {
        const value = node.inputs[index]
        if (value && inputs[index] && !valueOf(index)) throw new NeedsValue(value)
        return valueOf(index)
      },
      atLeast: (index, least) => {
        const slot = inputs[index]
        const number = slot?.known ? largerNumber(slot.known, least) : slot?.bounded?.get(least)
        if (number === undefined) throw new NeedsValue(present(node.inputs[index], 'input'), least)
        return number
      },
    }
    return listOf(withRule(node.op, 'infer').infer(context), 'infer')
  }

  /** Small results of known inputs are known. */
  protected fold(
    node: Node,
    inputs: readonly (Slot | undefined)[],
    outputs: readonly TensorType[],
    found?: readonly Inferred[],
  ): boolean {
    const { op } = node
    if (!op.compute || op.random || op.work || isFused(node)) return false
    // Half-precision operands are for the kernels, between casts: the plain versions of most operators do not decode
    // them.
    if (op.emit && inputs.some((slot) => isHalf(slot?.type?.dtype))) return false
    if (
      !inputs.every((slot) => !slot || slot.known) ||
      !node.outputs.every((value, i) => !value || sizeOf(outputs[i].shape) <= FOLD_ELEMENTS)
    ) {
      // A Shape needs no elements, only the shape.
      if (!readsShapesOnly(op)) return false
    }
    const given = (slot: Slot | undefined) => slot && (slot.known ?? { ...typeOf(slot), data: [] })
    const computed = () =>
      computeChecked(
        op,
        { attributes: node.attributes, inputs: inputs.map(given), outputs, outputCount: node.outputs.length },
        node.outputs,
      )
    const results = found?.[0]?.known ? found : computed().map((known) => ({ type: known, known }))
    if (!results.every(({ known }) => isSmall(known))) return false
    node.outputs.forEach((value, i) => {
      if (value) this.slots.define(value, { ...this.memory.asBefore(value, results[i]), uses: 0 })
    })
    if (this.recording?.site) this.recording.site.folded = true
    return true
  }

  /** Strings whose elements are known fold like numbers; everything else that is not numeric waits for the run. */
  private foldOpaque(node: Node, inputs: readonly (Slot | undefined)[]): boolean {
    if (
      !node.op.infer ||
      !node.op.compute ||
      node.op.random ||
      node.op.work ||
      !inputs.every((slot) => !slot || slot.known)
    )
      return false
    return this.fold(node, inputs, this.infer(node, inputs))
  }
}
