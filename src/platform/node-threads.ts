// Threads in Node, Bun and Deno.
import { readFileSync } from 'node:fs'
import { builtin } from './builtin.js'
import type { ThreadHost } from './platform.js'

export const startThread: ThreadHost['startThread'] = (ended) => {
  const { Worker } = builtin('node:worker_threads')
  const worker = new Worker(new URL('./thread.js', import.meta.url), {
    name: 'lanewise',
    // What the process was started with may be loaders, or a program to evaluate.
    execArgv: [],
  })
  worker.unref()
  // An error ends it, and another is started for the next session.
  worker.on('error', () => undefined)
  worker.on('exit', ended)
  return { post: (message) => worker.postMessage(message), end: () => void worker.terminate() }
}

export const startSession: ThreadHost['startSession'] = (heard, ended) => {
  const { Worker } = builtin('node:worker_threads')
  const worker = new Worker(new URL('../../dist/session-worker-node.js', import.meta.url), {
    name: 'lanewise session',
    execArgv: [],
  })
  let why: string | undefined
  worker.on('message', heard)
  worker.on('messageerror', (error) => ended(error.message))
  worker.on('error', (error) => (why = error.message))
  worker.on('exit', () => ended(why))
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    busy: (is) => (is ? worker.ref() : worker.unref()),
    end: () => void worker.terminate(),
  }
}

export function maySleep(): boolean {
  return true
}

/**
 * Cores that this process may use: fewer than there are if it is bound to some, or if its control group has a quota.
 */
export function cores(): number {
  return Math.max(1, Math.min(builtin('node:os').availableParallelism(), Math.floor(granted() + 0.5)))
}

export function quota(): string {
  const cores = granted()
  return cores < builtin('node:os').availableParallelism()
    ? `: its control group grants ${Number(cores.toFixed(2))}`
    : ''
}

/** Processor time per time that the control group grants, in cores. */
function granted(): number {
  try {
    // "0::/path" is version 2; "4:cpu,cpuacct:/path" version 1.
    const groups = readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n')
    let least = Infinity
    for (const group of groups) {
      const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(group) ?? []
      const first = controllers === ''
      if (!first && !controllers.split(',').includes('cpu')) continue
      // A quota of any group above holds as well.
      for (let at = path; ; at = at.slice(0, at.lastIndexOf('/'))) {
        least = Math.min(least, first ? quotaIn(`/sys/fs/cgroup${at}`) : quotaBefore(`/sys/fs/cgroup/cpu${at}`))
        if (!at || at === '/') break
      }
    }
    return least
  } catch {
    return Infinity
  }
}

function quotaIn(folder: string): number {
  const [most = 'max', period] = textOf(`${folder}/cpu.max`).trim().split(' ')
  return ratio(most, period)
}

function quotaBefore(folder: string): number {
  return ratio(textOf(`${folder}/cpu.cfs_quota_us`), textOf(`${folder}/cpu.cfs_period_us`))
}

function ratio(most: string, period: string): number {
  const cores = Number(most) / Number(period)
  return cores > 0 ? cores : Infinity
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
