/**
 * Models on a server, and data sets scored in shards: `import { serve, score } from 'lanewise/serve'`. For Node; its
 * packages (hono, \@hono/node-server and prom-client; bullmq and ioredis) are installed by whoever wants them.
 *
 * @module lanewise/serve
 * @packageDocumentation
 */
import './node.js'

export { LanewiseError, type ErrorCode, type ErrorDetails } from './core/errors.js'
export type { ImageOptions } from './data/image-tensor.js'
export type { Manifest } from './serve/score/join.js'
export type { FailedShard } from './serve/score/local.js'
export { work, type ShardWorker, type WorkOptions } from './serve/score/queue.js'
export { score, scoreStatus, type ScoreOptions, type ScoreProgress, type ScoreStatus } from './serve/score/score.js'
export { folderStore, type ShardStore } from './serve/score/store.js'
export type { ServeOptions } from './serve/options.js'
export { serve, type ModelServer, type ServedModelInfo } from './serve/server.js'
