// Scores shards here, or works for a queue, or submits to one: a line for each shard that is done. The library as it
// was built.
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { ScoreOptions } from '../../src/serve.js'

export interface Role {
  readonly role: 'here' | 'work' | 'submit'
  readonly root: string
  readonly options: ScoreOptions
}

/**
 * What is written after each shard: milliseconds of processor time so far, of each thread of the process where the
 * system tells (Linux).
 */
function tell(): void {
  const { user, system } = process.cpuUsage()
  process.stdout.write(`${JSON.stringify(ofThreads() ?? { all: (user + system) / 1000 })}\n`)
}

function ofThreads(): Record<string, number> | undefined {
  const tasks = '/proc/self/task'
  try {
    const spent = (thread: string) => Number(readFileSync(`${tasks}/${thread}/schedstat`, 'utf8').split(' ')[0])
    return Object.fromEntries(readdirSync(tasks).map((thread) => [thread, spent(thread) / 1e6]))
  } catch {
    return undefined
  }
}

const { role, root, options } = JSON.parse(process.argv[2]) as Role
const built = (file: string): unknown => createRequire(import.meta.url)(`${root}/dist/${file}`)
built('ops/all-node.js')
const library = built('serve.js') as typeof import('../../src/serve.js')
if (role === 'work') {
  const worker = await library.work({ queue: options.queue ?? '', cache: options.cache, onShard: tell })
  process.on('SIGTERM', () => void worker.close().then(() => process.exit()))
} else {
  let before = 0
  await library.score({
    ...options,
    onProgress({ done }) {
      if (role === 'here') for (; before < done; before++) tell()
    },
  })
}
