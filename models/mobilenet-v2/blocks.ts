/**
 * Inverted residuals of MobileNetV2 (arXiv:1801.04381, Table 2): expansion, channels, how many, stride of the first.
 */
export const blocks = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const
