import type { Gradient } from '../../ir/gradient.js'
import { throughBroadcast } from '../shared/gradient-sum.js'
import { descriptor, walkOf } from './broadcast.js'
import { Where } from './logic.js'

/** dy where the condition chose the operand, 0 elsewhere. */
export const WhereGradient: Gradient<object> = {
  op: Where,
  inputs: [1, 2],
  backward(g) {
    const [condition, dy] = [g.input(0), g.gradient()]
    const zero = { ...dy, shape: [], order: [], at: g.table(Float32Array.of(0)) }
    for (const index of [1, 2]) {
      if (!g.wants(index)) continue
      throughBroadcast(g, index, dy, (to) => {
        const [a, b] = index === 1 ? [dy, zero] : [zero, dy]
        const walk = walkOf(dy, [condition, a, b])
        g.call(
          'where_broadcast',
          2,
          condition.at,
          a.at,
          b.at,
          to,
          g.table(descriptor(walk)),
          walk.sizes.length,
          0,
          walk.sizes[0],
        )
      })
    }
  },
}
