import { LanewiseError } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import type { Value } from '../ir/graph.js'
import { checkElements, type Feeds } from './feeds.js'
import { checkRunOptions, type RunOptions } from './session-options.js'
import { writeBack } from './tensor.js'
import { checkTensor, hostOf, isTensorLike, type ModelValue, type TensorLike } from './value.js'

/** Names of values to fetch, or tensors for the results to be written to (null: make one). */
export type Fetches = readonly string[] | Readonly<Record<string, ModelValue>>

/** What a run is asked for. */
export interface RunArguments {
  /** What is fetched, and the caller's tensors for it; undefined where nothing is said about it. */
  readonly fetched: readonly (readonly [name: string, into: TensorLike | null])[] | undefined
  readonly options: RunOptions
}

/**
 * The arguments of a run: fetches may be left out, options take their place then.
 *
 * @param outputs - names of the model's outputs.
 * @throws LanewiseError `E_TENSOR` for feeds and fetches that are none, `E_VALUE` for options that do not exist.
 */
export function readArguments(
  feeds: Feeds,
  second: Fetches | RunOptions | undefined,
  third: RunOptions | undefined,
  outputs: readonly string[],
): RunArguments {
  if (typeof feeds !== 'object' || feeds === null || Array.isArray(feeds) || isTensorLike(feeds))
    throw new LanewiseError('E_TENSOR', 'feeds must be an object with a value for each input name')
  if (second === undefined) return { fetched: undefined, options: checkRunOptions(third ?? {}) }
  if (second === null || typeof second !== 'object' || isTensorLike(second))
    throw new LanewiseError('E_TENSOR', 'fetches must be an array of names or an object of tensors')
  const named = Array.isArray(second)
    ? (second as readonly string[]).map((name) => [name, null] as const)
    : (Object.entries(second as object) as [string, unknown][]).filter(
        (entry): entry is [string, TensorLike | null] => entry[1] === null || isTensorLike(entry[1]),
      )
  if (named.length > 0) return { fetched: named, options: checkRunOptions(third ?? {}) }
  if (Array.isArray(second)) throw new LanewiseError('E_TENSOR', 'fetches must name at least one value')
  const odd = Object.keys(second).find((name) => outputs.includes(name))
  if (odd !== undefined)
    throw new LanewiseError('E_TENSOR', `to fetch "${odd}" give its name in an array, null, or a tensor to write to`, {
      tensor: odd,
    })
  return { fetched: undefined, options: checkRunOptions(third ?? (second as RunOptions)) }
}

/** The tensors that results are to be written to. @throws LanewiseError `E_TENSOR` for those that cannot take them. */
export function givenTensors(
  fetches: ReadonlyMap<Value, HostTensor | undefined>,
  lenient: boolean | undefined,
): Map<Value, HostTensor> {
  const found = new Map<Value, HostTensor>()
  for (const [value, tensor] of fetches) {
    if (!tensor) continue
    checkElements(value.name, tensor)
    // Shapes of outputs are declared wrongly in many files, which run nevertheless.
    if (value.declared && !lenient) checkTensor(value.name, tensor, { ...value.declared, shape: undefined })
    found.set(value, tensor)
  }
  return found
}

/** The users' tensors that results are written to, by what the library writes through. */
const given = new WeakMap<HostTensor, TensorLike>()

/** What results for a user's tensor are written through. */
export function storageOf(tensor: TensorLike, name: string): HostTensor {
  const host = hostOf(tensor, name)
  given.set(host, tensor)
  return host
}

/** The user's tensor again, with the result in it; undefined for what is none's. */
export function givenBack(host: HostTensor | undefined): TensorLike | undefined {
  const tensor = host && given.get(host)
  if (tensor) writeBack(tensor, host)
  return tensor
}
