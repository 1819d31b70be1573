import { registerGradients } from '../../ir/gradient.js'
import { registerOps } from '../../ir/registry.js'
import { commonOps } from '../../ops/common.js'
import { frequentOps } from '../../ops/frequent.js'
import { gradients } from '../../ops/gradients.js'
import { knowEverySet } from '../../onnx/sets/know-every-set.js'

let known = false

/**
 * Makes known what can meet operators by their names: every gradient, and operators that models have. Layers and
 * functions name theirs, so that an app that has nothing else carries no others. By no dynamic import: a bundler would
 * make an entry of it in every app that trains, and share its files.
 */
export function knowEveryGradient(): void {
  if (known) return
  known = true
  registerGradients(gradients)
  knowEverySet()
  // What training alone applies is in no file.
  registerOps([...commonOps, ...frequentOps, ...gradients.flatMap(({ op }) => (op.domain ? [] : [op]))])
}
