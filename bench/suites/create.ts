import { geometricMean, pairedRatio, summarize, type Ratio } from '../statistics.js'
import type { Created } from '../fresh-process.js'
import { milliseconds } from '../report.js'
import { failed, FreshProcesses, type FreshRun, type LibraryName } from './fresh.js'
import { modelWorks } from './models.js'

const kinds = ['lanewise', 'prepared', 'onnxruntime-web'] as const
type Kind = (typeof kinds)[number]

interface Row {
  readonly name: string
  readonly samples: Partial<Record<Kind, Created>>
  /**
   * How many times as fast: a session and its first run as onnxruntime-web's; making one of a prepared model as of the
   * model itself; that with the first run.
   */
  readonly web: Ratio | undefined
  readonly prepared: Ratio | undefined
  readonly preparedWithRun: Ratio | undefined
}

/**
 * From a file to a session, and its first run: in one process per engine, one session after the other, after a first
 * one that is not counted.
 */
export async function run(run: FreshRun): Promise<{ report: object; text: string }> {
  const processes = await FreshProcesses.create(run)
  try {
    const { quick, clock, filter } = run.options
    const wanted = new RegExp(filter || '^(mnist-8|squeezenet|light_|mediapipe|silero|gtcrn|yolox)')
    const rows: Row[] = []
    for (const make of modelWorks()) {
      const work = make()
      if (!wanted.test(work.name)) continue
      const files = processes.save(work)
      const samples: Partial<Record<Kind, Created>> = {}
      for (const kind of kinds) {
        const library: LibraryName = kind === 'prepared' ? 'lanewise' : kind
        const sessions = { times: quick ? 3 : 15, clock, prepared: kind === 'prepared' }
        const result = processes.start<Created>(library, { task: 'create', ...files, sessions })
        // onnxruntime-web does not run all of these models.
        if (failed(result)) console.log(`${work.name}, ${kind}: ${result.failed}`)
        else samples[kind] = result
      }
      rows.push({ name: work.name, samples, ...ratios(samples) })
    }
    const web = rows.flatMap((row) => (row.web ? [row.web.ratio] : []))
    const lines = [
      '## create',
      '',
      `${processes.describe()}, ${clock === 'cpu' ? 'processor time' : 'wall clock'}, medians, ms.`,
      '',
      '| model | create | first run | prepared: create | first run | onnxruntime-web: create | first run | × with run | × prepared | × prepared, with run |',
      '|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|',
      ...rows.map(line),
      '',
      `geometric mean against onnxruntime-web ${geometricMean(web).toFixed(2)}, worst ${Math.min(...web).toFixed(2)}`,
    ]
    return {
      report: { suite: 'create', quick, environment: processes.describe(), rows },
      text: lines.join('\n'),
    }
  } finally {
    processes.dispose()
  }
}

function ratios(samples: Row['samples']): Pick<Row, 'web' | 'prepared' | 'preparedWithRun'> {
  const { lanewise, prepared, 'onnxruntime-web': web } = samples
  const whole = ({ createMs, runMs }: Created): number[] => createMs.map((ms, i) => ms + runMs[i])
  return {
    web: lanewise && web && pairedRatio(whole(web), whole(lanewise)),
    prepared: lanewise && prepared && pairedRatio(lanewise.createMs, prepared.createMs),
    preparedWithRun: lanewise && prepared && pairedRatio(whole(lanewise), whole(prepared)),
  }
}

function line({ name, samples, web, prepared, preparedWithRun }: Row): string {
  const times = kinds.flatMap((kind) => {
    const { createMs, runMs } = samples[kind] ?? {}
    return [createMs, runMs].map((all) => milliseconds(all && summarize(all).median))
  })
  const factors = [web, prepared, preparedWithRun].map((ratio) => ratio?.ratio.toFixed(2) ?? '')
  return `| ${[name, ...times, ...factors].join(' | ')} |`
}
