import { randomTensor, seeded } from '../../tests/support/random.js'
import { node } from '../graph.js'
import type { LaterWork, Work } from '../work.js'
import { conv, dynamicMatMul, float, integerWork, matmul, staticConv } from './kernels.js'
import { quantizedNetworks } from './quantized-networks.js'

interface Weights {
  readonly bits: number
  readonly block: number
  /** accuracy_level: 4 lets elements of x be bytes. */
  readonly level?: number
}

/** A product with weights of a few bits. */
export function fewBits(rows: number, k: number, n: number, { bits, block, level = 0 }: Weights): Work {
  const blocks = k / block
  const random = seeded(5)
  const weights = new Map([
    ['w', randomTensor(random, 'uint8', [n, blocks, (block * bits) / 8], 0, 256)],
    ['scales', randomTensor(random, 'float32', [n * blocks], 0.01 / Math.sqrt(k), 0.02 / Math.sqrt(k))],
  ])
  const attributes = {
    K: BigInt(k),
    N: BigInt(n),
    bits: BigInt(bits),
    block_size: BigInt(block),
    accuracy_level: BigInt(level),
  }
  const name = `MatMulNBits ${rows}×${k}×${n}, ${bits} bits${level > 0 ? `, accuracy_level ${level}` : ''}`
  const product = node('MatMulNBits', ['x', 'w', 'scales'], ['y'], attributes, 'com.microsoft')
  const work = integerWork(name, [rows, k], [rows, n], 2 * rows * k * n, weights, [product])
  return { ...work, suite: 'quantized', group: 'weights of a few bits', steps: { y: level > 0 ? 0.02 : 1e-4 } }
}

/** A convolution of bytes whose sums are stored. */
function convInteger(c: number, size: number, kernel: number): Work {
  const pad = BigInt((kernel - 1) >> 1)
  const shape = [1, c, size, size]
  const weights = new Map([
    ['w', randomTensor(seeded(5), 'int8', [c, c, kernel, kernel], -127, 128)],
    ['step', float(1 / 127 / Math.sqrt(c * kernel * kernel))],
  ])
  const attributes = { kernel_shape: [BigInt(kernel), BigInt(kernel)], pads: [pad, pad, pad, pad] }
  const flops = 2 * size * size * c * c * kernel * kernel
  return integerWork(`ConvInteger ${kernel}×${kernel} ${c} at ${size}²`, shape, shape, flops, weights, [
    node('DynamicQuantizeLinear', ['x'], ['q', 'scale', 'zero']),
    node('ConvInteger', ['q', 'w', 'zero'], ['sums'], attributes),
    node('Cast', ['sums'], ['floats'], { to: 1n }),
    node('Mul', ['scale', 'step'], ['both']),
    node('Mul', ['floats', 'both'], ['y']),
  ])
}

/** Quantised layers and networks, each beside what it was before. */
export function* quantizedWorks(): Generator<() => Work | LaterWork> {
  const of = (work: Work, before: Work): Work => ({ ...work, suite: 'quantized', float32: before.model })
  for (const rows of [1, 32])
    for (const weights of [
      { bits: 4, block: 32 },
      { bits: 4, block: 32, level: 4 },
      { bits: 8, block: 32 },
    ])
      yield () => of(fewBits(rows, 4096, 4096, weights), matmul('float32', rows, 4096, 4096))
  yield () => of(dynamicMatMul(1024, 1024, 1024), matmul('float32', 1024, 1024, 1024))
  yield () => of(convInteger(1024, 32, 1), conv('float32', { c: 1024, k: 1024, size: 32, kernel: 1 }))
  yield () => of(staticConv('3×3 64 at 32²', 64, 64, 32, 3), conv('float32', { c: 64, k: 64, size: 32, kernel: 3 }))
  for (const [c, size] of [
    [32, 112],
    [144, 56],
    [384, 14],
    [960, 7],
  ] as const) {
    const layer = { c, k: c, size, kernel: 3, group: c }
    yield () => of(staticConv(`depthwise 3×3 ${c} at ${size}²`, c, c, size, 3, c), conv('float32', layer))
  }
  yield* quantizedNetworks()
}
