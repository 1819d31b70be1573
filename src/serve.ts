/**
 * Models on a server: `import { serve } from 'lanewise/serve'`. For Node; its packages (hono, \@hono/node-server, prom-client) are
 * installed by whoever wants them.
 *
 * @module lanewise/serve
 * @packageDocumentation
 */
import './node.js'

export { LanewiseError, type ErrorCode, type ErrorDetails } from './core/errors.js'
export type { ServeOptions } from './serve/options.js'
export { serve, type ModelServer, type ServedModelInfo } from './serve/server.js'
