// The ABI of the inference builds with threads: their kernels, and what shares calls between threads.
export * from "./inference";
export * from "./quantized";
export { share_call, share_failed, share_work } from "../lib/threads";
