// Every operator: what Node registers, and what importing "lanewise/ops/all" adds elsewhere.
import { Attention, RotaryEmbedding } from './attention.js'
import { commonOps } from './common.js'
import { ContribAttention, GroupQueryAttention, MultiHeadAttention } from './contrib-attention.js'
import { BiasGelu, ContribGelu, FastGelu, FusedConv, FusedGemm, FusedMatMul, QuickGelu } from './contrib-fused.js'
import {
  ContribSimplifiedLayerNormalization,
  EmbedLayerNormalization,
  SimplifiedLayerNormalization,
  SkipLayerNormalization,
  SkipSimplifiedLayerNormalization,
} from './contrib-norm.js'
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
import { FlexAttention } from './flex-attention.js'
import { ConvInteger, MatMulInteger, QLinearConv, QLinearMatMul } from './integer-linear.js'
import { CausalConvWithState, LinearAttention } from './linear-attention.js'
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
import { SwiGLU } from './swiglu.js'

export const allOps: readonly unknown[] = [
  ...commonOps,
  Attention,
  BiasGelu,
  CausalConvWithState,
  ConcatFromSequence,
  ContribAttention,
  ContribGelu,
  ContribSimplifiedLayerNormalization,
  ConvInteger,
  DynamicQuantizeLinear,
  DynamicQuantizeMatMul,
  EmbedLayerNormalization,
  FastGelu,
  FlexAttention,
  FusedConv,
  FusedGemm,
  FusedMatMul,
  GroupQueryAttention,
  LinearAttention,
  Loop,
  MatMulInteger,
  MatMulIntegerToFloat,
  MatMulNBits,
  MultiHeadAttention,
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
  QuickGelu,
  RotaryEmbedding,
  Scan,
  SequenceAt,
  SequenceConstruct,
  SequenceEmpty,
  SequenceErase,
  SequenceInsert,
  SequenceLength,
  SequenceMap,
  SimplifiedLayerNormalization,
  SkipLayerNormalization,
  SkipSimplifiedLayerNormalization,
  SplitToSequence,
  SwiGLU,
]
