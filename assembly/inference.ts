// The ABI of the inference builds: every kernel that an inference may call, one export line per file.
export { depthwise_f32, depthwise_pack_f32, depthwise_packed_size, depthwise_scratch_size } from "./depthwise";
export { heap_base, is_relaxed } from "./memory";
export { strided_copy, transpose_2d } from "./transpose";
export { unary_f32 } from "./unary";
