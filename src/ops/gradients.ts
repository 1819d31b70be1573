import { AddGradient, DivGradient, MaxGradient, MeanGradient, MinGradient, MulGradient, PowGradient, PReluGradient, SubGradient, SumGradient } from './arithmetic-gradient.js'
import { ConvGradient, ConvTransposeGradient } from './conv-gradient.js'
import { GatherGradient } from './gather.js'
import type { Gradient } from './gradient.js'
import { RandomDropoutGradient } from './dropout.js'
import { WhereGradient } from './logic.js'
import { SoftmaxCrossEntropyLossGradient } from './loss.js'
import { GemmGradient, MatMulGradient } from './matmul.js'
import { moveGradients } from './move-gradient.js'
import {
  BatchNormalizationGradient,
  GroupNormalizationGradient,
  InstanceNormalizationGradient,
  LayerNormalizationGradient,
  LRNGradient,
  RMSNormalizationGradient,
} from './norm-gradient.js'
import {
  CumSumGradient,
  ReduceL1Gradient,
  ReduceL2Gradient,
  ReduceLogSumExpGradient,
  ReduceLogSumGradient,
  ReduceMaxGradient,
  ReduceMeanGradient,
  ReduceMinGradient,
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
  AveragePoolGradient,
  BatchNormalizationGradient,
  ClipGradient,
  ConvGradient,
  ConvTransposeGradient,
  CumSumGradient,
  DivGradient,
  GatherGradient,
  GemmGradient,
  GlobalAveragePoolGradient,
  GlobalLpPoolGradient,
  GlobalMaxPoolGradient,
  GroupNormalizationGradient,
  GRUGradient,
  InstanceNormalizationGradient,
  LayerNormalizationGradient,
  LogSoftmaxGradient,
  LRNGradient,
  LpPoolGradient,
  LSTMGradient,
  MatMulGradient,
  MaxGradient,
  MaxPoolGradient,
  MeanGradient,
  MinGradient,
  MulGradient,
  PowGradient,
  PReluGradient,
  RMSNormalizationGradient,
  RandomDropoutGradient,
  ReduceL1Gradient,
  ReduceL2Gradient,
  ReduceLogSumExpGradient,
  ReduceLogSumGradient,
  ReduceMaxGradient,
  ReduceMeanGradient,
  ReduceMinGradient,
  ReduceSumGradient,
  ReduceSumSquareGradient,
  ResizeGradient,
  RNNGradient,
  SoftmaxCrossEntropyLossGradient,
  SoftmaxGradient,
  SubGradient,
  SumGradient,
  WhereGradient,
] as readonly Gradient<never>[]
