/**
 * Lanewise for Node: every operator, models from the file system.
 *
 * @packageDocumentation
 */
import { allOps } from './ops/all.js'
import { registerOps } from './ops/registry.js'
import { nodePlatform } from './platform/node.js'
import { setPlatform } from './platform/platform.js'

setPlatform(nodePlatform)
registerOps(allOps)

export * from './index.js'
