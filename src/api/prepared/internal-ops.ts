import { QuantizedMean, QuantizedSum } from '../../ops/quantize/microsoft-qlinear.js'
import { SessionDropout } from '../../ops/random/session-dropout.js'

/** Operators that passes make when a model is loaded, and that no file of ONNX has: a prepared model may. */
export const internalOps: readonly unknown[] = [QuantizedMean, QuantizedSum, SessionDropout]
