import type { Resident, Slope } from '../fresh-process.js'
import { geometricMean, median } from '../statistics.js'
import { failed, FreshProcesses, type FreshRun, type LibraryName } from './fresh.js'
import { modelWorks } from './models.js'

const mega = (bytes: number): string => (bytes / 1e6).toFixed(1)

/** Resident memory of a process that loads and runs a model, per engine, and what a thousand sessions leave behind. */
export async function run(run: FreshRun): Promise<{ report: object; text: string }> {
  const { quick, filter } = run.options
  const processes = await FreshProcesses.create(run)
  try {
    const wanted = new RegExp(filter, 'i')
    const rows: object[] = []
    const shares: number[] = []
    const lines = [
      '## memory',
      '',
      `${processes.describe()}. Resident memory in MB beyond that of the bare process: after loading and three runs, and the most there was.`,
      '',
      '| model | Lanewise after | peak | onnxruntime-web after | peak | peak, share |',
      '|---|--:|--:|--:|--:|--:|',
    ]
    let slopes: string[] = []
    for (const make of modelWorks()) {
      const work = make()
      if (!wanted.test(work.name)) continue
      const files = processes.save(work)
      const measured: Partial<Record<LibraryName, Resident>> = {}
      const problems: string[] = []
      for (const library of ['lanewise', 'onnxruntime-web'] as const) {
        const results = Array.from({ length: quick ? 1 : 3 }, () =>
          processes.start<Resident>(library, { task: 'resident', ...files }),
        )
        const good = results.filter((result): result is Resident => !failed(result))
        const bad = results.find(failed)
        if (bad) problems.push(`${library}: ${bad.failed}`)
        else
          measured[library] = {
            before: median(good.map((r) => r.before)),
            after: median(good.map((r) => r.after - r.before)),
            peak: median(good.map((r) => r.peak - r.before)),
          }
      }
      const { lanewise: ours, 'onnxruntime-web': theirs } = measured
      const cells = [ours, theirs].flatMap((one) => (one ? [mega(one.after), mega(one.peak)] : ['', '']))
      const share = ours && theirs ? ours.peak / theirs.peak : undefined
      if (share) shares.push(share)
      lines.push(
        `| ${work.name} | ${cells.join(' | ')} | ${share ? `${(100 * share).toFixed(0)} %` : problems.join('; ')} |`,
      )
      rows.push({ name: work.name, ...measured, problems })
      if (work.name.startsWith('mnist-8/')) slopes = slopesOf(run, processes, files, rows)
    }
    if (shares.length > 0)
      lines.push(
        '',
        `Peak as a share of onnxruntime-web's: geometric mean ${(100 * geometricMean(shares)).toFixed(0)} %, worst ${(100 * Math.max(...shares)).toFixed(0)} %.`,
      )
    return {
      report: { suite: 'memory', quick, environment: processes.describe(), rows },
      text: [...lines, ...slopes].join('\n'),
    }
  } finally {
    processes.dispose()
  }
}

/** What a session leaves behind when it is released, and what a run leaves behind. */
function slopesOf(
  { options }: FreshRun,
  processes: FreshProcesses,
  files: ReturnType<FreshProcesses['save']>,
  rows: object[],
): string[] {
  const cycles = options.quick ? 100 : options.cycles
  const lines = ['', '| engine | | times | bytes of resident memory each |', '|---|---|--:|--:|']
  const repeats = [
    { what: 'cycles', times: cycles },
    { what: 'runs', times: 5 * cycles },
  ] as const
  const libraries: readonly LibraryName[] = options.vs.includes('onnxruntime-web')
    ? ['lanewise', 'onnxruntime-web']
    : ['lanewise']
  for (const library of libraries) {
    for (const repeat of repeats) {
      const result = processes.start<Slope>(library, { task: 'slope', repeat, ...files })
      const what = repeat.what === 'cycles' ? 'create, run, release' : 'runs of one session'
      if (failed(result)) lines.push(`| ${library} | ${what} | | ${result.failed} |`)
      else lines.push(`| ${library} | ${what} | ${result.times} | ${result.each.toFixed(1)} |`)
      rows.push({ name: 'slope', library, ...repeat, ...result })
    }
  }
  return lines
}
