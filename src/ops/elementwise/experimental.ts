// Experimental operators of the first operator sets, which old converters wrote and runtimes still know.
import { hostFrom } from '../../core/host.js'
import { float, floats } from '../../ir/attributes.js'
import { defineOp, type UpgradeContext } from '../../ir/op.js'

/** Numbers of the type that x has. */
function numbers(node: UpgradeContext, shape: readonly number[], values: readonly number[]): string {
  return node.node('CastLike', [node.constant(hostFrom('float32', shape, values)), node.inputs[0]])
}

/** Becomes scale · x + shift. */
function affine(node: UpgradeContext, scale: number, shift: string): void {
  node.inputs = [node.node('Mul', [node.inputs[0], numbers(node, [], [scale])]), shift]
  node.attributes.clear()
  node.rename('Add')
}

function floatOf(node: UpgradeContext, name: string, fallback: number): number {
  const given = node.attributes.get(name)
  return given?.kind === 'float' ? given.value : fallback
}

/** alpha · x + beta */
export const Affine = defineOp({
  name: 'Affine',
  arity: 1,
  attributes: { alpha: float(1), beta: float(0) },
  decompose: (node) => affine(node, floatOf(node, 'alpha', 1), numbers(node, [], [floatOf(node, 'beta', 0)])),
})

/** scale · x, and a bias for each channel of images. */
export const ImageScaler = defineOp({
  name: 'ImageScaler',
  arity: 1,
  attributes: { bias: floats(), scale: float(1) },
  decompose(node) {
    const bias = node.attributes.get('bias')
    const values = bias?.kind === 'floats' ? Array.from(bias.value) : [0]
    affine(node, floatOf(node, 'scale', 1), numbers(node, [values.length, 1, 1], values))
  },
})

/** alpha · f(beta · x) */
function scaledFunction(name: string, f: string) {
  return defineOp({
    name,
    arity: 1,
    attributes: { alpha: float(1), beta: float(1) },
    decompose(node) {
      const [alpha, beta] = ['alpha', 'beta'].map((key) => numbers(node, [], [floatOf(node, key, 1)]))
      node.inputs = [node.node(f, [node.node('Mul', [node.inputs[0], beta])]), alpha]
      node.attributes.clear()
      node.rename('Mul')
    },
  })
}

export const ParametricSoftplus = scaledFunction('ParametricSoftplus', 'Softplus')
export const ScaledTanh = scaledFunction('ScaledTanh', 'Tanh')

/** scale · x */
export const Scale = defineOp({
  name: 'Scale',
  arity: 1,
  attributes: { scale: float(1) },
  decompose(node) {
    node.inputs = [node.inputs[0], numbers(node, [], [floatOf(node, 'scale', 1)])]
    node.attributes.clear()
    node.rename('Mul')
  },
})
