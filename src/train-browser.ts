// Stands for train-node.ts in the build for browsers: kernels are fetched, and operators are known that something in
// the app applies.
import { browserPlatform } from './platform/browser.js'
import { addToPlatform } from './platform/platform.js'

addToPlatform(browserPlatform)
