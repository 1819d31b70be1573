// Operators of transformers, of recurrent, quantised and upsampling models, of decoders and detectors: many models have
// them and most do not, so a browser loads them when one does.
import { ConvTranspose } from './conv/conv-transpose.js'
import {
  And,
  BitShift,
  BitwiseAnd,
  BitwiseNot,
  BitwiseOr,
  BitwiseXor,
  Equal,
  Greater,
  GreaterOrEqual,
  Less,
  LessOrEqual,
  Or,
  Where,
  Xor,
} from './elementwise/logic.js'
import { NonMaxSuppression } from './image/non-max-suppression.js'
import { Resize, Upsample } from './image/resize.js'
import { DepthToSpace, SpaceToDepth } from './movement/depth-to-space.js'
import { Expand, Tile } from './movement/expand.js'
import { Gather, GatherElements, GatherND } from './movement/gather.js'
import { NonZero } from './movement/non-zero.js'
import { EyeLike, OneHot } from './movement/one-hot.js'
import { Pad } from './movement/pad.js'
import { ScatterElements, ScatterND } from './movement/scatter.js'
import { Trilu } from './movement/trilu.js'
import { LRN } from './norm/lrn.js'
import {
  GroupNormalization,
  InstanceNormalization,
  LayerNormalization,
  LpNormalization,
  RMSNormalization,
} from './norm/norm.js'
import { DequantizeLinear, QuantizeLinear } from './quantize/quantize.js'
import { ArgMax, ArgMin } from './reduce/arg.js'
import { CumSum } from './reduce/running.js'
import { TopK } from './reduce/top-k.js'
import { GRU, LSTM, RNN } from './rnn/rnn.js'

/** What a session loads before it loads all there is. */
export const frequentOps: readonly unknown[] = [
  And,
  ArgMax,
  ArgMin,
  BitShift,
  BitwiseAnd,
  BitwiseNot,
  BitwiseOr,
  BitwiseXor,
  ConvTranspose,
  CumSum,
  DepthToSpace,
  DequantizeLinear,
  Equal,
  Expand,
  EyeLike,
  Gather,
  GatherElements,
  GatherND,
  Greater,
  GreaterOrEqual,
  GroupNormalization,
  GRU,
  InstanceNormalization,
  LayerNormalization,
  Less,
  LessOrEqual,
  LpNormalization,
  LRN,
  LSTM,
  NonMaxSuppression,
  NonZero,
  OneHot,
  Or,
  Pad,
  QuantizeLinear,
  Resize,
  RMSNormalization,
  RNN,
  ScatterElements,
  ScatterND,
  SpaceToDepth,
  Tile,
  TopK,
  Trilu,
  Upsample,
  Where,
  Xor,
]
