/**
 * Makes every operator known at once: `import 'lanewise/ops/all'`. In Node a session loads them by itself when a model needs one; there this is for
 * a `GraphBuilder` that uses operators outside the common set.
 *
 * @module lanewise/ops/all
 * @packageDocumentation
 */
import { registerAllOps } from './api/register-all.js'

registerAllOps()
