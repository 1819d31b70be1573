import type { Options } from '../options.js'
import type { LaterWork, Work } from '../work.js'
import { kernelWorks } from './kernels.js'
import { modelWorks } from './models.js'
import { quantizedWorks } from './quantized.js'
import { sequenceWorks } from './sequence.js'
import { threadWorks } from './threads.js'

/** The suites whose works are timed beside each other in one process. */
const suites = {
  kernels: kernelWorks,
  models: modelWorks,
  quantized: quantizedWorks,
  sequence: sequenceWorks,
  threads: threadWorks,
}

export function isTimedSuite(suite: Options['suite']): suite is keyof typeof suites {
  return suite in suites
}

/** The works of a suite that are asked for, each made when it is its turn. */
export async function* worksOf({ suite, filter }: Options): AsyncGenerator<Work> {
  if (!isTimedSuite(suite)) return
  const wanted = new RegExp(filter, 'i')
  for (const make of suites[suite]()) {
    const work: Work | LaterWork = make()
    if (wanted.test(work.name) || wanted.test(work.group)) yield 'later' in work ? await work.later() : work
  }
}
