// Stands for train-node.ts in the build for browsers: kernels are fetched, and operators outside the common set that nobody has applied are loaded when a
// model needs them.
import './browser.js'
