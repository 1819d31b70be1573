import { present } from '../../src/core/errors.js'
import type { HostTensor } from '../../src/core/host.js'
import type { Feeds, Layer } from '../work.js'
import type { Loaded, Peer } from './peer.js'

/** jax-js arrays are counted references: an operation uses its arguments up, `ref` makes one more. */
interface JaxArray {
  readonly shape: number[]
  readonly ref: JaxArray
  reshape(shape: readonly number[]): JaxArray
  dataSync(): Float32Array
  dispose(): void
}
type Unary = (x: JaxArray) => JaxArray

/** What the bench uses of jax-js. */
export interface Jax {
  init(...devices: string[]): Promise<string[]>
  defaultDevice(device: string): string
  jit<F>(f: F): F
  readonly numpy: {
    array(data: Float32Array, options?: object): JaxArray
    matmul(a: JaxArray, b: JaxArray): JaxArray
    add(a: JaxArray, b: JaxArray): JaxArray
    exp: Unary
    tanh: Unary
    log: Unary
  }
  readonly nn: { relu: Unary; sigmoid: Unary; softmax: Unary; gelu(x: JaxArray, options: object): JaxArray }
  readonly lax: {
    erf: Unary
    convWithGeneralPadding(x: JaxArray, w: JaxArray, strides: number[], padding: number[][]): JaxArray
  }
}

/** jax-js on its WebAssembly device, every function jitted. */
export async function jaxJs(jax: Jax, version: string): Promise<Peer> {
  await jax.init('wasm')
  jax.defaultDevice('wasm')
  const { numpy, nn, lax } = jax
  const unaries: Record<string, Unary> = {
    exp: numpy.exp,
    tanh: numpy.tanh,
    log: numpy.log,
    relu: nn.relu,
    sigmoid: nn.sigmoid,
    softmax: nn.softmax,
    erf: lax.erf,
    gelu: (x) => nn.gelu(x, { approximate: false }),
    clone: (x) => x,
  }
  const constant = ({ data, shape }: HostTensor): JaxArray => numpy.array(data as Float32Array).reshape(shape)

  const prepare = (weights: Feeds | undefined, layer: Layer): { apply: Unary; weights: JaxArray[] } | undefined => {
    if (layer.kind === 'unary') {
      const apply = unaries[layer.op]
      return apply && { apply: layer.op === 'clone' ? apply : jax.jit(apply), weights: [] }
    }
    if (layer.kind === 'matmul') {
      const w = constant(present(weights?.get('w'), 'w'))
      const product = jax.jit(numpy.matmul)
      return { apply: (x) => product(x, w.ref), weights: [w] }
    }
    if (layer.group !== 1) return undefined
    const w = constant(present(weights?.get('w'), 'w'))
    const b = constant(present(weights?.get('b'), 'b')).reshape([1, -1, 1, 1])
    const { stride, pad } = layer
    const padding = [
      [pad, pad],
      [pad, pad],
    ]
    const f = jax.jit((x: JaxArray, filter: JaxArray, bias: JaxArray) =>
      numpy.add(lax.convWithGeneralPadding(x, filter, [stride, stride], padding), bias),
    )
    return { apply: (x) => f(x, w.ref, b.ref), weights: [w, b] }
  }

  const load = (feeds: readonly Feeds[], weights: Feeds | undefined, layer: Layer): Loaded | undefined => {
    const prepared = prepare(weights, layer)
    if (!prepared) return undefined
    const inputs = feeds.map((feed) => present(feed.get('x'), 'x'))
    const run = (i: number): readonly [Float32Array, readonly number[]] => {
      const y = prepared.apply(constant(inputs[i]))
      const { shape } = y
      return [y.dataSync(), shape]
    }
    return {
      run: async (i) => run(i),
      outputs: async (i) => {
        const [data, shape] = run(i)
        return new Map([['y', { dtype: 'float32', shape, data: data.slice() }]])
      },
      release: async () => prepared.weights.forEach((weight) => weight.dispose()),
    }
  }
  return {
    name: 'jax-js',
    version,
    load: async ({ feeds, weights, layer }) => layer && load(feeds, weights, layer),
    loadIdentity: async ({ feeds }) => load(feeds, undefined, { kind: 'unary', op: 'clone' }),
  }
}
