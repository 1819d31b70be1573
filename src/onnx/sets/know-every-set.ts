import { registerEverySet } from './every-set.js'
import { fitTypes } from './fit-types.js'
import { noNegativeAxes, rewrite } from './rewrites.js'
import { OPERATORS, TYPE_SETS } from '../schema/operators.js'
import { useSchemas } from '../schemas.js'

let done = false

/**
 * Makes every operator set known to what writes graphs. Cast, which brings values to the types of a set, is one of the
 * operators that every caller registers.
 */
export function knowEverySet(): void {
  if (done) return
  done = true
  useSchemas({ sets: TYPE_SETS, operators: OPERATORS })
  registerEverySet({ fitTypes, rewrite, noNegativeAxes })
}
