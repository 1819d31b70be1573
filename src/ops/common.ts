// The operators that the browser and edge entries register: what feed-forward vision, audio, recurrent and transformer models use.
import { If } from './control.js'
import { Conv } from './conv.js'
import { Gemm, MatMul } from './matmul.js'
import { DequantizeLinear, QuantizeLinear } from './quantize.js'
import { GRU, LSTM, RNN } from './rnn.js'
import { Transpose } from './transpose.js'

export const commonOps: readonly unknown[] = [
  Conv,
  DequantizeLinear,
  Gemm,
  GRU,
  If,
  LSTM,
  MatMul,
  QuantizeLinear,
  RNN,
  Transpose,
]
