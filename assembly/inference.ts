// The ABI of the inference builds: every kernel that an inference may call, one export line per file.
export { chain_f32, chain_scratch } from "./chain";
export { compare_broadcast_f32, compare_broadcast_i32, compare_broadcast_i64, isinf_f32, isnan_f32 } from "./compare";
export { conv, conv_pack, conv_packed_size, conv_scratch_size } from "./conv";
export { depthwise_f32, depthwise_pack_f32, depthwise_packed_size, depthwise_scratch_size } from "./depthwise";
export { binary_broadcast_f32, binary_broadcast_i32, binary_broadcast_i64, binary_broadcast_u8, binary_f32, contains_zero_i32, contains_zero_i64, not_u8, where_broadcast } from "./elementwise";
export { gemm, gemm_pack, gemm_packed_size, gemm_strided_a, gemm_strided_a_scratch_size } from "./gemm";
export { matmul_batched, matmul_scratch_size } from "./matmul";
export { heap_base, is_relaxed } from "./memory";
export { peak_madd, peak_read } from "./peak";
export { average_pool_f32, global_average_pool_f32, global_max_pool_f32, lp_pool_f32, max_pool_f32, max_pool_indices_f32 } from "./pool";
export { strided_copy, transpose_2d } from "./transpose";
export { unary_f32 } from "./unary";
export { winograd_blocks, winograd_choice, winograd_f32, winograd_pack_f32, winograd_pack_scratch_size, winograd_packed_size, winograd_scratch_size } from "./winograd";
