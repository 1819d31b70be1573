import { ConvGradient, ConvTransposeGradient } from './conv-gradient.js'
import { GemmGradient, MatMulGradient } from './matmul.js'

/** Every gradient. Only training imports this list. */
export const gradients = [
  ConvGradient,
  ConvTransposeGradient,
  GemmGradient,
  MatMulGradient,
] as const
