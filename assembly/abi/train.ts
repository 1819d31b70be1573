// The ABI of the training builds: everything an inference may call, and gradients, losses and optimisers besides; and
// what measures a machine, which nobody should download to run a model.
export * from "./inference";
export { peak_add, peak_madd, peak_read } from "../lib/peak";
export {
  attention_dropout_f32, attention_dropout_scratch_size, attention_gradient_f32, attention_gradient_scratch_size,
} from "../attention/gradient";
export {
  conv_flip_f32, conv_weight_gradient_f32, depthwise_input_gradient_f32, depthwise_weight_gradient_f32,
} from "../conv/gradient";
export { binary_gradient_f32, equal_gradient_f32 } from "../elementwise/binary-gradient";
export {
  accumulate_f32, contraction_gradient_f32, cumprod_gradient_f32, elements_f32, fill_f32, product_gradient_f32,
  scatter_add_f32, slices_f32, strided_add_f32,
} from "../elementwise/accumulate";
export { grid_sample_gradient_f32, grid_sample_gradient_scratch_size } from "../image/grid-sample-gradient";
export {
  layer_norm_gradient_f32, norm_apply_f32, norm_coefficients_f32, norm_statistics_f32, norm_sums_f32,
} from "../norm/norm-gradient";
export { lrn_gradient_f32, lrn_gradient_scratch_size } from "../norm/lrn-gradient";
export { lion_f32, moments_f32 } from "../loss/moments";
export { adagrad_f32, adam_f32, rmsprop_f32, scale_f32, sgd_f32, sum_squares_f32 } from "../loss/optimizer";
export { gemm_tn_f32, gemm_tn_scratch_size } from "../matmul/gemm-tn";
export { average_pool_gradient_f32, lp_pool_gradient_f32, max_pool_gradient_f32 } from "../pool/gradient";
export { dropout_f32, seed_store } from "../random/random";
export { resize_axis_gradient_f32 } from "../image/resize-gradient";
export { attention_lstm_f32, attention_lstm_gradient_f32 } from "../rnn/attention-lstm";
export {
  gru_gradient_f32, gru_reset_gradient_f32, lstm_gradient_f32, lstm_peephole_f32, lstm_peephole_gradient_f32,
  rnn_gradient_f32, rows_beyond_f32,
} from "../rnn/gradient";
export {
  cross_entropy_f32, cross_entropy_gradient_f32, log_softmax_gradient_f32, softmax_gradient_f32,
} from "../norm/softmax-gradient";
export { unary_gradient_f32 } from "../elementwise/unary-gradient";
export { winograd_weight_gradient_f32, winograd_weight_gradient_scratch_size } from "../conv/winograd-gradient";
