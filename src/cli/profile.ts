import { readFile, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { ProfileEntry } from '../api/profile.js'
import { measureDevice, type DeviceRates } from '../inspect/peaks.js'
import { parseProfile, type RunProfile } from '../inspect/profile-file.js'
import { profileRun } from '../inspect/run-profile.js'
import {
  choiceFlag,
  numberFlag,
  numbersFlag,
  onlyModel,
  textFlag,
  UsageError,
  type Command,
  type Flags,
} from './command.js'
import { audioFlags } from './files/audio.js'
import { imageFlags } from './files/image.js'
import { inputFlags, makeFeeds } from './inputs.js'
import { describeEngine, loadSession, sessionFlags } from './load.js'
import { bytesText, msText, tableLines } from '../core/table.js'

export const profile: Command = {
  name: 'profile',
  summary: 'shows what each node takes',
  usage: 'MODEL [--html FILE] [options]',
  flags: {
    ...inputFlags,
    ...imageFlags,
    ...audioFlags,
    html: {
      type: 'string',
      value: 'FILE',
      help: 'write a page that needs nothing else: timeline, totals, roofline, memory',
    },
    against: { type: 'string', value: 'FILE', help: 'what `profile --json` wrote before: beside this run in the page' },
    threads: {
      type: 'string',
      value: 'N[,N]',
      help: 'threads to use; two numbers are two runs, beside each other in the page',
    },
    by: { type: 'string', value: 'node|op', help: 'one line for each node (default) or each operator' },
    top: { type: 'string', value: 'K', help: 'only the K that take longest' },
    repeat: { type: 'string', value: 'N', help: 'runs, of which medians are shown (default 10)' },
    ...sessionFlags,
  },

  async run(invocation) {
    const { flags, print, result } = invocation
    const model = onlyModel(invocation)
    const repeat = numberFlag(flags, 'repeat', { least: 1, whole: true }) ?? 10
    const top = numberFlag(flags, 'top', { least: 1, whole: true })
    const by = choiceFlag(flags, 'by', ['node', 'op']) ?? 'node'
    const html = textFlag(flags, 'html')
    const counts = threadsFlag(flags)
    const against = textFlag(flags, 'against')
    const other = against === undefined ? undefined : parseProfile(await readFile(against, 'utf8'), against)
    const profiles: RunProfile[] = []
    let device: DeviceRates | undefined
    for (const threads of counts) {
      const session = await loadSession(model, flags, { threads })
      device ??= html === undefined ? undefined : await measureDevice(session.build)
      const feeds = await makeFeeds(session, flags, 'random')
      const engine = describeEngine(session)
      profiles.push(await profileRun(session, feeds, { model: basename(model), engine, repeat, device }))
      await session.release()
    }
    const [{ nodes: entries, totalMs, engine, build }] = profiles
    const rows = by === 'op' ? byOperator(entries) : entries.map((entry) => ({ ...entry, count: 1 }))
    const shown = [...rows].sort((a, b) => b.ms - a.ms).slice(0, top)
    print(`${engine}: ${msText(totalMs)} in ${entries.length} steps, medians of ${repeat} runs`)
    for (const { engine, totalMs } of profiles.slice(1)) print(`${engine}: ${msText(totalMs)}`)
    print()
    const columns = [
      { title: 'ms', right: true },
      { title: '%', right: true },
      { title: 'GFLOP/s', right: true },
      { title: 'bytes', right: true },
      { title: 'operator' },
      { title: 'kernel', most: 30 },
      { title: by === 'op' ? 'nodes' : 'node', most: 60 },
    ]
    const cells = shown.map((row) => [
      row.ms.toFixed(3),
      ((100 * row.ms) / totalMs).toFixed(1),
      row.gflops?.toFixed(1) ?? '',
      row.bytes ? bytesText(row.bytes) : '',
      row.op,
      row.kernel,
      by === 'op' ? String(row.count) : row.node,
    ])
    tableLines(columns, cells).forEach(print)
    if (html !== undefined) {
      // A chunk of its own, which lies where its file names the script of the page.
      const { profileHtml } = await import('./profile-html.js')
      await writeFile(html, await profileHtml([...profiles, ...(other ? [other] : [])]))
      print()
      print(`wrote ${html}`)
    }
    result({ ...profiles[0], model, build, ...(profiles.length > 1 && { profiles }) })
  },
}

/** The counts of `--threads 1,2`. */
function threadsFlag(flags: Flags): readonly number[] {
  const counts = numbersFlag(flags, 'threads') ?? [1]
  if (counts.some((count) => !Number.isInteger(count) || count < 1))
    throw new UsageError('--threads is one or several whole numbers: 1,2')
  return counts
}

function byOperator(entries: readonly ProfileEntry[]): (ProfileEntry & { count: number })[] {
  const groups = new Map<string, ProfileEntry[]>()
  for (const entry of entries) groups.set(entry.op, [...(groups.get(entry.op) ?? []), entry])
  return [...groups].map(([op, group]) => {
    const sum = (field: (entry: ProfileEntry) => number) => group.reduce((total, entry) => total + field(entry), 0)
    const ms = sum((entry) => entry.ms)
    const flops = sum((entry) => entry.flops ?? 0)
    const kernels = [...new Set(group.map((entry) => entry.kernel))]
    return {
      node: '',
      op,
      kernel: kernels.join(', '),
      ms,
      flops,
      gflops: flops && ms > 0 ? flops / ms / 1e6 : undefined,
      bytes: sum((entry) => entry.bytes),
      count: group.length,
    }
  })
}
