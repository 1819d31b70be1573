// The operators that the browser and edge entries register: what feed-forward vision, audio, recurrent and transformer models use.
import { Concat, Split } from './concat.js'
import { Constant, ConstantOfShape, Range, Shape, Size } from './constant.js'
import { DepthToSpace, SpaceToDepth } from './depth-to-space.js'
import { Expand, Tile } from './expand.js'
import { Gather } from './gather.js'
import { Dropout, Identity } from './identity.js'
import { NonMaxSuppression } from './non-max-suppression.js'
import { Pad } from './pad.js'
import { Flatten, Reshape, Squeeze, Unsqueeze } from './reshape.js'
import { Resize, Upsample } from './resize.js'
import { Slice } from './slice.js'
import { TopK } from './top-k.js'
import { Transpose } from './transpose.js'

export const commonOps: readonly unknown[] = [
  Concat,
  Constant,
  ConstantOfShape,
  DepthToSpace,
  Dropout,
  Expand,
  Flatten,
  Gather,
  Identity,
  NonMaxSuppression,
  Pad,
  Range,
  Reshape,
  Resize,
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
