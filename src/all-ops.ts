/**
 * Makes every operator known that the browser entry leaves out: `import 'lanewise/ops/all'`.
 *
 * @packageDocumentation
 */
import { allOps } from './ops/all.js'
import { registerOps } from './ops/registry.js'

registerOps(allOps)
