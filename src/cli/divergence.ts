import type { HostTensor } from '../core/host.js'
import type { InferenceSession } from '../api/session.js'
import { Tensor, toHost } from '../api/tensor.js'
import { differenceOf, type Difference } from './difference.js'

/** A value inside a model and the node that makes it. */
export interface Place {
  readonly value: string
  readonly op: string
  readonly node: string
}

/** Where two runs of a model begin to differ. */
export interface Divergence extends Place {
  readonly difference: Difference
  /** True if the node is right by itself and goes wrong only as the graph passes rewrite it. */
  readonly onlyOptimized: boolean
}

export interface Comparison {
  /** Values that both sides have. */
  readonly compared: number
  readonly divergence?: Divergence
  /** Why nothing can be said. */
  readonly problem?: string
}

type Results = Readonly<Record<string, HostTensor | undefined>>

export function hostResults(results: Readonly<Record<string, unknown>>): Record<string, HostTensor | undefined> {
  return Object.fromEntries(
    Object.entries(results).map(([name, value]) => [name, value instanceof Tensor ? toHost(value, name) : undefined]),
  )
}

/**
 * The first value, in the order of `places`, that differs from the reference. Fetching every value keeps the graph
 * passes from fusing anything; if then all of them agree and the outputs still do not, a pass is to blame, and values
 * are fetched alone, which lets the passes work on what leads to them.
 */
export async function findDivergence(
  session: Pick<InferenceSession, 'run' | 'outputNames'>,
  feeds: Readonly<Record<string, Tensor>>,
  places: readonly Place[],
  reference: Results,
): Promise<Comparison> {
  const mine = hostResults(
    await session.run(
      feeds,
      places.map(({ value }) => value),
    ),
  )
  const comparable = places.filter(({ value }) => mine[value] && reference[value])
  const compared = comparable.length
  for (const place of comparable) {
    const difference = differenceOf(mine[place.value], reference[place.value])
    if (!difference.agrees) return { compared, divergence: { ...place, difference, onlyOptimized: false } }
  }
  const outputs = hostResults(await session.run(feeds))
  const names = session.outputNames.filter((name) => outputs[name])
  if (names.every((name) => differenceOf(outputs[name], reference[name]).agrees)) return { compared }
  const alone = async (index: number): Promise<Difference> => {
    const { value } = comparable[index]
    return differenceOf(hostResults(await session.run(feeds, [value]))[value], reference[value])
  }
  let first = 0
  let last = compared - 1
  while (first < last) {
    const middle = (first + last) >> 1
    if ((await alone(middle)).agrees) first = middle + 1
    else last = middle
  }
  const difference = compared > 0 ? await alone(first) : undefined
  if (!difference || difference.agrees) return { compared, problem: 'every value agrees when it is fetched alone' }
  return { compared, divergence: { ...comparable[first], difference, onlyOptimized: true } }
}
