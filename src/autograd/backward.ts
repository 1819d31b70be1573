import { isFloat } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import { Placed } from '../plan/emitter.js'
import type { Gradient } from '../ir/gradient.js'
import type { Address, Block } from '../ir/op.js'
import { sizeOf } from '../core/shape.js'
import type { Device } from './device.js'
import { EagerGradientEmitter, inOrder, type Flow } from './eager.js'
import type { TapeNode } from './tape.js'
import { Parameter, Variable } from './variable.js'

/**
 * One walk back over a tape. The gradient of a value has the value's order of axes; memory of gradients that have been used is free for the
 * next ones, so that the walk needs little more than its widest place.
 */
export class BackwardPass {
  /** Gradients that have been added up so far. */
  private readonly pending = new Map<Variable, Placed>()
  /** How many gradients lie in a block: `pass` hands one on without copying it. */
  private readonly holders = new Map<Block, number>()

  constructor(
    private readonly device: Device,
    private readonly tape: readonly TapeNode[],
  ) {}

  run(root: Variable, seed: Placed): void {
    this.pending.set(root, inOrder(this.device, seed, root.placed.order))
    for (let i = root.node!.position; i >= 0; i--) this.visit(this.tape[i])
  }

  private visit(node: TapeNode): void {
    const gradients = node.outputs.map((output) => output && this.pending.get(output))
    if (gradients.every((gradient) => gradient === undefined)) return
    const { gradient } = node
    if (!gradient) {
      throw new LanewiseError('E_UNSUPPORTED', `${node.op.name} has no gradient`, {
        op: node.op.name,
        node: node.scope || undefined,
      })
    }
    checkTypes(node, gradient)
    const flow = new NodeFlow(this, this.device, node, gradients)
    const e = new EagerGradientEmitter(this.device, flow)
    try {
      gradient.backward(e as never)
    } catch (error) {
      throw error instanceof LanewiseError ? error.at(node.op.name, node.scope) : this.device.context.guard(error)
    }
    e.done()
    node.inputs.forEach((input, i) => {
      const contribution = flow.results[i]
      if (!contribution) return
      const from = input!.node
      if (from && this.tape[from.position] !== from) {
        throw new LanewiseError(
          'E_STATE',
          `${input!.describe()} was made before gradients of this step were taken; its own are gone`,
          { op: node.op.name, node: node.scope || undefined },
        )
      }
      this.add(input!, contribution)
    })
    node.outputs.forEach((output, i) => {
      const used = gradients[i]
      if (!output || !used) return
      this.pending.delete(output)
      this.drop(used.at)
    })
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
    if (variable instanceof Parameter) return this.addToParameter(variable, contribution)
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
      const ordered = this.ordered(contribution, parameter.placed)
      this.device.call('accumulate_f32', ordered.at, sum!.at, sum!.size)
      this.drop(ordered.at)
    }
  }

  private ordered(contribution: Placed, like: Placed): Placed {
    const ordered = inOrder(this.device, contribution, like.order)
    if (ordered.at.block !== contribution.at.block) this.drop(contribution.at)
    return ordered
  }
}

/** Kernels of gradients know float32: a gradient by a value of another float type is refused by name, unless none of its elements are looked at. */
function checkTypes({ op, inputs, scope }: TapeNode, gradient: Gradient): void {
  if (gradient.anyFloat) return
  inputs.forEach((input, i) => {
    if (!input?.requiresGrad || !isFloat(input.dtype) || input.dtype === 'float32') return
    if (gradient.inputs && !gradient.inputs.includes(i)) return
    throw new LanewiseError('E_UNSUPPORTED', `${op.name} has no gradient by an input of type ${input.dtype}: Cast it`, {
      op: op.name,
      node: scope || undefined,
      expected: 'float32',
      actual: input.dtype,
    })
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
    private readonly gradients: readonly (Placed | undefined)[],
  ) {
    this.attributes = node.attributes
    this.inputs = node.operands
    this.outputs = node.outputs.map((output) => output?.placed)
    this.saved = node.saved
    this.results = node.inputs.map(() => undefined)
  }

  gradient(index: number): Placed | undefined {
    return this.gradients[index]
  }

  wants(index: number): boolean {
    const input = this.node.inputs[index]
    if (!input?.requiresGrad || !isFloat(input.dtype)) return false
    return this.node.gradient!.inputs?.includes(index) ?? true
  }

  claim(index: number): Placed {
    const variable = this.node.inputs[index]!
    const operand = this.node.operands[index]!
    const direct = variable instanceof Parameter && operand === variable.placed ? variable.claimGradient() : undefined
    return (this.results[index] =
      direct ?? new Placed('float32', operand.shape, operand.order, this.device.allocate(sizeOf(operand.shape) * 4)))
  }

  pass(index: number, placed: Placed): void {
    this.walk.hold(placed.at)
    this.results[index] = placed
  }
}
