// The library as it was built, for a server's threads run that. By require, so that nothing is transformed on the way.
import { createRequire } from 'node:module'

const built = createRequire(new URL('../../dist/', import.meta.url))
built('./ops/all-node.js')

export const { exportModel, GraphBuilder, InferenceSession, Tensor } = built(
  './node.js',
) as typeof import('../../src/node.js')
export const { score, scoreStatus, serve, work } = built('./serve.js') as typeof import('../../src/serve.js')
