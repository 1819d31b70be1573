import { GemmGradient, MatMulGradient } from './matmul.js'

/** Every gradient. Only training imports this list. */
export const gradients = [
  GemmGradient,
  MatMulGradient,
] as const
