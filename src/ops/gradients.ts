import {
  AddGradient,
  DivGradient,
  MaxGradient,
  MeanGradient,
  MinGradient,
  ModGradient,
  MulGradient,
  PowGradient,
  PReluGradient,
  SubGradient,
  SumGradient,
} from './elementwise/arithmetic-gradient.js'
import { AttentionGradient, RandomAttentionGradient } from './attention/attention-gradient.js'
import { AttentionLSTMGradient } from './rnn/attention-lstm-gradient.js'
import { ConvGradient, ConvTransposeGradient } from './conv/conv-gradient.js'
import { EinsumGradient } from './matmul/einsum-gradient.js'
import {
  GatherElementsGradient,
  GatherGradient,
  GatherNDGradient,
  MaxUnpoolGradient,
  ScatterElementsGradient,
  ScatterNDGradient,
  TopKGradient,
} from './movement/gather-scatter-gradient.js'
import type { Gradient } from '../ir/gradient.js'
import { RandomDropoutGradient } from './random/dropout-gradient.js'
import { AffineGridGradient, GridSampleGradient } from './image/grid-sample-gradient.js'
import { LinearCrossEntropyGradient } from './loss/linear-loss-gradient.js'
import { WhereGradient } from './elementwise/logic-gradient.js'
import { SoftmaxCrossEntropyLossGradient } from './loss/loss-gradient.js'
import { GemmGradient, MatMulGradient } from './matmul/product-gradient.js'
import { moveGradients, TriluGradient } from './movement/copy-gradient.js'
import {
  BatchNormalizationGradient,
  GroupNormalizationGradient,
  InstanceNormalizationGradient,
  LayerNormalizationGradient,
  LpNormalizationGradient,
  LRNGradient,
  MeanVarianceNormalizationGradient,
  RMSNormalizationGradient,
} from './norm/norm-gradient.js'
import {
  CumProdGradient,
  CumSumGradient,
  ReduceL1Gradient,
  ReduceL2Gradient,
  ReduceLogSumExpGradient,
  ReduceLogSumGradient,
  ReduceMaxGradient,
  ReduceMeanGradient,
  ReduceMinGradient,
  ReduceProdGradient,
  ReduceSumGradient,
  ReduceSumSquareGradient,
} from './reduce/reduce-gradient.js'
import {
  AveragePoolGradient,
  GlobalAveragePoolGradient,
  GlobalLpPoolGradient,
  GlobalMaxPoolGradient,
  LpPoolGradient,
  MaxPoolGradient,
} from './pool/pool-gradient.js'
import { DequantizeLinearGradient, QuantizeLinearGradient } from './quantize/quantize-gradient.js'
import { ResizeGradient } from './image/resize-gradient.js'
import { GRUGradient, LSTMGradient, RNNGradient } from './rnn/rnn-gradient.js'
import { LogSoftmaxGradient, SoftmaxGradient } from './norm/softmax-gradient.js'
import { ClipGradient, HardtanhGradient, unaryGradients } from './elementwise/unary-gradient.js'

/** Every gradient. Only training imports this list. */
export const gradients: readonly Gradient<never>[] = [
  ...moveGradients,
  ...unaryGradients,
  AddGradient,
  AffineGridGradient,
  AttentionGradient,
  AttentionLSTMGradient,
  AveragePoolGradient,
  BatchNormalizationGradient,
  ClipGradient,
  ConvGradient,
  ConvTransposeGradient,
  CumProdGradient,
  CumSumGradient,
  DequantizeLinearGradient,
  DivGradient,
  EinsumGradient,
  GatherElementsGradient,
  GatherGradient,
  GatherNDGradient,
  GemmGradient,
  GlobalAveragePoolGradient,
  GlobalLpPoolGradient,
  GlobalMaxPoolGradient,
  GridSampleGradient,
  GroupNormalizationGradient,
  GRUGradient,
  HardtanhGradient,
  InstanceNormalizationGradient,
  LayerNormalizationGradient,
  LinearCrossEntropyGradient,
  LogSoftmaxGradient,
  LpNormalizationGradient,
  LpPoolGradient,
  LRNGradient,
  LSTMGradient,
  MatMulGradient,
  MaxGradient,
  MaxPoolGradient,
  MaxUnpoolGradient,
  MeanGradient,
  MeanVarianceNormalizationGradient,
  MinGradient,
  ModGradient,
  MulGradient,
  PowGradient,
  PReluGradient,
  QuantizeLinearGradient,
  RandomAttentionGradient,
  RandomDropoutGradient,
  ReduceL1Gradient,
  ReduceL2Gradient,
  ReduceLogSumExpGradient,
  ReduceLogSumGradient,
  ReduceMaxGradient,
  ReduceMeanGradient,
  ReduceMinGradient,
  ReduceProdGradient,
  ReduceSumGradient,
  ReduceSumSquareGradient,
  ResizeGradient,
  RMSNormalizationGradient,
  RNNGradient,
  ScatterElementsGradient,
  ScatterNDGradient,
  SoftmaxCrossEntropyLossGradient,
  SoftmaxGradient,
  SubGradient,
  SumGradient,
  TopKGradient,
  TriluGradient,
  WhereGradient,
] as readonly Gradient<never>[]
