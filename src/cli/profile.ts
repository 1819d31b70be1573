import { present } from '../core/errors.js'
import { writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { ProfileEntry } from '../api/profile.js'
import { choiceFlag, numberFlag, onlyModel, textFlag, type Command } from './command.js'
import { flamePage } from './flame.js'
import { audioFlags } from './files/audio.js'
import { imageFlags } from './files/image.js'
import { inputFlags, makeFeeds } from './inputs.js'
import { describeEngine, loadSession, sessionFlags } from './load.js'
import { bytesText, median, msText, tableLines } from '../core/table.js'

export const profile: Command = {
  name: 'profile',
  summary: 'shows what each node takes',
  usage: 'MODEL [--html FILE] [options]',
  flags: {
    ...inputFlags,
    ...imageFlags,
    ...audioFlags,
    html: { type: 'string', value: 'FILE', help: 'write the run as a flame view, one page that needs nothing else' },
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
    const session = await loadSession(model, flags)
    const feeds = await makeFeeds(session, flags, 'random')
    await session.run(feeds)
    const runs: (readonly ProfileEntry[])[] = []
    for (let i = 0; i < repeat; i++) {
      await session.run(feeds, undefined, { profile: true })
      runs.push(present(session.lastProfile, 'profile'))
    }
    const entries = medians(runs)
    const totalMs = entries.reduce((sum, entry) => sum + entry.ms, 0)
    const rows = by === 'op' ? byOperator(entries) : entries.map((entry) => ({ ...entry, count: 1 }))
    const shown = [...rows].sort((a, b) => b.ms - a.ms).slice(0, top)
    print(`${describeEngine(session)}: ${msText(totalMs)} in ${entries.length} steps, medians of ${repeat} runs`)
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
      await writeFile(html, flamePage(basename(model), entries))
      print()
      print(`wrote ${html}`)
    }
    result({ model, build: session.build, totalMs, runs: repeat, nodes: entries })
    await session.release()
  },
}

/** The steps of the runs with their times in the middle. Where data decides what runs, the last run stands alone. */
function medians(runs: readonly (readonly ProfileEntry[])[]): ProfileEntry[] {
  const last = runs[runs.length - 1]
  const same = runs.filter((run) => run.length === last.length && run.every((entry, i) => entry.node === last[i].node))
  return last.map((entry, i) => {
    const ms = median(same.map((run) => run[i].ms))
    return { ...entry, ms, gflops: entry.flops && ms > 0 ? entry.flops / ms / 1e6 : undefined }
  })
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
