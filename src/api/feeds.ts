import { LanewiseError } from '../core/errors.js'
import { isHostTensor, type HostTensor, type HostValue } from '../core/host.js'
import { tagOf } from '../core/realm.js'
import { sizeOf } from '../core/shape.js'
import type { Value } from '../ir/graph.js'
import { acceptValue, reading, type ModelValue, type TensorLike } from './value.js'

/** Inputs of a run by their names; those that a state of the session replaces may be left out. */
export type Feeds = Readonly<Record<string, ModelValue>>

/** One of the feeds, which may be an object that throws when it is read. */
export function fed(feeds: Feeds, name: string): ModelValue | undefined {
  return reading(name, () => (Object.hasOwn(feeds, name) ? feeds[name] : undefined))
}

/**
 * The feeds with the tensors that are elsewhere fetched. @throws LanewiseError `E_TENSOR` naming the one that cannot be
 * had.
 */
export async function downloaded(feeds: Feeds, elsewhere: readonly string[]): Promise<Feeds> {
  const here = { ...feeds }
  for (const name of elsewhere) {
    const { type, dims } = feeds[name] as TensorLike
    let data: unknown
    try {
      data = await (feeds[name] as Required<TensorLike>).getData()
    } catch (cause) {
      reading(name, () => {
        throw cause
      })
    }
    Object.defineProperty(here, name, { value: { type, dims, data }, enumerable: true })
  }
  return here
}

/**
 * What is fed, by the inputs of the graph.
 *
 * @param options.optional - whether an input may be missing.
 * @param options.ignoreOthers - whether what the model has no input for is ignored.
 * @throws LanewiseError `E_TENSOR` for an input that is missing, wrong or unknown.
 */
export function acceptFeeds(
  inputs: readonly Value[],
  feeds: Feeds,
  { optional, ignoreOthers }: { optional: (value: Value) => boolean; ignoreOthers: boolean },
): Map<Value, HostValue> {
  const accepted = new Map<Value, HostValue>()
  for (const value of inputs) {
    const given = fed(feeds, value.name)
    if (given === undefined && optional(value)) continue
    if (given === undefined)
      throw new LanewiseError('E_TENSOR', `the input "${value.name}" is missing in feeds`, { tensor: value.name })
    accepted.set(value, acceptValue(value.name, given, value.declared))
  }
  for (const name of ignoreOthers ? [] : Object.keys(feeds)) {
    if (!inputs.some((value) => value.name === name)) {
      throw new LanewiseError(
        'E_TENSOR',
        `the model has no input "${name}" (it has ${inputs.map((value) => `"${value.name}"`).join(', ') || 'none'})`,
        { tensor: name },
      )
    }
  }
  return accepted
}

/**
 * A user's value when its run begins. Until then, in a queue, its buffers are the caller's: they may have been
 * detached, resized or, if they are shared with other threads, may be written to even now. What could change is copied,
 * so that whatever is checked is what is used.
 *
 * @throws LanewiseError `E_TENSOR` if its elements are no longer there, or are no strings where strings belong.
 */
export function settle(name: string, value: HostValue): HostValue {
  if (isHostTensor(value)) return settleTensor(name, value)
  if (value.kind === 'sequence') return { ...value, items: value.items.map((item, i) => settle(`${name}[${i}]`, item)) }
  if (value.kind === 'optional')
    return value.value ? { ...value, value: settle(name, value.value) as HostTensor } : value
  return { ...value, entries: new Map(value.entries) }
}

function settleTensor(name: string, tensor: HostTensor): HostTensor {
  checkElements(name, tensor)
  const { dtype, shape, data } = tensor
  if (Array.isArray(data)) {
    const strings = data.slice()
    const odd = strings.findIndex((text) => typeof text !== 'string')
    if (odd < 0) return { dtype, shape, data: strings }
    throw new LanewiseError('E_TENSOR', `element ${odd} of "${name}" is no string`, {
      tensor: name,
      expected: 'string',
      actual: strings[odd] === null ? 'null' : typeof strings[odd],
    })
  }
  const shared = tagOf(data.buffer) === 'SharedArrayBuffer'
  return shared ? { dtype, shape, data: data.slice() as HostTensor['data'] } : tensor
}

/** @throws LanewiseError `E_TENSOR` if a user's tensor has no longer the elements that its shape says. */
export function checkElements(name: string, { dtype, shape, data }: HostTensor): void {
  const expected = sizeOf(shape) * (dtype.startsWith('complex') ? 2 : 1)
  if (data.length !== expected)
    throw new LanewiseError('E_TENSOR', `the buffer of "${name}" was detached or resized before its run began`, {
      tensor: name,
      expected: String(expected),
      actual: String(data.length),
    })
}
