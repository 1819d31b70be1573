// The ABI of the quantised builds: kernels of operators that few models have, most of them quantised ones. They work
// in the memory of another build, so they have no data of their own, and come with those operators
// (bindings/quantized.ts).
export { conv_im2col_q8, conv_im2col_q8_scratch_size } from "../quantize/conv";
export { depthwise_q8, depthwise_pack_q8, depthwise_q8_scratch_size } from "../quantize/depthwise";
export {
  conv_dot_q8, conv_dot_q8_scratch_size, dot_kind_q8, dot_q8_panels_size, gemm_pack_dot_q8,
} from "../quantize/dot";
export { epilogue_q8, epilogue_q8_size } from "../lib/epilogue";
export { gemm_pack_q8, gemm_q8_packed_size } from "../quantize/tile";
export { gemm_nbits_unpack_f32, gemv_nbits_f32, gemv_nbits_scratch_size } from "../quantize/nbits";
export {
  winograd_pack_q8, winograd_q8, winograd_q8_packed_size, winograd_q8_scratch_size,
} from "../quantize/winograd";
export { add_q8, global_average_pool_q8, mean_q8, sum_q8 } from "../quantize/add";
export { random_events_f32, random_normal_f32, random_uniform_f32 } from "../random/draw";
