// The ABI of the train builds with threads: their kernels, and what shares calls between threads.
export * from "./train";
export * from "./quantized";
export { share_call, share_failed, share_work } from "../lib/threads";
