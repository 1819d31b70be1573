import { createRequire } from 'node:module'

/**
 * Makes every operator known at once. The rare ones lie beside this file in the package; most programs never ask for
 * one and start without them.
 */
export function allOpsNow(): void {
  try {
    createRequire(import.meta.url)('../../dist/ops/all-node.js')
  } catch {
    // In the bundle of an app nothing lies beside it: then the operator stays unknown, and the error says what to
    // import.
  }
}
