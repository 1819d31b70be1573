import { LanewiseError, present } from '../../core/errors.js'
import { follow } from '../../core/layout.js'
import { required, float } from '../../ir/attributes.js'
import type { Gradient, GradientEmitter, TrainingEmitter } from '../../ir/gradient.js'
import type { Address } from '../../ir/emitter.js'
import type { OpDefinition } from '../../ir/op.js'

interface Ratio {
  readonly ratio: number
}

/**
 * Dropout that drops (Srivastava et al., 2014): an operator of training alone, since its result is random. Inputs of
 * which a share is set to 0, the others scaled so that the expected value stays.
 */
const RandomDropout: OpDefinition<Ratio> = {
  name: 'Dropout',
  domain: 'lanewise.train',
  arity: 1,
  outputs: 2,
  attributes: { ratio: required(float()) },
  infer({ attributes: { ratio }, inputs: [x] }) {
    if (!(ratio >= 0 && ratio < 1))
      throw new LanewiseError('E_VALUE', `the share to drop must be in [0, 1), got ${ratio}`)
    return [present(x, 'input')]
  },
  layout: follow,
  random: true,
}

function emitDropout(
  e: Pick<TrainingEmitter<Ratio> | GradientEmitter<Ratio>, 'call' | 'attributes'>,
  x: Address,
  y: Address,
  seed: Address,
  size: number,
): void {
  const { ratio } = e.attributes
  e.call('dropout_f32', x, y, seed, Math.floor(ratio * 2 ** 32) | 0, 1 / (1 - ratio), 0, size)
}

/** The mask is not kept: it follows from the seed. */
export const RandomDropoutGradient: Gradient<Ratio> = {
  op: RandomDropout,
  forward(e) {
    const x = e.input(0)
    const seed = e.save(8)
    e.call('seed_store', seed, ...(e.seed().map((word) => word | 0) as [number, number]))
    emitDropout(e, x.at, e.output(0).at, seed, x.size)
  },
  backward(g) {
    if (g.wants(0)) emitDropout(g, g.gradient().at, g.result(0).at, g.saved(0), g.input(0).size)
  },
}
