import { batchOf, type TrainerMaker } from './work.js'

/** jax-js arrays are counted references: an operation uses its arguments up, `ref` makes one more. */
interface JaxArray {
  readonly ref: JaxArray
  readonly shape: number[]
  reshape(shape: readonly number[]): JaxArray
  sum(axis?: number): JaxArray
  mean(): JaxArray
  mul(other: JaxArray | number): JaxArray
  add(other: JaxArray): JaxArray
  sub(other: JaxArray): JaxArray
  dataSync(): Float32Array
}

/** What the bench uses of jax-js. */
export interface JaxTraining {
  init(...devices: string[]): Promise<string[]>
  defaultDevice(device: string): string
  jit<F>(f: F): F
  valueAndGrad(
    f: (parameters: JaxArray[], x: JaxArray, targets: JaxArray) => JaxArray,
  ): (parameters: JaxArray[], x: JaxArray, targets: JaxArray) => [JaxArray, JaxArray[]]
  readonly numpy: {
    array(data: Float32Array): JaxArray
    matmul(a: JaxArray, b: JaxArray): JaxArray
    max(x: JaxArray, axis: number[]): JaxArray
  }
  readonly nn: { sigmoid(x: JaxArray): JaxArray; relu(x: JaxArray): JaxArray; logSoftmax(x: JaxArray): JaxArray }
  readonly lax: { convWithGeneralPadding(x: JaxArray, w: JaxArray, strides: number[], padding: number[][]): JaxArray }
}

/**
 * jax-js on its WebAssembly device, the whole step jitted. It makes a plain step down the gradient, which is less work
 * than Adam's.
 */
export function jaxTrainer(jax: JaxTraining): TrainerMaker {
  return async (key) => {
    if (key !== 'mlp' && key !== 'cnn') return undefined
    await jax.init('wasm')
    jax.defaultDevice('wasm')
    const { numpy, nn, lax } = jax
    const { x, labels } = batchOf(key)
    let state = 7
    const weight = (...shape: number[]) => {
      const data = Float32Array.from(
        { length: shape.reduce((a, b) => a * b, 1) },
        () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5) * 0.1,
      )
      return numpy.array(data).reshape(shape)
    }
    const hot = new Float32Array(1000)
    labels.forEach((label, i) => (hot[i * 10 + label] = 1))
    const input = numpy.array(x as Float32Array).reshape(key === 'mlp' ? [100, 784] : [100, 1, 28, 28])
    const targets = numpy.array(hot).reshape([100, 10])
    const dense = (value: JaxArray, w: JaxArray, b: JaxArray) => numpy.matmul(value, w).add(b)
    const pooled = (value: JaxArray, channels: number, size: number) =>
      numpy.max(value.reshape([100, channels, size, 2, size, 2]), [3, 5])
    const conv = (value: JaxArray, w: JaxArray, b: JaxArray) =>
      nn.relu(
        lax
          .convWithGeneralPadding(
            value,
            w,
            [1, 1],
            [
              [2, 2],
              [2, 2],
            ],
          )
          .add(b.reshape([1, -1, 1, 1])),
      )
    const scores = (p: JaxArray[], value: JaxArray): JaxArray =>
      key === 'mlp'
        ? dense(nn.sigmoid(dense(nn.sigmoid(dense(value, p[0], p[1])), p[2], p[3])), p[4], p[5])
        : dense(
            nn.relu(
              dense(
                pooled(conv(pooled(conv(value, p[0], p[1]), 32, 14), p[2], p[3]), 64, 7).reshape([100, 3136]),
                p[4],
                p[5],
              ),
            ),
            p[6],
            p[7],
          )
    let parameters =
      key === 'mlp'
        ? [weight(784, 256), weight(256), weight(256, 256), weight(256), weight(256, 10), weight(10)]
        : [
            weight(32, 1, 5, 5),
            weight(32),
            weight(64, 32, 5, 5),
            weight(64),
            weight(3136, 1024),
            weight(1024),
            weight(1024, 10),
            weight(10),
          ]
    const loss = (p: JaxArray[], value: JaxArray, wanted: JaxArray) =>
      nn.logSoftmax(scores(p, value)).mul(wanted).sum(-1).mean().mul(-1)
    const update = jax.jit((p: JaxArray[], value: JaxArray, wanted: JaxArray): [JaxArray, JaxArray[]] => {
      const [cost, gradients] = jax.valueAndGrad(loss)(
        p.map((one) => one.ref),
        value,
        wanted,
      )
      return [cost, p.map((one, i) => one.sub(gradients[i].mul(0.01)))]
    })
    return {
      step: async () => {
        const start = performance.now()
        const [cost, next] = update(parameters, input.ref, targets.ref)
        parameters = next
        const [value] = cost.dataSync()
        return { ms: performance.now() - start, loss: value }
      },
      close() {},
    }
  }
}
