/**
 * The functions of `F` as a module of their own: `import * as F from 'lanewise/train/functional'`. The same functions;
 * every bundler leaves out those that an app does not use, which esbuild does not do with a namespace that another
 * module exports.
 *
 * @example
 * import { Device } from 'lanewise/train'
 * import * as F from 'lanewise/train/functional'
 *
 * const device = await Device.create()
 * device.step(() => console.log(F.relu(device.tensor([-1, 2])).data())) // 0, 2
 * @module lanewise/train/functional
 * @packageDocumentation
 */
export * from './nn/functional.js'
