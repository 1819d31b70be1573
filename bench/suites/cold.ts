import { pairedRatio, summarize } from '../statistics.js'
import type { Cold } from '../fresh-process.js'
import { milliseconds } from '../report.js'
import { failed, FreshProcesses, type FreshRun, type LibraryName } from './fresh.js'
import { modelWorks } from './models.js'

/**
 * From nothing to a first answer, in fresh processes: import, compile, create, run. Reading the inputs and starting
 * Node are not in it.
 */
export async function run(run: FreshRun): Promise<{ report: object; text: string }> {
  const processes = await FreshProcesses.create(run)
  try {
    const filter = new RegExp(run.options.filter || '^mnist-8/')
    const rows: object[] = []
    const lines = [
      `## cold start`,
      '',
      `${processes.describe()}, fresh processes in turn, medians, ms.`,
      '',
      '| model | engine | import | create | first run | total | × |',
      '|---|---|--:|--:|--:|--:|--:|',
    ]
    for (const make of modelWorks()) {
      const work = make()
      if (!filter.test(work.name)) continue
      const files = processes.save(work)
      const samples: Record<LibraryName, Cold[]> = { lanewise: [], 'onnxruntime-web': [] }
      // The first pair finds the files not in memory yet, and is thrown away.
      for (let round = -1; round < (run.options.quick ? 3 : 21); round++) {
        for (const library of ['lanewise', 'onnxruntime-web'] as const) {
          const result = processes.start<Cold>(library, { task: 'cold', ...files })
          if (failed(result)) throw new Error(`${library}: ${result.failed}`)
          if (round >= 0) samples[library].push(result)
        }
      }
      const totals = (library: LibraryName): number[] => samples[library].map(({ totalMs }) => totalMs)
      const ratio = pairedRatio(totals('onnxruntime-web'), totals('lanewise'))
      for (const library of ['lanewise', 'onnxruntime-web'] as const) {
        const of = (part: keyof Cold): string =>
          milliseconds(summarize(samples[library].map((sample) => sample[part])).median)
        const times = library === 'lanewise' ? '' : `${ratio.ratio.toFixed(1)}× ± ${(100 * ratio.noise).toFixed(0)} %`
        lines.push(
          `| ${work.name} | ${library} | ${of('importMs')} | ${of('createMs')} | ${of('runMs')} | ${of('totalMs')} | ${times} |`,
        )
      }
      rows.push({ name: work.name, ratio, samples })
    }
    return {
      report: { suite: 'cold', quick: run.options.quick, environment: processes.describe(), rows },
      text: lines.join('\n'),
    }
  } finally {
    processes.dispose()
  }
}
