import { batchOf, type TrainerMaker } from './work.js'

interface Scalar {
  dataSync(): Float32Array
}
interface Tensor extends Scalar {
  readonly shape: number[]
  assign(value: Tensor): void
}

/** What the bench uses of tfjs-core. */
export interface TfTraining {
  setThreadsCount(threads: number): void
  setWasmPaths(folder: string): void
  setBackend(name: string): Promise<boolean>
  ready(): Promise<void>
  tensor(data: Float32Array, shape: readonly number[]): Tensor
  tensor1d(data: Int32Array, dtype: 'int32'): Tensor
  variable(value: Tensor): Tensor
  randomNormal(shape: readonly number[], mean?: number, deviation?: number, dtype?: string, seed?: number): Tensor
  zeros(shape: readonly number[]): Tensor
  oneHot(indices: Tensor, depth: number): Tensor
  matMul(a: Tensor, b: Tensor): Tensor
  add(a: Tensor, b: Tensor): Tensor
  mul(a: Tensor, b: Tensor): Tensor
  sigmoid(x: Tensor): Tensor
  tanh(x: Tensor): Tensor
  relu(x: Tensor): Tensor
  reshape(x: Tensor, shape: readonly number[]): Tensor
  slice(x: Tensor, begin: readonly number[], size: readonly number[]): Tensor
  concat(tensors: readonly Tensor[], axis: number): Tensor
  conv2d(x: Tensor, w: Tensor, stride: number, pad: 'same'): Tensor
  maxPool(x: Tensor, size: number, stride: number, pad: 'same'): Tensor
  sum(x: Tensor, axis?: number): Tensor
  mean(x: Tensor): Tensor
  neg(x: Tensor): Tensor
  logSoftmax(x: Tensor): Tensor
  tidy<T>(f: () => T): T
  readonly train: {
    adam(rate: number): { minimize(f: () => Tensor, returnCost: boolean, variables: Tensor[]): Tensor | null }
  }
  disposeVariables(): void
  dispose(x: unknown): void
}

/** tfjs in its best backend for each step: WebAssembly where that has the gradients, else the plain one. */
export function tfjsTrainer(tf: TfTraining, backends: Record<string, 'wasm' | 'cpu' | undefined>): TrainerMaker {
  return async (key) => {
    const backend = backends[key]
    if (!backend) return undefined
    await tf.setBackend(backend)
    await tf.ready()
    const { x, labels } = batchOf(key)
    const weight = (...shape: number[]) => tf.variable(tf.randomNormal(shape, 0, 0.05, 'float32', 1))
    const bias = (size: number) => tf.variable(tf.zeros([size]))
    const targets = tf.oneHot(tf.tensor1d(labels, 'int32'), 10)
    const images = x as Float32Array
    const affine = (input: Tensor, w: Tensor, b: Tensor) => tf.add(tf.matMul(input, w), b)
    let variables: Tensor[]
    let scores: () => Tensor
    if (key === 'mlp') {
      variables = [weight(784, 256), bias(256), weight(256, 256), bias(256), weight(256, 10), bias(10)]
      const input = tf.tensor(images, [100, 784])
      const [w1, b1, w2, b2, w3, b3] = variables
      scores = () => affine(tf.sigmoid(affine(tf.sigmoid(affine(input, w1, b1)), w2, b2)), w3, b3)
    } else if (key === 'cnn') {
      variables = [
        weight(5, 5, 1, 32),
        bias(32),
        weight(5, 5, 32, 64),
        bias(64),
        weight(3136, 1024),
        bias(1024),
        weight(1024, 10),
        bias(10),
      ]
      const input = tf.tensor(images, [100, 28, 28, 1])
      const [w1, b1, w2, b2, w3, b3, w4, b4] = variables
      const block = (value: Tensor, w: Tensor, b: Tensor) =>
        tf.maxPool(tf.relu(tf.add(tf.conv2d(value, w, 1, 'same'), b)), 2, 2, 'same')
      scores = () =>
        affine(tf.relu(affine(tf.reshape(block(block(input, w1, b1), w2, b2), [100, 3136]), w3, b3)), w4, b4)
    } else {
      variables = [weight(28 + 128, 512), bias(512), weight(128, 10), bias(10)]
      const rows = tf.tensor(images, [100, 28, 28])
      const [w, b, wo, bo] = variables
      scores = () => {
        let h = tf.zeros([100, 128])
        let c = tf.zeros([100, 128])
        for (let t = 0; t < 28; t++) {
          const gates = affine(tf.concat([tf.reshape(tf.slice(rows, [0, t, 0], [100, 1, 28]), [100, 28]), h], 1), w, b)
          const gate = (i: number) => tf.slice(gates, [0, 128 * i], [100, 128])
          c = tf.add(tf.mul(tf.sigmoid(gate(1)), c), tf.mul(tf.sigmoid(gate(0)), tf.tanh(gate(2))))
          h = tf.mul(tf.sigmoid(gate(3)), tf.tanh(c))
        }
        return affine(h, wo, bo)
      }
    }
    const adam = tf.train.adam(1e-3)
    return {
      step: async () => {
        await tf.setBackend(backend)
        const start = performance.now()
        const cost = tf.tidy(() =>
          adam.minimize(() => tf.neg(tf.mean(tf.sum(tf.mul(targets, tf.logSoftmax(scores())), -1))), true, variables),
        )
        if (!cost) throw new Error('TensorFlow.js made no loss')
        const [loss] = cost.dataSync()
        tf.dispose(cost)
        return { ms: performance.now() - start, loss }
      },
      close: () => tf.dispose(variables),
    }
  }
}
