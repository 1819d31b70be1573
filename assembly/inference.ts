// The ABI of the inference builds: every kernel that an inference may call, one export line per file.
export { heap_base, is_relaxed } from "./memory";
export { dequantize_linear, quantize_linear } from "./quant";
export { strided_copy, transpose_2d } from "./transpose";
