import { realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { LanewiseError } from '../../core/errors.js'
import { reasonOf } from '../../platform/node-files.js'
import type { ShardTask } from './score-thread.js'

/** What a job holds. Where code is loaded from is not among it: whoever can write to the queue must not choose that. */
export type Task = Pick<ShardTask, 'plan' | 'shard'> & { readonly location: string }

/**
 * Whoever can write to Redis could have sent this.
 *
 * @param within - the folder in which outputs have to lie, wherever symbolic links lead.
 * @throws LanewiseError `E_VALUE` if it is no job, or one for another place; `E_EXTERNAL` if that cannot be found out.
 */
export async function checkedTask(data: unknown, within: string | undefined): Promise<Task> {
  const { plan, shard, location } = (data ?? {}) as Partial<Record<keyof Task, unknown>>
  if (typeof plan !== 'string' || typeof location !== 'string' || !Number.isSafeInteger(shard) || Number(shard) < 0)
    throw new LanewiseError('E_VALUE', 'the job is none of a run of scoring')
  if (within !== undefined) {
    const root = await realPlace(resolve(within))
    // The folder of the run, and the one in it that is written to.
    for (const place of [location, join(location, 'shards')])
      if (!`${await realPlace(resolve(place))}${sep}`.startsWith(root.endsWith(sep) ? root : `${root}${sep}`))
        throw new LanewiseError('E_VALUE', `${location} does not lie in ${within}`)
  }
  return { plan, shard: Number(shard), location }
}

/** Where a path leads, of which the last parts may not be there yet. */
async function realPlace(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (cause) {
    const above = dirname(path)
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT' && above !== path)
      return join(await realPlace(above), basename(path))
    throw new LanewiseError('E_EXTERNAL', `cannot look at "${path}": ${reasonOf(cause)}`, { cause })
  }
}
