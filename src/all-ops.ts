/**
 * Makes every operator known at once: `import 'lanewise/ops/all'`. Sessions load them by themselves when a model needs one, and so does a `GraphBuilder` in
 * Node; this is for where there are no dynamic imports, for a `GraphBuilder` in a browser, and for one in a bundled program of Node.
 *
 * @module lanewise/ops/all
 * @packageDocumentation
 */
import { registerAllOps } from './api/register-all.js'

registerAllOps()
