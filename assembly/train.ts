// The ABI of the training builds: everything an inference may call, and gradients, losses and optimisers besides.
export * from "./inference";
export { accumulate_f32 } from "./gradient";
