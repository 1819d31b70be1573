// The operators that layers, losses and functions apply, each with its gradient: an app carries those that something in
// it applies. What meets operators by their names, a graph from a file and `F.op`, takes all of `ops/gradients.ts`.
import { withGradient } from '../ir/gradient.js'
import * as attention from '../ops/attention/attention-gradient.js'
import * as conv from '../ops/conv/conv-gradient.js'
import * as arithmetic from '../ops/elementwise/arithmetic-gradient.js'
import * as cast from '../ops/elementwise/cast.js'
import * as logic from '../ops/elementwise/logic-gradient.js'
import * as unary from '../ops/elementwise/unary.js'
import { ClipGradient, HardtanhGradient, unaryGradient } from '../ops/elementwise/unary-gradient.js'
import * as resize from '../ops/image/resize-gradient.js'
import * as linearLoss from '../ops/loss/linear-loss-gradient.js'
import * as crossEntropy from '../ops/loss/loss-gradient.js'
import * as einsum from '../ops/matmul/einsum-gradient.js'
import * as product from '../ops/matmul/product-gradient.js'
import * as concat from '../ops/movement/concat.js'
import * as copy from '../ops/movement/copy-gradient.js'
import * as expand from '../ops/movement/expand.js'
import * as gatherScatter from '../ops/movement/gather-scatter-gradient.js'
import * as pad from '../ops/movement/pad.js'
import * as reshape from '../ops/movement/reshape.js'
import * as slice from '../ops/movement/slice.js'
import * as transpose from '../ops/movement/transpose.js'
import * as norm from '../ops/norm/norm-gradient.js'
import * as softmax from '../ops/norm/softmax-gradient.js'
import * as pool from '../ops/pool/pool-gradient.js'
import * as quantize from '../ops/quantize/quantize-gradient.js'
import * as dropout from '../ops/random/dropout-gradient.js'
import * as reduce from '../ops/reduce/reduce-gradient.js'
import * as attentionLstm from '../ops/rnn/attention-lstm-gradient.js'
import * as rnn from '../ops/rnn/rnn-gradient.js'

export const Abs = withGradient(unaryGradient(unary.Abs))
export const Acos = withGradient(unaryGradient(unary.Acos))
export const Acosh = withGradient(unaryGradient(unary.Acosh))
export const Add = withGradient(arithmetic.AddGradient)
export const Asin = withGradient(unaryGradient(unary.Asin))
export const Asinh = withGradient(unaryGradient(unary.Asinh))
export const Atan = withGradient(unaryGradient(unary.Atan))
export const Atanh = withGradient(unaryGradient(unary.Atanh))
export const Attention = withGradient(attention.AttentionGradient)
export const AttentionLSTM = withGradient(attentionLstm.AttentionLSTMGradient)
export const AveragePool = withGradient(pool.AveragePoolGradient)
export const BatchNormalization = withGradient(norm.BatchNormalizationGradient)
export const Cast = withGradient(copy.viewGradient(cast.Cast))
export const Ceil = withGradient(unaryGradient(unary.Ceil))
export const Celu = withGradient(unaryGradient(unary.Celu))
export const Clip = withGradient(ClipGradient)
export const Concat = withGradient(copy.moveGradient(concat.Concat))
export const Conv = withGradient(conv.ConvGradient)
export const ConvTranspose = withGradient(conv.ConvTransposeGradient)
export const Cos = withGradient(unaryGradient(unary.Cos))
export const Cosh = withGradient(unaryGradient(unary.Cosh))
export const CumProd = withGradient(reduce.CumProdGradient)
export const CumSum = withGradient(reduce.CumSumGradient)
export const DequantizeLinear = withGradient(quantize.DequantizeLinearGradient)
export const Div = withGradient(arithmetic.DivGradient)
export const Einsum = withGradient(einsum.EinsumGradient)
export const Elu = withGradient(unaryGradient(unary.Elu))
export const Erf = withGradient(unaryGradient(unary.Erf))
export const Exp = withGradient(unaryGradient(unary.Exp))
export const Expand = withGradient(copy.moveGradient(expand.Expand))
export const Flatten = withGradient(copy.viewGradient(reshape.Flatten))
export const Floor = withGradient(unaryGradient(unary.Floor))
export const Gather = withGradient(gatherScatter.GatherGradient)
export const GatherElements = withGradient(gatherScatter.GatherElementsGradient)
export const Gelu = withGradient(unaryGradient(unary.Gelu))
export const Gemm = withGradient(product.GemmGradient)
export const GroupNormalization = withGradient(norm.GroupNormalizationGradient)
export const GRU = withGradient(rnn.GRUGradient)
export const HardSigmoid = withGradient(unaryGradient(unary.HardSigmoid))
export const HardSwish = withGradient(unaryGradient(unary.HardSwish))
export const Hardtanh = withGradient(HardtanhGradient)
export const InstanceNormalization = withGradient(norm.InstanceNormalizationGradient)
export const LayerNormalization = withGradient(norm.LayerNormalizationGradient)
export const LeakyRelu = withGradient(unaryGradient(unary.LeakyRelu))
export const LinearCrossEntropy = withGradient(linearLoss.LinearCrossEntropyGradient)
export const Log = withGradient(unaryGradient(unary.Log))
export const LogSoftmax = withGradient(softmax.LogSoftmaxGradient)
export const LRN = withGradient(norm.LRNGradient)
export const LSTM = withGradient(rnn.LSTMGradient)
export const MatMul = withGradient(product.MatMulGradient)
export const Max = withGradient(arithmetic.MaxGradient)
export const MaxPool = withGradient(pool.MaxPoolGradient)
export const Mean = withGradient(arithmetic.MeanGradient)
export const Min = withGradient(arithmetic.MinGradient)
export const Mish = withGradient(unaryGradient(unary.Mish))
export const Mod = withGradient(arithmetic.ModGradient)
export const Mul = withGradient(arithmetic.MulGradient)
export const Neg = withGradient(unaryGradient(unary.Neg))
export const Pad = withGradient(copy.moveGradient(pad.Pad))
export const Pow = withGradient(arithmetic.PowGradient)
export const PRelu = withGradient(arithmetic.PReluGradient)
export const RandomAttention = withGradient(attention.RandomAttentionGradient)
export const RandomDropout = withGradient(dropout.RandomDropoutGradient)
export const Reciprocal = withGradient(unaryGradient(unary.Reciprocal))
export const ReduceL2 = withGradient(reduce.ReduceL2Gradient)
export const ReduceLogSumExp = withGradient(reduce.ReduceLogSumExpGradient)
export const ReduceMax = withGradient(reduce.ReduceMaxGradient)
export const ReduceMean = withGradient(reduce.ReduceMeanGradient)
export const ReduceMin = withGradient(reduce.ReduceMinGradient)
export const ReduceProd = withGradient(reduce.ReduceProdGradient)
export const ReduceSum = withGradient(reduce.ReduceSumGradient)
export const ReduceSumSquare = withGradient(reduce.ReduceSumSquareGradient)
export const Relu = withGradient(unaryGradient(unary.Relu))
export const Reshape = withGradient(copy.viewGradient(reshape.Reshape))
export const Resize = withGradient(resize.ResizeGradient)
export const RMSNormalization = withGradient(norm.RMSNormalizationGradient)
export const RNN = withGradient(rnn.RNNGradient)
export const Round = withGradient(unaryGradient(unary.Round))
export const ScatterElements = withGradient(gatherScatter.ScatterElementsGradient)
export const Selu = withGradient(unaryGradient(unary.Selu))
export const Sigmoid = withGradient(unaryGradient(unary.Sigmoid))
export const Sign = withGradient(unaryGradient(unary.Sign))
export const Sin = withGradient(unaryGradient(unary.Sin))
export const Sinh = withGradient(unaryGradient(unary.Sinh))
export const Slice = withGradient(copy.moveGradient(slice.Slice))
export const Softmax = withGradient(softmax.SoftmaxGradient)
export const SoftmaxCrossEntropyLoss = withGradient(crossEntropy.SoftmaxCrossEntropyLossGradient)
export const Softplus = withGradient(unaryGradient(unary.Softplus))
export const Softsign = withGradient(unaryGradient(unary.Softsign))
export const Split = withGradient(copy.moveGradient(concat.Split))
export const Sqrt = withGradient(unaryGradient(unary.Sqrt))
export const Squeeze = withGradient(copy.viewGradient(reshape.Squeeze))
export const Sub = withGradient(arithmetic.SubGradient)
export const Swish = withGradient(unaryGradient(unary.Swish))
export const Tan = withGradient(unaryGradient(unary.Tan))
export const Tanh = withGradient(unaryGradient(unary.Tanh))
export const Tile = withGradient(copy.moveGradient(expand.Tile))
export const TopK = withGradient(gatherScatter.TopKGradient)
export const Transpose = withGradient(copy.viewGradient(transpose.Transpose))
export const Trilu = withGradient(copy.TriluGradient)
export const Unsqueeze = withGradient(copy.viewGradient(reshape.Unsqueeze))
export const Where = withGradient(logic.WhereGradient)
