import { dtypeFromOnnx, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import type { HostTensor } from '../../core/host.js'
import { identityOrder } from '../../core/layout.js'
import { sizeOf } from '../../core/shape.js'
import { float, int, ints, required } from '../../ir/attributes.js'
import { floatsOf, numericTensor } from '../shared/scalar-floats.js'
import { plus, type Address, type Emitter, type Operand } from '../../ir/emitter.js'
import { defineOp, type ComputeContext } from '../../ir/op.js'
import { BulkGenerator, CHUNK, layersOfNormal } from './bulk-generator.js'

/** A generator for one call: by the node's own seed, else by one of the session's. */
export function generator(own: number | undefined, session: (() => number) | undefined): BulkGenerator {
  return new BulkGenerator(own ?? session?.() ?? 0)
}

export function typeOf(code: number | undefined, fallback: DType): DType {
  const dtype = code === undefined ? fallback : dtypeFromOnnx(code)
  if (!dtype || dtype === 'string' || dtype.startsWith('complex'))
    throw new LanewiseError('E_VALUE', `random numbers of the type ${code ?? fallback} do not exist`)
  return dtype
}

/** The state of a generator in memory, and a word that its kernels need; what comes after is aligned. */
const STATE_BYTES = 32

/** A generator for kernels, seeded anew by every run, with so much room after it. */
function seeded(e: Emitter<{ readonly seed?: unknown }>, room = 0): Address {
  const { attributes, nextSeed } = e
  const at = e.scratch(STATE_BYTES + room)
  const state = {
    dtype: 'uint32',
    shape: [4],
    order: identityOrder(1),
    physical: [4],
    size: 4,
    at,
    constant: undefined,
  } as const
  e.host([state], ({ data }) => generator(attributes.seed as number | undefined, nextSeed).hand(data as Uint32Array))
  return at
}

type Parameters = { readonly [name: string]: unknown }

/**
 * What an operator with a shape of its own and its -Like sibling have in common. Two calls make the two, so that an app
 * carries the one that it applies.
 */
function distribution<K extends string>(
  name: string,
  [a, b]: readonly [K, K],
  defaults: readonly [number, number],
  fill: (random: BulkGenerator, to: Float32Array | Float64Array, a: number, b: number) => void,
  draw: (e: Emitter<Parameters>, y: Operand, a: number, b: number) => void,
) {
  return {
    name,
    parameters: { [a]: float(defaults[0]), [b]: float(defaults[1]), seed: float() },
    compute({ attributes, outputs: [{ dtype, shape }], seed }: ComputeContext<Parameters>): HostTensor[] {
      const drawn = new (dtype === 'float32' ? Float32Array : Float64Array)(sizeOf(shape))
      const random = generator(attributes.seed as number | undefined, seed)
      fill(random, drawn, attributes[a] as number, attributes[b] as number)
      return [numericTensor(dtype, shape, drawn)]
    },
    emit: (e: Emitter<Parameters>): void => draw(e, e.output(0), e.attributes[a] as number, e.attributes[b] as number),
  }
}

function plain({ name, parameters, compute, emit }: ReturnType<typeof distribution>) {
  return defineOp({
    name,
    arity: 0,
    random: true,
    kernel: (_, { dtype }) => typeOf(dtype, 'float32') === 'float32',
    emit,
    attributes: { dtype: int(1), shape: required(ints()), ...parameters },
    infer: ({ attributes: { dtype, shape } }) => [{ dtype: typeOf(dtype, 'float32'), shape: shape.map(Number) }],
    compute,
  })
}

function like({ name, parameters, compute, emit }: ReturnType<typeof distribution>) {
  return defineOp({
    name: `${name}Like`,
    arity: 1,
    random: true,
    kernel: ([x], { dtype }) => typeOf(dtype, x) === 'float32',
    emit,
    attributes: { dtype: int(), ...parameters },
    infer: ({ attributes: { dtype }, inputs: [x] }) => [{ dtype: typeOf(dtype, x.dtype), shape: x.shape }],
    compute,
  })
}

const uniform = distribution(
  'RandomUniform',
  ['low', 'high'],
  [0, 1],
  (random, to, low, high) => random.uniforms(to, low, high - low),
  (e, y, low, high) => e.call('random_uniform_f32', seeded(e), y.at, y.size, low, high - low),
)
export const RandomUniform = plain(uniform)
export const RandomUniformLike = like(uniform)

const normal = distribution(
  'RandomNormal',
  ['mean', 'scale'],
  [0, 1],
  (random, to, mean, scale) => random.normals(to, mean, scale),
  (e, y, mean, scale) => {
    const state = seeded(e, 4 * CHUNK)
    const layers = e.constant(layersOfNormal())
    e.call('random_normal_f32', state, y.at, y.size, layers, plus(state, STATE_BYTES), mean, scale)
  },
)
export const RandomNormal = plain(normal)
export const RandomNormalLike = like(normal)

/** 1 with the probability that the input says, else 0. */
export const Bernoulli = defineOp({
  name: 'Bernoulli',
  arity: 1,
  random: true,
  attributes: { dtype: int(), seed: float() },
  infer: ({ attributes: { dtype }, inputs: [x] }) => [{ dtype: typeOf(dtype, x.dtype), shape: x.shape }],
  kernel: ([x], { dtype }) => x === 'float32' && typeOf(dtype, x) === 'float32',
  emit(e) {
    const [x, y] = [e.input(0), e.output(0)]
    e.call('random_events_f32', seeded(e), x.at, y.at, x.size)
  },
  compute({ attributes, inputs: [x], outputs: [y], seed }) {
    const { dtype, shape } = y
    const happened = new (dtype === 'float32' ? Float32Array : Uint8Array)(x.data.length)
    generator(attributes.seed, seed).events(happened, floatsOf(x))
    return [numericTensor(dtype, shape, happened)]
  },
})
