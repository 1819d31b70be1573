// The ABI of the inference builds: every kernel that an inference may call, one export line per file.
export { gather, table_copy } from "./gather";
export { heap_base, is_relaxed } from "./memory";
export { resize_axis, resize_bilinear } from "./resize";
export { strided_copy, transpose_2d } from "./transpose";
