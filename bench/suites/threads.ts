import type { WorkResult } from '../measure.js'
import type { Work } from '../work.js'
import { matmul } from './kernels.js'
import { modelWorks } from './models.js'

/** What is run with several threads: every model, and products that other libraries are known by. */
export function* threadWorks(): Generator<() => Work> {
  for (const n of [512, 1024, 2048]) yield () => ({ ...matmul('products', n, n, n), suite: 'threads' })
  for (const make of modelWorks()) yield () => ({ ...make(), suite: 'threads', group: 'models' })
}

/** Models by what a run takes on one thread: of the short ones only that they are no slower is asked. */
export function groupedByTime(results: readonly WorkResult[]): WorkResult[] {
  return results.map((result) => {
    const ms = result.times['one thread']?.median
    if (result.group !== 'models' || ms === undefined) return result
    return { ...result, group: ms >= 5 ? 'models, 5 ms and more' : ms >= 1 ? 'models, 1 to 5 ms' : 'models under 1 ms' }
  })
}
