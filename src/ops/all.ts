// Every operator: what Node registers, and what importing "lanewise/ops/all" adds elsewhere.
import { Attention, RotaryEmbedding } from './attention.js'
import { commonOps } from './common.js'
import {
  DynamicQuantizeMatMul,
  MatMulIntegerToFloat,
  MatMulNBits,
  QLinearAdd,
  QLinearAveragePool,
  QLinearConcat,
  QLinearGlobalAveragePool,
  QLinearLeakyRelu,
  QLinearMul,
  QLinearSigmoid,
  QLinearSoftmax,
} from './contrib-quantize.js'
import { Loop, Scan } from './control.js'
import { AffineGrid, GridSample } from './grid-sample.js'
import { BitCast } from './identity.js'
import { ConvInteger, MatMulInteger, QLinearConv, QLinearMatMul } from './integer-linear.js'
import { Optional, OptionalGetElement, OptionalHasElement } from './optional.js'
import { CenterCropPad } from './pad.js'
import { DynamicQuantizeLinear } from './quantize.js'
import { ReverseSequence } from './reverse-sequence.js'
import { Scatter, TensorScatter } from './scatter.js'
import { Compress, Unique } from './select.js'
import {
  ConcatFromSequence,
  SequenceAt,
  SequenceConstruct,
  SequenceEmpty,
  SequenceErase,
  SequenceInsert,
  SequenceLength,
  SequenceMap,
  SplitToSequence,
} from './sequence.js'

export const allOps: readonly unknown[] = [
  ...commonOps,
  AffineGrid,
  Attention,
  BitCast,
  CenterCropPad,
  Compress,
  ConcatFromSequence,
  ConvInteger,
  DynamicQuantizeLinear,
  DynamicQuantizeMatMul,
  GridSample,
  Loop,
  MatMulInteger,
  MatMulIntegerToFloat,
  MatMulNBits,
  Optional,
  OptionalGetElement,
  OptionalHasElement,
  QLinearAdd,
  QLinearAveragePool,
  QLinearConcat,
  QLinearConv,
  QLinearGlobalAveragePool,
  QLinearLeakyRelu,
  QLinearMatMul,
  QLinearMul,
  QLinearSigmoid,
  QLinearSoftmax,
  ReverseSequence,
  RotaryEmbedding,
  Scan,
  Scatter,
  SequenceAt,
  SequenceConstruct,
  SequenceEmpty,
  SequenceErase,
  SequenceInsert,
  SequenceLength,
  SequenceMap,
  SplitToSequence,
  TensorScatter,
  Unique,
]
