// Operators of recurrent, quantised and upsampling models and of detectors: many models have them and most do not, so a browser loads them when one does.
import { ConvTranspose } from './conv/conv-transpose.js'
import { NonMaxSuppression } from './image/non-max-suppression.js'
import { Resize, Upsample } from './image/resize.js'
import { DepthToSpace, SpaceToDepth } from './movement/depth-to-space.js'
import { NonZero } from './movement/non-zero.js'
import { ScatterElements, ScatterND } from './movement/scatter.js'
import { DequantizeLinear, QuantizeLinear } from './quantize/quantize.js'
import { TopK } from './reduce/top-k.js'
import { GRU, LSTM, RNN } from './rnn/rnn.js'

/** What a session loads before it loads all there is. */
export const frequentOps: readonly unknown[] = [
  ConvTranspose,
  DepthToSpace,
  DequantizeLinear,
  GRU,
  LSTM,
  NonMaxSuppression,
  NonZero,
  QuantizeLinear,
  Resize,
  RNN,
  ScatterElements,
  ScatterND,
  SpaceToDepth,
  TopK,
  Upsample,
]
