import { AddGradient, DivGradient, MaxGradient, MeanGradient, MinGradient, MulGradient, PowGradient, PReluGradient, SubGradient, SumGradient } from './arithmetic-gradient.js'
import { AttentionGradient } from './attention-gradient.js'
import { GatherGradient } from './gather.js'
import type { Gradient } from './gradient.js'
import { RandomDropoutGradient } from './dropout.js'
import { LinearCrossEntropyGradient } from './linear-loss.js'
import { WhereGradient } from './logic.js'
import { SoftmaxCrossEntropyLossGradient } from './loss.js'
import { GemmGradient, MatMulGradient } from './matmul.js'
import { moveGradients } from './move-gradient.js'
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
import { GRUGradient, LSTMGradient, RNNGradient } from './rnn-gradient.js'
import { LogSoftmaxGradient, SoftmaxGradient } from './softmax.js'
import { ClipGradient, unaryGradients } from './unary.js'

/** Every gradient. Only training imports this list. */
export const gradients: readonly Gradient<never>[] = [
  ...moveGradients,
  ...unaryGradients,
  AddGradient,
  AttentionGradient,
  ClipGradient,
  CumSumGradient,
  DivGradient,
  GatherGradient,
  GemmGradient,
  GRUGradient,
  LinearCrossEntropyGradient,
  LogSoftmaxGradient,
  LSTMGradient,
  MatMulGradient,
  MaxGradient,
  MeanGradient,
  MinGradient,
  MulGradient,
  PowGradient,
  PReluGradient,
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
  RNNGradient,
  SoftmaxCrossEntropyLossGradient,
  SoftmaxGradient,
  SubGradient,
  SumGradient,
  WhereGradient,
] as readonly Gradient<never>[]
