// The ABI of the inference builds: every kernel that an inference may call, one export line per file.
// Those that only quantised models need are in quantized.ts.
export {
  attention_f32, attention_scratch_size, attention_vector_f32, attention_vector_scratch_size,
} from "../attention/attention";
export {
  cast_bf16_f32, cast_f16_f32, cast_f32_bf16, cast_f32_bool, cast_f32_f16, cast_f32_f64, cast_f32_i32, cast_f32_i64,
  cast_f32_i8, cast_f32_u8, cast_f64_f32, cast_i32_f32, cast_i32_i64, cast_i64_f32, cast_i64_i32, cast_i8_f32,
  cast_u8_f32,
} from "../elementwise/cast";
export { chain_f32, chain_scratch_size } from "../elementwise/chain";
export {
  compare_broadcast_f32, compare_broadcast_i32, compare_broadcast_i64, isinf_f32, isnan_f32,
} from "../elementwise/compare";
export { conv_im2col_f32, conv_pack_f32, conv_packed_size, conv_im2col_scratch_size } from "../conv/im2col";
export { conv_gemv_f32 } from "../conv/gemv";
export { conv_grouped_f32, conv_grouped_scratch_size } from "../conv/grouped";
export { conv_transpose_no_overlap_f32, conv_transpose_no_overlap_pack_f32 } from "../conv/transpose-without-overlap";
export {
  conv_direct_f32, conv_direct_pack_f32, conv_direct_packed_size, conv_direct_scratch_size,
} from "../conv/direct";
export { conv_transpose_f32, conv_transpose_pack_f32 } from "../conv/transpose";
export { depthwise_f32, depthwise_pack_f32, depthwise_packed_size, depthwise_scratch_size } from "../conv/depthwise";
export {
  binary_broadcast_f32, binary_broadcast_i32, binary_broadcast_i64, binary_broadcast_u8, binary_f32, not_u8,
  where_broadcast,
} from "../elementwise/binary";
export { gather, scatter, table_copy } from "../movement/gather";
export {
  gemm_f32, gemm_pack_f32, gemm_packed_size, gemm_strided_a_f32, gemm_strided_a_scratch_size, gemm_unpacked_f32,
  gemm_unpacked_scratch_size,
} from "../matmul/gemm";
export { gemv_packed_f32, gemv_rows_f32, gemv_transposed_f32 } from "../matmul/gemv";
export { grid_sample_linear_f32 } from "../image/grid-sample";
export { kv_cache_place_f32 } from "../attention/kv-cache";
export { key_mask_f32 } from "../attention/key-mask";
export { lrn_f32, lrn_scratch_size } from "../norm/lrn";
export { matmul_batched_f32, matmul_batched_scratch_size } from "../matmul/batched";
export { checksum } from "../lib/checksum";
export { heap_base, is_relaxed } from "../lib/memory";
export {
  affine_channels_first_f32, affine_channels_last_f32, batch_norm_coefficients_f32, group_norm_f32, group_norm_last_f32,
  group_norm_last_scratch_size, layer_norm_f32, rms_norm_f32,
} from "../norm/norm";
export {
  average_pool_f32, global_average_pool_f32, global_max_pool_f32, lp_pool_f32, max_pool_f32, max_pool_indices_f32,
} from "../pool/pool";
export { dequantize_linear, dynamic_quantize_linear, quantize_linear } from "../quantize/quantize";
export { arg_extreme_f32, cumsum_f32, reduce_f32, reduce_i32, reduce_i64 } from "../reduce/reduce";
export { resize_axis_f32, resize_bilinear_f32 } from "../image/resize";
export { gru_f32, lstm_f32, rnn_f32 } from "../rnn/rnn";
export { hardmax_f32, log_softmax_f32, softmax_f32 } from "../norm/softmax";
export { strided_copy, transpose_2d } from "../movement/transpose";
export { unary_f32 } from "../elementwise/unary";
export { unary_f64 } from "../elementwise/unary-f64";
export {
  winograd_blocks, winograd_choice, winograd_f32, winograd_pack_f32, winograd_pack_scratch_size, winograd_packed_size,
  winograd_scratch_size,
} from "../conv/winograd";
export { trees_f32, trees_f64 } from "../ml/trees";
export { vote_f32, vote_f64 } from "../ml/vote";
export { squared_distances_f32 } from "../ml/distance";
export {
  binarize_f32, impute_f32, look_up_i64, normalize_rows_f32, one_hot_i64, scale_rows_f32,
} from "../ml/features";
