// What `lanewise/train` needs of Node: the kernels' place, files, and every operator, since models are exported by them.
import './node.js'
import './all-ops.js'
