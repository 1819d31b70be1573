// What `import ort from 'onnxruntime-web'` gives: not all of the library, so that a bundler still drops what an app
// does not use.
import { InferenceSession } from './api/session.js'
import { Tensor } from './api/tensor.js'
import { env } from './core/env.js'
import { LanewiseError } from './core/errors.js'

/** Everything that the entry exports, as one object. */
const lanewise = { InferenceSession, Tensor, env, LanewiseError }
export default lanewise
