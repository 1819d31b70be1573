// The operators that the browser and edge entries register: what feed-forward vision, audio, recurrent and transformer models use.
import { Concat, Split } from './concat.js'
import { Constant, ConstantOfShape, Range, Shape, Size } from './constant.js'
import { If } from './control.js'
import { Conv } from './conv.js'
import { DepthToSpace, SpaceToDepth } from './depth-to-space.js'
import { Expand, Tile } from './expand.js'
import { Gather } from './gather.js'
import { Dropout, Identity } from './identity.js'
import { Gemm, MatMul } from './matmul.js'
import { NonMaxSuppression } from './non-max-suppression.js'
import { Pad } from './pad.js'
import { AveragePool, GlobalAveragePool, GlobalLpPool, GlobalMaxPool, LpPool, MaxPool } from './pool.js'
import { DequantizeLinear, QuantizeLinear } from './quantize.js'
import { Flatten, Reshape, Squeeze, Unsqueeze } from './reshape.js'
import { Resize, Upsample } from './resize.js'
import { GRU, LSTM, RNN } from './rnn.js'
import { Slice } from './slice.js'
import { TopK } from './top-k.js'
import { Transpose } from './transpose.js'

export const commonOps: readonly unknown[] = [
  AveragePool,
  Concat,
  Constant,
  ConstantOfShape,
  Conv,
  DepthToSpace,
  DequantizeLinear,
  Dropout,
  Expand,
  Flatten,
  Gather,
  Gemm,
  GlobalAveragePool,
  GlobalLpPool,
  GlobalMaxPool,
  GRU,
  Identity,
  If,
  LpPool,
  LSTM,
  MatMul,
  MaxPool,
  NonMaxSuppression,
  Pad,
  QuantizeLinear,
  Range,
  Reshape,
  Resize,
  RNN,
  Shape,
  Size,
  Slice,
  SpaceToDepth,
  Split,
  Squeeze,
  Tile,
  TopK,
  Transpose,
  Unsqueeze,
  Upsample,
]
