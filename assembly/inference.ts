// The ABI of the inference builds: every kernel that an inference may call, one export line per file.
export { heap_base, is_relaxed } from "./memory";
export { strided_copy, transpose_2d } from "./transpose";
export { unary_f32 } from "./unary";
