// Every operator: what Node registers, and what importing "lanewise/ops/all" adds elsewhere.
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
import { ConvInteger, MatMulInteger, QLinearConv, QLinearMatMul } from './integer-linear.js'
import { Optional, OptionalGetElement, OptionalHasElement } from './optional.js'
import { DynamicQuantizeLinear } from './quantize.js'
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
  ConcatFromSequence,
  ConvInteger,
  DynamicQuantizeLinear,
  DynamicQuantizeMatMul,
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
  Scan,
  SequenceAt,
  SequenceConstruct,
  SequenceEmpty,
  SequenceErase,
  SequenceInsert,
  SequenceLength,
  SequenceMap,
  SplitToSequence,
]
