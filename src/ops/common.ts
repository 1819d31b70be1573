// The operators that the browser and edge entries register: what feed-forward vision, audio, recurrent and transformer models use.
import { Conv } from './conv.js'
import { Gemm, MatMul } from './matmul.js'
import { Transpose } from './transpose.js'

export const commonOps: readonly unknown[] = [
  Conv,
  Gemm,
  MatMul,
  Transpose,
]
import { If } from './control.js'
import { DequantizeLinear, QuantizeLinear } from './quantize.js'
import { GRU, LSTM, RNN } from './rnn.js'
import { Transpose } from './transpose.js'

export const commonOps: readonly unknown[] = [DequantizeLinear, GRU, If, LSTM, QuantizeLinear, RNN, Transpose]
