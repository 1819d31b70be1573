// The ABI of the training builds: everything an inference may call, and gradients, losses and optimisers besides.
export * from "./inference";
export { attention_gradient_f32, attention_gradient_scratch_size } from "./attention-gradient";
export { binary_gradient_f32, equal_gradient_f32 } from "./elementwise-gradient";
export { accumulate_f32, fill_f32, scatter_add_f32, strided_add_f32 } from "./gradient";
export { adagrad_f32, adam_f32, rmsprop_f32, scale_f32, sgd_f32, sum_squares_f32 } from "./optimizer";
export { dropout_f32, seed_store } from "./random";
export { gru_gradient_f32, gru_reset_gradient_f32, lstm_gradient_f32, rnn_gradient_f32 } from "./rnn-gradient";
export { cross_entropy_f32, cross_entropy_gradient_f32, log_softmax_gradient_f32, softmax_gradient_f32 } from "./softmax-gradient";
export { unary_gradient_f32 } from "./unary-gradient";
