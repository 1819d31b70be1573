import { AddGradient, DivGradient, MaxGradient, MeanGradient, MinGradient, ModGradient, MulGradient, PowGradient, PReluGradient, SubGradient, SumGradient } from './arithmetic-gradient.js'
import { AttentionGradient, RandomAttentionGradient } from './attention-gradient.js'
import { ConvGradient, ConvTransposeGradient } from './conv-gradient.js'
import { EinsumGradient } from './einsum-gradient.js'
import { GatherElementsGradient, GatherNDGradient, MaxUnpoolGradient, ScatterElementsGradient, ScatterNDGradient, TopKGradient } from './elements-gradient.js'
import { GatherGradient } from './gather.js'
import type { Gradient } from './gradient.js'
import { RandomDropoutGradient } from './dropout.js'
import { AffineGridGradient, GridSampleGradient } from './grid-sample-gradient.js'
import { LinearCrossEntropyGradient } from './linear-loss.js'
import { WhereGradient } from './logic.js'
import { SoftmaxCrossEntropyLossGradient } from './loss.js'
import { GemmGradient, MatMulGradient } from './matmul.js'
import { moveGradients, TriluGradient } from './move-gradient.js'
import {
  BatchNormalizationGradient,
  GroupNormalizationGradient,
  InstanceNormalizationGradient,
  LayerNormalizationGradient,
  LpNormalizationGradient,
  LRNGradient,
  MeanVarianceNormalizationGradient,
  RMSNormalizationGradient,
} from './norm-gradient.js'
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
} from './reduce-gradient.js'
import { AveragePoolGradient, GlobalAveragePoolGradient, GlobalLpPoolGradient, GlobalMaxPoolGradient, LpPoolGradient, MaxPoolGradient } from './pool-gradient.js'
import { ResizeGradient } from './resize-gradient.js'
import { GRUGradient, LSTMGradient, RNNGradient } from './rnn-gradient.js'
import { LogSoftmaxGradient, SoftmaxGradient } from './softmax.js'
import { ClipGradient, unaryGradients } from './unary.js'

/** Every gradient. Only training imports this list. */
export const gradients: readonly Gradient<never>[] = [
  ...moveGradients,
  ...unaryGradients,
  AddGradient,
  AffineGridGradient,
  AttentionGradient,
  AveragePoolGradient,
  BatchNormalizationGradient,
  ClipGradient,
  ConvGradient,
  ConvTransposeGradient,
  CumProdGradient,
  CumSumGradient,
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
