import { hostFrom, type HostTensor } from '../../core/host.js'
import { LayerNormalization, RMSNormalization } from '../../ops/norm/norm.js'
import type { OpDefinition } from '../../ir/op.js'
import { normalizeAxes, sameShape, sizeOf, type Shape } from '../../core/shape.js'
import type { Inferred } from '../../ir/infer.js'
import { notFused, type Graph, type Node, type Value } from '../../ir/graph.js'
import { Rewriter } from '../../ir/rewrite.js'
import { eliminateDead } from '../load/eliminate-dead.js'
import { closed, nearly, plain, Reader } from '../pattern.js'

/**
 * LayerNormalization and RMSNormalization written out: (x − mean)/√(variance + ε), scaled and shifted, with whatever an
 * exporter makes of the square, the root and its reciprocal; and the form x·r + (β − mean·r), r = γ/√(variance + ε), of
 * TensorFlow.
 */
export function fuseNorm(graph: Graph, types: ReadonlyMap<Value, Inferred>): Graph {
  const rewriter = new Rewriter(graph)
  let found = false
  for (const node of graph.nodes) {
    if ((!plain(node, 'Div') && !plain(node, 'Mul')) || !rewriter.stands(node)) continue
    const match = new Match(rewriter, new Reader(rewriter, types))
    const norm = match.read(node)
    const fused = norm && match.fuse(norm)
    if (!fused) continue
    rewriter.replace(fused.last, fused.node)
    found = true
  }
  return found ? eliminateDead.run(rewriter.apply()) : graph
}

/** A normalised value: (x − mean) · r, or x · r if there is no mean. */
interface Norm {
  readonly x: Value
  readonly centred: boolean
  /** The trailing axes. */
  readonly axis: number
  readonly epsilon: number
  readonly scale?: Value
  readonly bias?: Value
  /** The node that makes it. */
  readonly last: Node
}

/** 1/√(variance + ε), times γ if that is multiplied in. */
interface Inverse {
  /** What is squared: x − mean, or x. */
  readonly base: Value
  readonly axes: readonly number[]
  readonly epsilon: number
  readonly scale?: Value
}

/**
 * Constants that are made for a pattern, by what they are made of: once, though a plan is made for every set of shapes.
 */
const derived = new WeakMap<object, HostTensor>()

class Match {
  /** The nodes of the pattern. */
  private readonly nodes = new Set<Node>()

  constructor(
    private readonly rewriter: Rewriter,
    private readonly reader: Reader,
  ) {}

  /** What a product or quotient normalises, if it does. */
  read(node: Node): Norm | undefined {
    const [a, b] = node.inputs as [Value, Value]
    this.nodes.add(node)
    if (node.op.name === 'Div') {
      const root = this.root(b)
      return root && this.of(a, root, node)
    }
    for (const [value, other] of [
      [a, b],
      [b, a],
    ]) {
      const before = [...this.nodes]
      const inverse = this.inverse(other)
      const norm = inverse && (this.of(value, inverse, node) ?? this.split(value, inverse, node, other))
      if (norm) return norm
      this.nodes.clear()
      for (const kept of before) this.nodes.add(kept)
    }
    return undefined
  }

  /** The fused node and the one in whose place it stands: with the scale and bias that follow. */
  fuse(norm: Norm): { node: Node; last: Node } | undefined {
    const { reader } = this
    const type = reader.type(norm.x)
    if (type?.dtype !== 'float32') return undefined
    const shape = type.shape.slice(norm.axis)
    let { scale, bias, last } = norm
    const follow = (name: string): Value | undefined => {
      const y = last.outputs[0]
      const next = this.rewriter.single(y)
      if (!next || !plain(next, name) || !this.rewriter.stands(next) || next.attributes.axis !== undefined)
        return undefined
      const other = next.inputs[0] === y ? next.inputs[1] : next.inputs[0]
      const row = this.row(other, shape)
      if (!row || !sameShape(reader.type(next.outputs[0])?.shape ?? [], type.shape)) return undefined
      this.nodes.add(next)
      last = next
      return row
    }
    if (scale) scale = this.row(scale, shape)
    else scale = follow('Mul') ?? this.ones(norm.last, shape)
    if (!scale) return undefined
    if (bias) bias = this.row(bias, shape)
    else if (norm.centred) bias = follow('Add')
    if (norm.bias && !bias) return undefined
    const result = reader.type(last.outputs[0])
    if (result?.dtype !== 'float32' || !sameShape(result.shape, type.shape) || !closed(this.rewriter, this.nodes, last))
      return undefined
    const op = (norm.centred ? LayerNormalization : RMSNormalization) as unknown as OpDefinition
    const attributes = { axis: norm.axis - type.shape.length, epsilon: norm.epsilon, stash_type: 1 }
    const inputs = bias ? [norm.x, scale, bias] : [norm.x, scale]
    return { last, node: { op, name: last.name, attributes, inputs, outputs: last.outputs, fused: notFused } }
  }

  /** value · inverse, where the value is x − mean or, without a mean, x. */
  private of(value: Value, { base, axes, epsilon, scale }: Inverse, last: Node): Norm | undefined {
    const centre = this.centre(base, axes)
    if (!centre) {
      // Without a mean what is squared is x.
      if (this.skip(value) !== base) return undefined
      const axis = this.trailing(base, axes)
      return axis === undefined ? undefined : { x: base, centred: false, axis, epsilon, scale, last }
    }
    const again = this.skip(value)
    const numerator = again === base ? centre : this.centre(again, axes)
    const axis = this.trailing(centre.x, axes)
    if (axis === undefined || numerator?.x !== centre.x || numerator.mean !== centre.mean) return undefined
    return { x: centre.x, centred: true, axis, epsilon, scale, last }
  }

  /** x·r + (β − mean·r): `node` is x·r. */
  private split(x: Value, { base, axes, epsilon, scale }: Inverse, node: Node, r: Value): Norm | undefined {
    const centre = this.centre(base, axes)
    const axis = centre && this.trailing(x, axes)
    const add = plain(this.rewriter.single(node.outputs[0]), 'Add')
    if (axis === undefined || centre?.x !== this.skip(x) || !add || !scale) return undefined
    const rest = add.inputs[0] === node.outputs[0] ? add.inputs[1] : add.inputs[0]
    const sub = this.made(rest, 'Sub')
    const product = sub && this.made(sub.inputs[1], 'Mul')
    if (!product) return undefined
    const [a, b] = product.inputs
    if (!((a === centre.mean && b === r) || (b === centre.mean && a === r))) return undefined
    this.nodes.add(add)
    return { x: centre.x, centred: true, axis, epsilon, scale, bias: sub.inputs[0], last: add }
  }

  /** 1/√(variance + ε), or γ times it. */
  private inverse(value: Value | undefined): Inverse | undefined {
    const reciprocal = this.made(value, 'Reciprocal')
    if (reciprocal) return this.root(reciprocal.inputs[0])
    const div = this.made(value, 'Div')
    if (div) return this.reader.number(div.inputs[0]) === 1 ? this.root(div.inputs[1]) : undefined
    const pow = this.made(value, 'Pow')
    if (pow) return this.reader.number(pow.inputs[1]) === -0.5 ? this.shifted(pow.inputs[0]) : undefined
    const mul = this.made(value, 'Mul')
    if (!mul) return undefined
    for (const [one, other] of [mul.inputs, [mul.inputs[1], mul.inputs[0]]]) {
      const inverse = this.inverse(one)
      if (inverse) return inverse.scale || !other ? undefined : { ...inverse, scale: other }
    }
    return undefined
  }

  /** √(variance + ε), as Sqrt or as a power. */
  private root(value: Value | undefined): Inverse | undefined {
    const sqrt = this.made(value, 'Sqrt')
    if (sqrt) return this.shifted(sqrt.inputs[0])
    const pow = this.made(value, 'Pow')
    return pow && this.reader.number(pow.inputs[1]) === 0.5 ? this.shifted(pow.inputs[0]) : undefined
  }

  /** The mean of a square, plus ε. */
  private shifted(value: Value | undefined): Inverse | undefined {
    const add = this.made(value, 'Add')
    if (!add) return undefined
    const [first, second] = add.inputs.map((input) => this.reader.number(input))
    const epsilon = second ?? first
    const mean = this.made(second === undefined ? add.inputs[1] : add.inputs[0], 'ReduceMean')
    const axes = mean && this.axes(mean)
    if (epsilon === undefined || !(epsilon >= 0) || !axes) return undefined
    const base = this.squared(mean.inputs[0])
    return base && { base, axes, epsilon }
  }

  private squared(value: Value | undefined): Value | undefined {
    const pow = this.made(value, 'Pow')
    if (pow) return nearly(this.reader.number(pow.inputs[1]), 2) ? this.skip(pow.inputs[0]) : undefined
    const mul = this.made(value, 'Mul')
    const [a, b] = mul?.inputs.map((input) => this.skip(input)) ?? []
    return a === b ? a : undefined
  }

  /** x and its mean, if a value is their difference. */
  private centre(value: Value, axes: readonly number[]): { x: Value; mean: Value } | undefined {
    const sub = this.made(value, 'Sub')
    const [of, subtrahend] = sub?.inputs ?? []
    const mean = this.made(subtrahend, 'ReduceMean')
    const own = mean && this.axes(mean)
    const x = this.skip(of)
    if (!own || !x || !subtrahend || this.skip(mean.inputs[0]) !== x || own.join() !== axes.join()) return undefined
    return { x, mean: subtrahend }
  }

  /** Axes of a mean that keeps them; sorted, from 0. */
  private axes(mean: Node): readonly number[] | undefined {
    // Of a mean whose axes are wrong there is no type.
    const rank = this.reader.type(mean.outputs[0])?.shape.length
    const given = mean.inputs[1] && this.reader.integers(mean.inputs[1])
    if (rank === undefined || !given || given.length === 0 || mean.attributes.keepdims !== 1) return undefined
    return [...normalizeAxes(given, rank)].sort((a, b) => a - b)
  }

  /** The first of the axes, if they are the last ones of the tensor. */
  private trailing(x: Value, axes: readonly number[]): number | undefined {
    const rank = this.reader.type(x)?.shape.length
    return rank !== undefined && axes.every((axis, i) => axis === rank - axes.length + i) ? axes[0] : undefined
  }

  /** A scale or bias in the form the operators take: no more axes than are normalised, none that would stretch them. */
  private row(value: Value | undefined, shape: Shape): Value | undefined {
    const type = this.reader.type(value)
    if (!value || type?.dtype !== 'float32') return undefined
    const extra = type.shape.length - shape.length
    const own = extra > 0 ? type.shape.slice(extra) : type.shape
    if (!own.every((size, i) => size === 1 || size === shape[i + shape.length - own.length])) return undefined
    if (extra <= 0) return value
    const { name, constant } = value
    if (!constant || sizeOf(type.shape.slice(0, extra)) !== 1) return undefined
    return { name, constant: remembered(constant, own, () => ({ ...constant, shape: own })) }
  }

  private ones(node: Node, shape: Shape): Value {
    return {
      name: `${node.name}/scale`,
      constant: remembered(node, shape, () => hostFrom('float32', shape, new Array<number>(sizeOf(shape)).fill(1))),
    }
  }

  /** The node that makes a value, if it is that operator; it then belongs to the pattern. */
  private made(value: Value | undefined, name: string): Node | undefined {
    const node = value && plain(this.rewriter.producer(this.skip(value)), name)
    if (node) this.nodes.add(node)
    return node
  }

  /** What a value is before conversions that change nothing. */
  private skip(value: Value): Value
  private skip(value: Value | undefined): Value | undefined
  private skip(value: Value | undefined): Value | undefined {
    let result = value
    for (;;) {
      const cast = plain(this.rewriter.producer(result), 'Cast')
      const from = cast?.inputs[0]
      if (!from || !this.reader.type(from) || this.reader.type(from)?.dtype !== this.reader.type(result)?.dtype)
        return result
      this.nodes.add(cast)
      result = from
    }
  }
}

function remembered(key: object, shape: Shape, make: () => HostTensor): HostTensor {
  let tensor = derived.get(key)
  if (!tensor || !sameShape(tensor.shape, shape)) derived.set(key, (tensor = make()))
  return tensor
}
