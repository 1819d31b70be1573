// The ABI of the inference builds: every kernel that an inference may call, one export line per file.
export { conv, conv_pack, conv_packed_size, conv_scratch_size } from "./conv";
export { conv_grouped, conv_grouped_scratch_size } from "./conv_grouped";
export { conv_transpose, conv_transpose_pack } from "./conv_transpose";
export { gemm, gemm_pack, gemm_packed_size, gemm_strided_a, gemm_strided_a_scratch_size } from "./gemm";
export { gemv_packed, gemv_rows, gemv_transposed } from "./gemv";
export { heap_base } from "./memory";
export { peak_madd, peak_read } from "./peak";
export { unary_f32 } from "./unary";
