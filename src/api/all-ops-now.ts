import { registerAllOps } from './register-all.js'

/**
 * Makes every operator known at once, for what cannot wait for a dynamic import: a `GraphBuilder`. In the package for
 * Node the file beside it takes the place of this one, which loads the rare ones the first time that somebody asks.
 */
export const allOpsNow: () => void = registerAllOps
