/** The operators of vision and plain feed-forward models. */
export const visionOps: ReadonlySet<string> = new Set(
  `Conv ConvTranspose MaxPool AveragePool LpPool GlobalMaxPool GlobalAveragePool GlobalLpPool
  BatchNormalization InstanceNormalization GroupNormalization LayerNormalization LRN Gemm MatMul
  Relu LeakyRelu PRelu Elu Selu Celu ThresholdedRelu Sigmoid HardSigmoid Tanh Softplus Softsign HardSwish Mish Gelu Erf
  Abs Neg Ceil Floor Round Sign Sqrt Exp Log Reciprocal Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh IsNaN IsInf
  Add Sub Mul Div Pow Mod Min Max Sum Mean Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor Not
  BitwiseAnd BitwiseOr BitwiseXor BitwiseNot Where Clip
  ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceSumSquare
  ArgMax ArgMin Softmax LogSoftmax Hardmax Concat Split Slice Gather Reshape Flatten Transpose Squeeze Unsqueeze Expand Tile
  Pad Resize Upsample DepthToSpace SpaceToDepth Cast Shape Size Constant ConstantOfShape Range TopK NonMaxSuppression Identity Dropout`
    .trim()
    .split(/\s+/),
)
