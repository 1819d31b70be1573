import { present } from '../../src/core/errors.js'
import type { HostTensor } from '../../src/core/host.js'
import type { Feeds, Layer } from '../work.js'
import type { Loaded, Peer } from './peer.js'

interface TfTensor {
  readonly shape: number[]
  dataSync(): Float32Array
}
type Unary = (x: TfTensor) => TfTensor

/** What the bench uses of tfjs-core. */
export interface Tf {
  readonly version_core: string
  setBackend(name: string): Promise<boolean>
  ready(): Promise<void>
  tensor(data: Float32Array, shape: readonly number[]): TfTensor
  keep<T extends TfTensor>(tensor: T): T
  dispose(tensors: TfTensor[]): void
  transpose(x: TfTensor, order: number[]): TfTensor
  clone: Unary
  matMul(a: TfTensor, b: TfTensor): TfTensor
  readonly fused: {
    conv2d(options: object): TfTensor
    depthwiseConv2d(options: object): TfTensor
  }
  exp: Unary
  tanh: Unary
  sigmoid: Unary
  softmax: Unary
  log: Unary
  relu: Unary
  erf: Unary
}
export interface TfWasm {
  setThreadsCount(threads: number): void
}

/** NCHW elements as NHWC, or back. */
function permuted(data: Float32Array, [n, a, b]: readonly [number, number, number]): Float32Array {
  const out = new Float32Array(data.length)
  for (let i = 0; i < n; i++)
    for (let j = 0; j < a; j++) for (let k = 0; k < b; k++) out[(i * b + k) * a + j] = data[(i * a + j) * b + k]
  return out
}

interface Prepared {
  /** The layer's input in the order tfjs wants. */
  readonly inputs: readonly { readonly data: Float32Array; readonly shape: readonly number[] }[]
  readonly weights: TfTensor[]
  apply(x: TfTensor): TfTensor
  /** tfjs's answer as ONNX orders it. */
  restore(data: Float32Array, shape: readonly number[]): HostTensor
}

function plain(data: Float32Array, shape: readonly number[]): HostTensor {
  return { dtype: 'float32', shape, data }
}

/**
 * tfjs with its WebAssembly backend (XNNPACK), on one thread. Convolutions get their data channels-last, as tfjs has
 * them.
 */
export async function tfjs(tf: Tf, wasm: TfWasm): Promise<Peer> {
  wasm.setThreadsCount(1)
  await tf.setBackend('wasm')
  await tf.ready()

  const constant = (tensor: HostTensor, order?: number[]): TfTensor => {
    const made = tf.tensor(tensor.data as Float32Array, tensor.shape)
    return tf.keep(order ? tf.transpose(made, order) : made)
  }

  const prepare = (feeds: readonly Feeds[], weights: Feeds | undefined, layer: Layer): Prepared | undefined => {
    const inputs = feeds
      .map((feed) => present(feed.get('x'), 'x'))
      .map(({ data, shape }) => ({ data: data as Float32Array, shape }))
    if (layer.kind === 'unary') {
      const apply = (tf as unknown as Record<string, Unary | undefined>)[layer.op]
      return apply && { inputs, weights: [], apply, restore: plain }
    }
    const w = present(weights?.get('w'), 'w')
    if (layer.kind === 'matmul') {
      const constants = [constant(w)]
      return { inputs, weights: constants, apply: (x) => tf.matMul(x, constants[0]), restore: plain }
    }
    const { stride, pad, group } = layer
    const depthwise = group > 1
    if (depthwise && group !== w.shape[0]) return undefined
    // tfjs filters: height, width, in, out; depthwise: height, width, channels, 1.
    const constants = [constant(w, depthwise ? [2, 3, 0, 1] : [2, 3, 1, 0]), constant(present(weights?.get('b'), 'b'))]
    const options = {
      filter: constants[0],
      bias: constants[1],
      strides: stride,
      pad,
      dataFormat: 'NHWC',
      dimRoundingMode: 'floor',
    }
    return {
      inputs: inputs.map(({ data, shape: [n, c, h, width] }) => ({
        data: permuted(data, [n, c, h * width]),
        shape: [n, h, width, c],
      })),
      weights: constants,
      apply: (x) => (depthwise ? tf.fused.depthwiseConv2d({ x, ...options }) : tf.fused.conv2d({ x, ...options })),
      restore: (data, [n, h, width, c]) => plain(permuted(data, [n, h * width, c]), [n, c, h, width]),
    }
  }

  const loaded = ({ inputs, weights, apply, restore }: Prepared): Loaded => {
    // Not tf.tidy: it looks for tensors in every element of what its function returns.
    const run = (i: number): readonly [Float32Array, readonly number[]] => {
      const x = tf.tensor(inputs[i].data, inputs[i].shape)
      const y = apply(x)
      const data = y.dataSync()
      tf.dispose([x, y])
      return [data, y.shape]
    }
    return {
      run: async (i) => run(i),
      outputs: async (i) => {
        const [data, shape] = run(i)
        return new Map([['y', restore(data.slice(), shape)]])
      },
      release: async () => tf.dispose(weights),
    }
  }

  return {
    name: 'tfjs-wasm',
    version: tf.version_core,
    load: async (work) => {
      const prepared = work.layer && prepare(work.feeds, work.weights, work.layer)
      return prepared && loaded(prepared)
    },
    loadIdentity: async ({ feeds }) =>
      loaded(present(prepare(feeds, undefined, { kind: 'unary', op: 'clone' }), 'way to copy')),
  }
}
