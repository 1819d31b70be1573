/**
 * When operators of ai.onnx came, and what they had then. Written from the operator set's changelog
 * (https://github.com/onnx/onnx/blob/main/docs/Changelog.md); what is older than the oldest set that is written does not stand here.
 */

/** The oldest operator set that is read and written. */
export const OLDEST_OPSET = 7

/** Operators by the set that first had them. */
const firstSets: Readonly<Record<number, string>> = {
  8: 'Expand Max Mean Min Scan Sum',
  9: 'Acosh Asinh Atanh Compress ConstantOfShape Cosh EyeLike Erf IsNaN MaxUnpool MeanVarianceNormalization NonZero OneHot Scatter Shrink Sign Sinh TfIdfVectorizer Where',
  10: 'ConvInteger DequantizeLinear IsInf MatMulInteger Mod NonMaxSuppression QLinearConv QLinearMatMul QuantizeLinear Resize ReverseSequence RoiAlign StringNormalizer ThresholdedRelu',
  11: 'BitShift ConcatFromSequence CumSum Det DynamicQuantizeLinear GatherElements GatherND Range Round ScatterElements ScatterND SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength SplitToSequence Unique',
  12: 'Celu Einsum GreaterOrEqual LessOrEqual NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss',
  13: 'Hardmax',
  14: 'HardSwish Trilu',
  15: 'Bernoulli CastLike Optional OptionalGetElement OptionalHasElement',
  16: 'GridSample',
  17: 'BlackmanWindow HammingWindow HannWindow LayerNormalization MelWeightMatrix STFT SequenceMap',
  18: 'BitwiseAnd BitwiseNot BitwiseOr BitwiseXor CenterCropPad Col2Im Mish',
  19: 'DeformConv',
  20: 'AffineGrid DFT Gelu ImageDecoder RegexFullMatch StringConcat StringSplit',
  21: 'GroupNormalization',
  22: '',
  23: 'Attention RMSNormalization RotaryEmbedding',
  24: 'Swish TensorScatter',
  26: 'BitCast CumProd',
  27: '',
  28: 'CausalConvWithState FlexAttention LinearAttention SwiGLU',
}

let introduced: Map<string, number> | undefined

/** Made when it is first asked for: bundlers leave out what runs only when it is called. */
function introducedSets(): ReadonlyMap<string, number> {
  if (!introduced) {
    introduced = new Map()
    for (const [opset, names] of Object.entries(firstSets))
      for (const name of names.split(' ')) if (name) introduced.set(name, Number(opset))
  }
  return introduced
}

/** Attributes that came later than their operator, and the first set that has them. */
const later: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  ArgMax: { select_last_index: 12 },
  ArgMin: { select_last_index: 12 },
  AveragePool: { ceil_mode: 10, dilations: 19 },
  BatchNormalization: { training_mode: 14 },
  Cast: { saturate: 19, round_mode: 24 },
  CastLike: { saturate: 19, round_mode: 24 },
  DepthToSpace: { mode: 11 },
  DequantizeLinear: { axis: 13, block_size: 21, output_dtype: 23 },
  GRU: { layout: 14 },
  GatherND: { batch_dims: 12 },
  LSTM: { layout: 14 },
  LpPool: { ceil_mode: 18, dilations: 18 },
  MaxPool: { storage_order: 8, ceil_mode: 10, dilations: 10 },
  QuantizeLinear: { axis: 13, saturate: 19, block_size: 21, output_dtype: 21, precision: 23 },
  RNN: { layout: 14 },
  Reshape: { allowzero: 14 },
  Resize: { axes: 18, antialias: 18, keep_aspect_ratio_policy: 18 },
  RoiAlign: { coordinate_transformation_mode: 16 },
  ScatterElements: { reduction: 16 },
  ScatterND: { reduction: 16 },
  Shape: { start: 15, end: 15 },
  Split: { num_outputs: 18 },
  TopK: { largest: 11, sorted: 11 },
}

/** The first operator set that has an operator of ai.onnx; {@link OLDEST_OPSET} for older ones. */
export function introducedAt(name: string): number {
  return introducedSets().get(name) ?? OLDEST_OPSET
}

/** The first operator set that knows an operator's attribute. */
export function attributeSince(name: string, attribute: string): number {
  return later[name]?.[attribute] ?? OLDEST_OPSET
}
