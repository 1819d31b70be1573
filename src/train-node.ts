// What `lanewise/train` needs of Node: the kernels' place, files, and every operator with its gradient, since models
// are exported by them.
import './node.js'
import './all-ops.js'
import { registerGradients } from './ir/gradient.js'
import { gradients } from './ops/gradients.js'

registerGradients(gradients)
