// The ABI of the training builds: everything an inference may call, and gradients, losses and optimisers besides.
export * from "./inference";
export { accumulate_f32, zero_f32 } from "./gradient";
export { conv_flip_f32, conv_weight_gradient_f32, depthwise_input_gradient_f32, depthwise_weight_gradient_f32 } from "./conv-gradient";
export { outer_f32, outer_scratch_size } from "./outer";
