// Every operator: what Node registers, and what importing "lanewise/ops/all" adds elsewhere.
import { Attention } from './attention/attention.js'
import { commonOps } from './common.js'
import { frequentOps } from './frequent.js'
import { ContribAttention } from './attention/microsoft-attention.js'
import { BiasAdd, BiasGelu, BiasSplitGelu, ContribGelu, FastGelu, QuickGelu } from './elementwise/microsoft-gelu.js'
import { Affine, ImageScaler, ParametricSoftplus, Scale, ScaledTanh } from './elementwise/experimental.js'
import { ContribQLinearConv, FusedConv, NhwcConv, NhwcMaxPool } from './conv/microsoft-conv.js'
import { CDist, FusedGemm, FusedMatMul, SparseToDenseMatMul, TransposeMatMul } from './matmul/microsoft-matmul.js'
import { Crop } from './movement/crop.js'
import {
  ContribGatherND,
  ContribPad,
  ContribRange,
  ContribTrilu,
  ContribUnique,
  ExpandDims,
} from './movement/microsoft-movement.js'
import { Inverse } from './matmul/inverse.js'
import { QAttention } from './attention/q-attention.js'
import { ContribDequantizeLinear, ContribQuantizeLinear, GatherBlockQuantized } from './quantize/block-quantized.js'
import { Tokenizer } from './text/tokenizer.js'
import {
  ContribSimplifiedLayerNormalization,
  GroupNorm,
  EmbedLayerNormalization,
  SimplifiedLayerNormalization,
  SkipLayerNormalization,
  SkipSimplifiedLayerNormalization,
} from './norm/microsoft-norm.js'
import { DynamicQuantizeMatMul, MatMulIntegerToFloat, QGemm } from './quantize/microsoft-quantize.js'
import { DynamicQuantizeLSTM } from './rnn/dynamic-quantize-lstm.js'
import { MatMulNBits } from './quantize/matmul-nbits.js'
import {
  QLinearAdd,
  QLinearAveragePool,
  QLinearConcat,
  QLinearGlobalAveragePool,
  QLinearLeakyRelu,
  QLinearMul,
  QLinearSigmoid,
  QLinearSoftmax,
  QLinearWhere,
} from './quantize/microsoft-qlinear.js'
import { Loop, Scan } from './control/control.js'
import { Det } from './matmul/det.js'
import { Einsum } from './matmul/einsum.js'
import { FlexAttention } from './attention/flex-attention.js'
import { AffineGrid, ContribGridSample, GridSample } from './image/grid-sample.js'
import { GroupQueryAttention } from './attention/group-query-attention.js'
import { BitCast } from './movement/identity.js'
import { ConvInteger, MatMulInteger, QLinearConv, QLinearMatMul } from './quantize/integer-linear.js'
import { CausalConvWithState, LinearAttention } from './attention/linear-attention.js'
import { NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss } from './loss/loss.js'
import {
  ArrayFeatureExtractor,
  Binarizer,
  FeatureVectorizer,
  Imputer,
  LabelEncoder,
  Normalizer,
  OneHotEncoder,
  Scaler,
  ZipMap,
} from './ml/ml.js'
import { CategoryMapper } from './ml/category-mapper.js'
import { LinearClassifier, LinearRegressor } from './ml/linear.js'
import { SVMClassifier, SVMRegressor } from './ml/svm.js'
import { DecoderMaskedMultiHeadAttention, MultiHeadAttention } from './attention/multi-head-attention.js'
import { MeanVarianceNormalization } from './norm/mean-variance.js'
import { Adagrad, Adam, Momentum } from './loss/optimizer.js'
import { Optional, OptionalGetElement, OptionalHasElement } from './control/optional.js'
import { CenterCropPad } from './movement/pad.js'
import { DynamicQuantizeLinear } from './quantize/quantize.js'
import { Bernoulli, RandomNormal, RandomNormalLike, RandomUniform, RandomUniformLike } from './random/random.js'
import { Multinomial } from './random/multinomial.js'
import { CumProd } from './reduce/running.js'
import { ReverseSequence } from './movement/reverse-sequence.js'
import { MaxRoiPool, RoiAlign } from './pool/roi.js'
import { ContribRotaryEmbedding, RotaryEmbedding } from './attention/rotary-embedding.js'
import { Col2Im, DeformConv, MaxUnpool } from './movement/scatter-window.js'
import { Scatter, TensorScatter } from './movement/scatter.js'
import { Compress, Unique } from './movement/select.js'
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
} from './control/sequence.js'
import { BlackmanWindow, DFT, HammingWindow, HannWindow, MelWeightMatrix, STFT } from './signal/signal.js'
import { Hardmax } from './norm/softmax.js'
import { SwiGLU } from './elementwise/swiglu.js'
import { RegexFullMatch, StringConcat, StringNormalizer, StringSplit, TfIdfVectorizer } from './text/text.js'
import { TreeEnsemble, TreeEnsembleClassifier, TreeEnsembleRegressor } from './ml/tree-ensemble.js'

export const allOps: readonly unknown[] = [
  ...commonOps,
  ...frequentOps,
  Adagrad,
  Adam,
  Affine,
  AffineGrid,
  ArrayFeatureExtractor,
  Attention,
  Bernoulli,
  BiasAdd,
  BiasGelu,
  BiasSplitGelu,
  Binarizer,
  BitCast,
  BlackmanWindow,
  CategoryMapper,
  CausalConvWithState,
  CDist,
  CenterCropPad,
  Col2Im,
  Compress,
  ConcatFromSequence,
  ContribAttention,
  ContribDequantizeLinear,
  ContribGatherND,
  ContribGelu,
  ContribGridSample,
  ContribPad,
  ContribQLinearConv,
  ContribQuantizeLinear,
  ContribRange,
  ContribRotaryEmbedding,
  ContribSimplifiedLayerNormalization,
  ContribTrilu,
  ContribUnique,
  ConvInteger,
  Crop,
  CumProd,
  DecoderMaskedMultiHeadAttention,
  DeformConv,
  Det,
  DFT,
  DynamicQuantizeLinear,
  DynamicQuantizeMatMul,
  Einsum,
  EmbedLayerNormalization,
  ExpandDims,
  FastGelu,
  FeatureVectorizer,
  FlexAttention,
  FusedConv,
  FusedGemm,
  FusedMatMul,
  GatherBlockQuantized,
  GridSample,
  GroupNorm,
  GroupQueryAttention,
  HammingWindow,
  HannWindow,
  Hardmax,
  ImageScaler,
  Imputer,
  Inverse,
  LabelEncoder,
  LinearAttention,
  LinearClassifier,
  LinearRegressor,
  Loop,
  MatMulInteger,
  MatMulIntegerToFloat,
  MatMulNBits,
  DynamicQuantizeLSTM,
  MaxRoiPool,
  MaxUnpool,
  MeanVarianceNormalization,
  MelWeightMatrix,
  Momentum,
  MultiHeadAttention,
  Multinomial,
  NegativeLogLikelihoodLoss,
  NhwcConv,
  NhwcMaxPool,
  Normalizer,
  OneHotEncoder,
  Optional,
  OptionalGetElement,
  OptionalHasElement,
  ParametricSoftplus,
  QAttention,
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
  QLinearWhere,
  QuickGelu,
  RandomNormal,
  RandomNormalLike,
  RandomUniform,
  RandomUniformLike,
  RegexFullMatch,
  ReverseSequence,
  RoiAlign,
  RotaryEmbedding,
  Scale,
  ScaledTanh,
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
  SparseToDenseMatMul,
  SplitToSequence,
  STFT,
  StringConcat,
  StringNormalizer,
  StringSplit,
  SVMClassifier,
  SVMRegressor,
  SwiGLU,
  TensorScatter,
  TfIdfVectorizer,
  Tokenizer,
  TransposeMatMul,
  TreeEnsemble,
  TreeEnsembleClassifier,
  TreeEnsembleRegressor,
  Unique,
  ZipMap,
]
