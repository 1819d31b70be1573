// Every operator: what Node registers, and what importing "lanewise/ops/all" adds elsewhere.
import { Attention } from './attention.js'
import { commonOps } from './common.js'
import { ContribAttention } from './contrib-attention.js'
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
  QGemm,
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
import { Det } from './det.js'
import { Einsum } from './einsum.js'
import { FlexAttention } from './flex-attention.js'
import { AffineGrid, GridSample } from './grid-sample.js'
import { GroupQueryAttention } from './group-query-attention.js'
import { BitCast } from './identity.js'
import { ConvInteger, MatMulInteger, QLinearConv, QLinearMatMul } from './integer-linear.js'
import { CausalConvWithState, LinearAttention } from './linear-attention.js'
import { NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss } from './loss.js'
import {
  ArrayFeatureExtractor,
  Binarizer,
  FeatureVectorizer,
  Imputer,
  LabelEncoder,
  LinearClassifier,
  LinearRegressor,
  Normalizer,
  OneHotEncoder,
  Scaler,
  ZipMap,
} from './ml.js'
import { DecoderMaskedMultiHeadAttention, MultiHeadAttention } from './multi-head-attention.js'
import { MeanVarianceNormalization } from './norm.js'
import { Adagrad, Adam, Momentum } from './optimizer.js'
import { Optional, OptionalGetElement, OptionalHasElement } from './optional.js'
import { CenterCropPad } from './pad.js'
import { DynamicQuantizeLinear } from './quantize.js'
import { Bernoulli, Multinomial, RandomNormal, RandomNormalLike, RandomUniform, RandomUniformLike } from './random.js'
import { CumProd } from './reduce.js'
import { ReverseSequence } from './reverse-sequence.js'
import { MaxRoiPool, RoiAlign } from './roi.js'
import { ContribRotaryEmbedding, RotaryEmbedding } from './rotary-embedding.js'
import { Col2Im, DeformConv, MaxUnpool } from './scatter-window.js'
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
import { BlackmanWindow, DFT, HammingWindow, HannWindow, MelWeightMatrix, STFT } from './signal.js'
import { Hardmax } from './softmax.js'
import { SwiGLU } from './swiglu.js'
import { RegexFullMatch, StringConcat, StringNormalizer, StringSplit, TfIdfVectorizer } from './text.js'
import { TreeEnsemble, TreeEnsembleClassifier, TreeEnsembleRegressor } from './tree-ensemble.js'

export const allOps: readonly unknown[] = [
  ...commonOps,
  Adagrad,
  Adam,
  AffineGrid,
  ArrayFeatureExtractor,
  Attention,
  Bernoulli,
  BiasGelu,
  Binarizer,
  BitCast,
  BlackmanWindow,
  CausalConvWithState,
  CenterCropPad,
  Col2Im,
  Compress,
  ConcatFromSequence,
  ContribAttention,
  ContribGelu,
  ContribRotaryEmbedding,
  ContribSimplifiedLayerNormalization,
  ConvInteger,
  CumProd,
  DecoderMaskedMultiHeadAttention,
  DeformConv,
  Det,
  DFT,
  DynamicQuantizeLinear,
  DynamicQuantizeMatMul,
  Einsum,
  EmbedLayerNormalization,
  FastGelu,
  FeatureVectorizer,
  FlexAttention,
  FusedConv,
  FusedGemm,
  FusedMatMul,
  GridSample,
  GroupQueryAttention,
  HammingWindow,
  HannWindow,
  Hardmax,
  Imputer,
  LabelEncoder,
  LinearAttention,
  LinearClassifier,
  LinearRegressor,
  Loop,
  MatMulInteger,
  MatMulIntegerToFloat,
  MatMulNBits,
  MaxRoiPool,
  MaxUnpool,
  MeanVarianceNormalization,
  MelWeightMatrix,
  Momentum,
  MultiHeadAttention,
  Multinomial,
  NegativeLogLikelihoodLoss,
  Normalizer,
  OneHotEncoder,
  Optional,
  OptionalGetElement,
  OptionalHasElement,
  QGemm,
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
  RandomNormal,
  RandomNormalLike,
  RandomUniform,
  RandomUniformLike,
  RegexFullMatch,
  ReverseSequence,
  RoiAlign,
  RotaryEmbedding,
  Scaler,
  Scan,
  Scatter,
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
  SoftmaxCrossEntropyLoss,
  SplitToSequence,
  STFT,
  StringConcat,
  StringNormalizer,
  StringSplit,
  SwiGLU,
  TensorScatter,
  TfIdfVectorizer,
  TreeEnsemble,
  TreeEnsembleClassifier,
  TreeEnsembleRegressor,
  Unique,
  ZipMap,
]
