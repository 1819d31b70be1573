import { errorAt, LanewiseError, present } from '../core/errors.js'
import { Placed } from '../plan/placed.js'
import type { Gradient } from '../ir/gradient.js'
import type { Address, Block } from '../ir/emitter.js'
import { sizeOf } from '../core/shape.js'
import type { Device } from './device.js'
import { EagerGradientEmitter, inOrder, type Flow } from './eager.js'
import { whereOf, type TapeNode } from './tape.js'
import { Parameter, Variable } from './variable.js'

/** An operator that made NaN or infinity. */
export interface NonFinite {
  /** The operator's ONNX name. */
  readonly op: string
  /**
   * Where in the model, e.g. "features/0"; in a step without modules the place in the step: "operation 3 of the step".
   */
  readonly scope: string
  /** The input by which its gradient is not finite; undefined if its result is not. */
  readonly gradientOf?: number
}

/**
 * One walk back over a tape. The gradient of a value has the value's order of axes; memory of gradients that have been
 * used is free for the next ones, so that the walk needs little more than its widest place.
 */
export class BackwardPass {
  /** Gradients that have been added up so far. */
  private readonly pending = new Map<Variable, Placed>()
  /** How many gradients lie in a block: `pass` hands one on without copying it. */
  private readonly holders = new Map<Block, number>()

  /** Whether what was saved for the way back must stay as it is. @internal */
  retains = false
  private readonly targets: ReadonlySet<Variable> | undefined
  /** With targets: which nodes anything made from one of them went into. */
  private readonly dependent: Uint8Array | undefined

  /** @param targets - values whose gradients are wanted instead of those of the parameters. */
  constructor(
    private readonly device: Device,
    private readonly tape: readonly TapeNode[],
    private readonly wanted?: readonly Variable[],
  ) {
    if (!wanted) return
    const targets = (this.targets = new Set(wanted))
    const dependent = (this.dependent = new Uint8Array(tape.length))
    tape.forEach((node, i) => {
      const from = (input: Variable | undefined) => input && (targets.has(input) || this.isDependent(input))
      if (node.inputs.some(from)) dependent[i] = 1
    })
  }

  /**
   * Walks back from values with their gradients.
   *
   * @param retain - whether what was walked through may be walked through again.
   * @returns the gradients of the targets, if there are any; undefined for one that nothing depends on.
   * @throws LanewiseError `E_STATE` if it must not be walked through (any more); then nothing was done.
   */
  run(roots: readonly (readonly [Variable, Placed])[], retain: boolean): (Placed | undefined)[] {
    this.retains = retain
    const reached = this.reach(roots.map(([root]) => root))
    for (const [root, seed] of roots) this.begin(root, inOrder(this.device, seed, root.placed.order))
    for (const node of reached) this.visit(node)
    if (!retain) for (const node of reached) node.spent = true
    return this.wanted?.map((target) => this.pending.get(target)) ?? []
  }

  /** The gradient of a value that depends on nothing, after the walk. */
  gradientAt(leaf: Variable): Placed | undefined {
    return this.pending.get(leaf)
  }

  /** A value that is a root twice begins with the sum. */
  private begin(root: Variable, seed: Placed): void {
    const sum = this.pending.get(root)
    if (sum) this.device.call('accumulate_f32', seed.at, sum.at, sum.size)
    else this.pending.set(root, seed)
  }

  /** The nodes that the walk may come to, the last first. */
  private reach(roots: readonly Variable[]): TapeNode[] {
    const marks = new Uint8Array(this.tape.length)
    const mark = (value: Variable, by: TapeNode | undefined) => {
      const { node } = value
      if (!node) return
      if (this.tape[node.position] !== node)
        throw new LanewiseError('E_STATE', `${value.describe()} was made where its record has been given up`, {
          op: by?.op.name,
          node: by && whereOf(by),
        })
      marks[node.position] = 1
    }
    for (const root of roots) mark(root, undefined)
    const reached: TapeNode[] = []
    for (let i = marks.length - 1; i >= 0; i--) {
      if (!marks[i] || (this.dependent && !this.dependent[i])) continue
      const node = this.tape[i]
      this.checkFresh(node)
      reached.push(node)
      for (const input of node.inputs) if (input?.requiresGrad) mark(input, node)
    }
    return reached
  }

  private checkFresh(node: TapeNode): void {
    const refuse = (reason: string): never => {
      throw new LanewiseError('E_STATE', reason, { op: node.op.name, node: whereOf(node) })
    }
    if (node.spent)
      refuse(
        `the gradients of this step were taken of ${node.op.name} in "${whereOf(node)}" already: the first backward() may keep the record ({ retainGraph: true })`,
      )
    node.inputs.forEach((input, i) => {
      input?.check()
      if (input instanceof Parameter && !input.buffer && input.version !== node.versions[i])
        refuse(`${input.describe()} has changed since ${node.op.name} used it`)
    })
  }

  /** Whether a value was made from a target. @internal */
  isDependent({ node }: Variable): boolean {
    return node !== undefined && this.tape[node.position] === node && this.dependent?.[node.position] === 1
  }

  /** Whether anybody needs the gradient of a value. @internal */
  needs(value: Variable): boolean {
    return !this.targets || this.targets.has(value) || this.isDependent(value)
  }

  /** Whether gradients of parameters go where those belong. @internal */
  get fillsParameters(): boolean {
    return !this.targets
  }

  private visit(node: TapeNode): void {
    const gradients = node.outputs.map((output) => output && this.pending.get(output))
    if (gradients.every((gradient) => gradient === undefined)) return
    const results = node.replay ? node.replay(gradients) : this.gradientsOf(node, gradients)
    node.inputs.forEach((input, i) => {
      const contribution = results[i]
      if (input && contribution) this.add(input, contribution)
    })
    node.outputs.forEach((output, i) => {
      const used = gradients[i]
      if (!output || !used || this.targets?.has(output)) return
      this.pending.delete(output)
      this.drop(used.at)
    })
  }

  private gradientsOf(node: TapeNode, gradients: readonly (Placed | undefined)[]): readonly (Placed | undefined)[] {
    const { gradient } = node
    if (!gradient) {
      throw new LanewiseError('E_UNSUPPORTED', 'it has no gradient').at(node.op.name, whereOf(node))
    }
    checkTypes(node, gradient)
    const flow = new NodeFlow(this, this.device, node, gradient, gradients)
    const e = new EagerGradientEmitter(this.device, flow)
    try {
      gradient.backward(e as never)
    } catch (error) {
      throw errorAt(node.op.name, whereOf(node), this.device.context.guard(error))
    }
    e.done()
    return flow.results
  }

  hold({ block }: Address): void {
    this.holders.set(block, (this.holders.get(block) ?? 1) + 1)
  }

  private drop(address: Address): void {
    const left = (this.holders.get(address.block) ?? 1) - 1
    if (left > 0) {
      this.holders.set(address.block, left)
      return
    }
    this.holders.delete(address.block)
    this.device.free(address)
  }

  private add(variable: Variable, contribution: Placed): void {
    if (variable instanceof Parameter && this.fillsParameters) return this.addToParameter(variable, contribution)
    const ordered = this.ordered(contribution, variable.placed)
    const sum = this.pending.get(variable)
    if (!sum) {
      this.pending.set(variable, ordered)
    } else if ((this.holders.get(sum.at.block) ?? 1) === 1) {
      this.device.call('accumulate_f32', ordered.at, sum.at, sum.size)
      this.drop(ordered.at)
    } else {
      // Somebody else's gradient lies there, too.
      const fresh = new Placed(sum.dtype, sum.shape, sum.order, this.device.allocate(sum.bytes))
      this.device.copy(sum.at, fresh.at, sum.bytes)
      this.device.call('accumulate_f32', ordered.at, fresh.at, fresh.size)
      this.drop(sum.at)
      this.drop(ordered.at)
      this.pending.set(variable, fresh)
    }
  }

  private addToParameter(parameter: Parameter, contribution: Placed): void {
    const sum = parameter.gradientPlaced
    // The kernels may have written where the gradient belongs.
    if (sum && contribution.at.block === sum.at.block) return
    const fresh = parameter.claimGradient()
    if (fresh) {
      this.device.copyOrdered(contribution, fresh)
      this.drop(contribution.at)
    } else {
      const { at, size } = present(sum, 'gradient')
      const ordered = this.ordered(contribution, parameter.placed)
      this.device.call('accumulate_f32', ordered.at, at, size)
      this.drop(ordered.at)
    }
  }

  private ordered(contribution: Placed, like: Placed): Placed {
    const ordered = inOrder(this.device, contribution, like.order)
    if (ordered.at.block !== contribution.at.block) this.drop(contribution.at)
    return ordered
  }
}

/**
 * Kernels of gradients know float32: a gradient by a value of another float type is refused by name, unless none of its
 * elements are looked at.
 */
function checkTypes(node: TapeNode, gradient: Gradient): void {
  if (gradient.anyFloat) return
  const { op, inputs } = node
  inputs.forEach((input, i) => {
    if (!input?.followed || input.dtype === 'float32') return
    if (gradient.inputs && !gradient.inputs.includes(i)) return
    throw new LanewiseError(
      'E_UNSUPPORTED',
      `it has no gradient by an input of type ${input.dtype}: gradients are float32, Cast the input to float32 before it`,
      { expected: 'float32', actual: input.dtype },
    ).at(op.name, whereOf(node))
  })
}

/** The gradients around one node. */
class NodeFlow implements Flow {
  readonly attributes
  readonly inputs
  readonly outputs
  readonly saved
  readonly results: (Placed | undefined)[]

  constructor(
    private readonly walk: BackwardPass,
    private readonly device: Device,
    private readonly node: TapeNode,
    private readonly ofOperator: Gradient,
    private readonly gradients: readonly (Placed | undefined)[],
  ) {
    this.attributes = node.attributes
    this.inputs = node.operands
    this.outputs = node.outputs.map((output) => output?.placed)
    // Some gradients are computed in the place of what was saved.
    this.saved = walk.retains ? node.saved.map((address) => device.duplicate(address)) : node.saved
    this.results = node.inputs.map(() => undefined)
  }

  gradient(index: number): Placed | undefined {
    return this.gradients[index]
  }

  wants(index: number): boolean {
    const input = this.node.inputs[index]
    if (!input?.followed || !this.walk.needs(input)) return false
    return this.ofOperator.inputs?.includes(index) ?? true
  }

  claim(index: number): Placed {
    const variable = this.node.inputs[index]
    const operand = this.node.operands[index]
    if (!operand) throw new Error(`input ${index} was left out and has no gradient`)
    const own = variable instanceof Parameter && operand === variable.placed && this.walk.fillsParameters
    const direct = own ? variable.claimGradient() : undefined
    return (this.results[index] =
      direct ?? new Placed('float32', operand.shape, operand.order, this.device.allocate(sizeOf(operand.shape) * 4)))
  }

  pass(index: number, placed: Placed): void {
    this.walk.hold(placed.at)
    this.results[index] = placed
  }
}

/**
 * @throws LanewiseError `E_STATE` and `E_SHAPE` for a value from which no walk can begin, or not with this gradient.
 */
export function checkRoot(root: Variable, seed: Variable | undefined, targets: readonly Variable[] | undefined): void {
  if (!root.node && targets?.includes(root) !== true)
    throw new LanewiseError(
      'E_STATE',
      `no gradient can be taken of ${root.describe()}: no parameter was used to make it, or recording was off`,
    )
  if (!seed && root.size !== 1)
    throw new LanewiseError('E_SHAPE', `${root.describe()} has ${root.size} elements: say by which gradient to begin`)
  seed?.check()
  // Gradients are float32, whatever the type of the value.
  if (seed && (seed.dtype !== 'float32' || seed.shape.join() !== root.shape.join())) {
    throw new LanewiseError(
      'E_SHAPE',
      `the gradient must be float32, in shape like ${root.describe()}, got ${seed.describe()}`,
    )
  }
}

/**
 * The first operator on a tape whose result is not finite, or else the first on the way back whose gradient by a
 * parameter is not.
 */
export function firstNonFinite(tape: readonly TapeNode[], finite: (placed: Placed) => boolean): NonFinite | undefined {
  for (const node of tape) {
    for (const output of node.outputs)
      if (output?.dtype === 'float32' && !finite(output.placed)) return { op: node.op.name, scope: whereOf(node) }
  }
  for (const node of tape.toReversed()) {
    for (const input of node.inputs) {
      const gradient = input instanceof Parameter ? input.gradientPlaced : undefined
      if (gradient && !finite(gradient))
        return { op: node.op.name, scope: whereOf(node), gradientOf: node.inputs.indexOf(input) }
    }
  }
  return undefined
}
