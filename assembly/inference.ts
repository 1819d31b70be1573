// The ABI of the inference builds: every kernel that an inference may call, one export line per file.
export { depthwise_f32, depthwise_pack_f32, depthwise_packed_size, depthwise_scratch_size } from "./depthwise";
export { heap_base, is_relaxed } from "./memory";
export { average_pool_f32, global_average_pool_f32, global_max_pool_f32, lp_pool_f32, max_pool_f32, max_pool_indices_f32 } from "./pool";
export { strided_copy, transpose_2d } from "./transpose";
export { unary_f32 } from "./unary";
