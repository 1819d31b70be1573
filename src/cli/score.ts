import { homedir } from 'node:os'
import { join } from 'node:path'
import { work as startWorker } from '../serve/score/queue.js'
import { SCORE_BOUNDS, score as runScore, scoreStatus, type ScoreProgress } from '../serve/score/score.js'
import {
  choiceFlag,
  listFlag,
  numberFlag,
  onlyModel,
  textFlag,
  UsageError,
  type Command,
  type Flag,
} from './command.js'
import { imageFlags, imageOptions } from './files/image.js'
import { buildFlag, sessionFlags } from './load.js'
import { untilSignal } from './signal.js'

const queueFlags: Readonly<Record<string, Flag>> = {
  queue: { type: 'string', value: 'URL', help: 'the Redis of the queue, e.g. redis://127.0.0.1:6379' },
  store: { type: 'string', value: 'MODULE', help: 'a module that makes stores of locations that are no folders' },
  cache: { type: 'string', value: 'DIR', help: 'where this machine keeps models (default ~/.cache/lanewise/models)' },
}

const cacheOf = (given: string | undefined): string => given ?? join(homedir(), '.cache', 'lanewise', 'models')

export const score: Command = {
  name: 'score',
  summary: 'scores a whole data set in shards, here or by workers',
  usage: 'MODEL --input SRC --output DST (--queue URL | --local N)',
  flags: {
    input: { type: 'string', value: 'SRC', help: 'a folder of pictures, or a .npy, .npz, .jsonl or .csv file' },
    output: { type: 'string', value: 'DST', help: 'the folder of the run, which all workers see' },
    local: { type: 'string', value: 'N', help: 'score in N threads of this process, without Redis' },
    resume: { type: 'boolean', help: 'go on with a run that was broken off; what was given up is tried again' },
    status: { type: 'boolean', help: 'only say how far the run in DST is' },
    shard: { type: 'string', value: 'N', help: 'items of a shard (default 256)' },
    batch: { type: 'string', value: 'N', help: 'the most rows that are run as one (default 32)' },
    header: { type: 'string', value: 'yes|no', help: 'whether the first row of a .csv file names its columns' },
    fetch: { type: 'string', multiple: true, value: 'NAME', help: 'an output to keep (default: all)' },
    ...queueFlags,
    ...imageFlags,
    build: sessionFlags.build,
  },

  async run(invocation) {
    const { flags, print, result } = invocation
    const [queue, store] = [textFlag(flags, 'queue'), textFlag(flags, 'store')]
    const output = textFlag(flags, 'output')
    if (output === undefined) throw new UsageError('--output DST is missing')
    if (flags.status === true) {
      const status = await scoreStatus({ output, queue, store })
      print(`run ${status.run}: ${status.done} of ${status.shards} shards${status.joined ? ', joined' : ''}`)
      if (status.queue) {
        const { waiting, active, delayed, workers, failed } = status.queue
        print(`queue: ${waiting} waiting, ${active} running, ${delayed} to be tried again; ${workers} workers`)
        for (const { shard, reason } of failed) print(`given up: shard ${shard}: ${reason}`)
      }
      return result(status)
    }
    const model = onlyModel(invocation)
    const input = textFlag(flags, 'input')
    const local = numberFlag(flags, 'local', SCORE_BOUNDS.local)
    if (input === undefined) throw new UsageError('--input SRC is missing')
    if ((queue === undefined) === (local === undefined)) throw new UsageError('say either --queue URL or --local N')
    const fetched = listFlag(flags, 'fetch')
    const header = choiceFlag(flags, 'header', ['yes', 'no'])
    const bar = new ProgressBar()
    const manifest = await runScore({
      model,
      input,
      output,
      queue,
      local,
      store,
      cache: cacheOf(textFlag(flags, 'cache')),
      resume: flags.resume === true,
      shardSize: numberFlag(flags, 'shard', SCORE_BOUNDS.shardSize),
      batch: numberFlag(flags, 'batch', SCORE_BOUNDS.batch),
      outputs: fetched.length > 0 ? fetched : undefined,
      header: header === undefined ? undefined : header === 'yes',
      picture: imageOptions(flags),
      build: buildFlag(flags),
      onProgress: (progress) => bar.show(progress),
    }).finally(() => bar.end())
    print(`${manifest.scored} scored, ${manifest.failed} failed`)
    for (const { name, lines, bytes } of manifest.files) print(`${join(output, name)}: ${lines} lines, ${bytes} bytes`)
    result(manifest)
    // One item that is at fault does not stop the rest; if all are, it is not the items.
    if (manifest.scored === 0 && manifest.failed > 0) process.exitCode = 1
  },
}

export const work: Command = {
  name: 'work',
  summary: 'takes shards of "lanewise score" from a queue until it is stopped',
  usage: '--queue URL [options]',
  flags: {
    threads: { type: 'string', value: 'N', help: 'shards at a time (default 1)' },
    within: { type: 'string', value: 'DIR', help: 'refuse runs whose output does not lie in this folder' },
    stall: { type: 'string', value: 'MS', help: 'when a worker counts as dead (default 30000)' },
    ...queueFlags,
  },

  async run({ positionals, flags, print }) {
    const queue = textFlag(flags, 'queue')
    if (queue === undefined) throw new UsageError('--queue URL is missing')
    if (positionals.length > 0) throw new UsageError('a worker takes what is in the queue; it is given no model')
    const worker = await startWorker({
      queue,
      threads: numberFlag(flags, 'threads', { least: 1, most: 256, whole: true }),
      cache: cacheOf(textFlag(flags, 'cache')),
      within: textFlag(flags, 'within'),
      store: textFlag(flags, 'store'),
      stall: numberFlag(flags, 'stall', { least: 100, whole: true }),
      onShard: ({ plan, shard, scored, failed, error }) =>
        print(
          error === undefined ? `${plan} ${shard}: ${scored} scored, ${failed} failed` : `${plan} ${shard}: ${error}`,
        ),
    })
    print('waiting for shards')
    await untilSignal()
    print('finishing what was taken')
    await worker.close()
  },
}

/** Milliseconds between two lines where there is no terminal. */
const LINE_EVERY = 10_000

/**
 * On standard error: how far it is, how quick, and how long it takes. A bar on a terminal, else a line now and then.
 */
class ProgressBar {
  private readonly begun = performance.now()
  private lastLine = performance.now()
  private first: number | undefined
  private alone = false
  private readonly terminal = process.stderr.isTTY

  show({ shards, done, items, workers }: ScoreProgress): void {
    // What an earlier run has done says nothing of this one's pace.
    this.first ??= items
    if (workers === 0 && !this.alone)
      this.line(
        'no worker is on the queue: start "lanewise work --queue …" on the machines that have the source and the output',
      )
    // Of a look that does not ask nothing is known.
    if (workers !== undefined) this.alone = workers === 0
    const now = performance.now()
    const rate = ((items - this.first) / (now - this.begun)) * 1000
    const left = rate > 0 ? ((items / Math.max(done, 1)) * (shards - done)) / rate : undefined
    const time = left === undefined ? '' : `, ${Math.ceil(left)} s left`
    const text = `${done}/${shards} shards, ${rate.toFixed(1)} items/s${time}`
    if (this.terminal) {
      const filled = Math.floor((30 * done) / shards)
      process.stderr.write(`\r[${'#'.repeat(filled)}${'.'.repeat(30 - filled)}] ${text}\x1b[K`)
    } else if (now - this.lastLine >= LINE_EVERY) {
      this.lastLine = now
      process.stderr.write(`${text}\n`)
    }
  }

  private line(text: string): void {
    process.stderr.write(`${this.terminal ? '\r\x1b[K' : ''}${text}\n`)
  }

  end(): void {
    if (this.terminal && this.first !== undefined) process.stderr.write('\n')
  }
}
