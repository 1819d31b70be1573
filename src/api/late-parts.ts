/**
 * What a session loads when it needs it. Where there is no dynamic import (service workers), `lanewise/ops/all` has it
 * from the start.
 */
export const lateParts = {
  warmUp: () => import('./load/warm-up.js'),
  outputs: () => import('./graph/declare-outputs.js'),
  modelCache: () => import('../platform/model-cache.js'),
  prepared: () => import('./prepared/read.js'),
  specialKernels: () => import('./load/special-kernels.js'),
}

/** The same for tensors: apart, since apps that train have no sessions. */
export const lateImages = { load: () => import('./images/image.js') }
