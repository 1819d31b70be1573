import { randomBytes } from 'node:crypto'
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { LanewiseError } from '../core/errors.js'
import { makeFolder } from './node-files.js'

/**
 * Keys of the locks that this process holds: its number may have been that of the process before, as in a container
 * that was started again.
 */
const held = new Set<string>()

/** Who holds a folder. */
interface Holder {
  readonly host: string
  readonly pid: number
  readonly key: string
}

/**
 * Takes a folder for one run alone: two that write the same checkpoints would each remove what the other needs. What a
 * process leaves that ended without giving the folder back is taken over.
 *
 * @returns gives the folder back.
 * @throws LanewiseError `E_STATE` if another run holds it, `E_EXTERNAL` if it cannot be written.
 */
export function lockFolder(folder: string): () => void {
  makeFolder(folder)
  const path = join(folder, 'lock')
  const mine: Holder = { host: hostname(), pid: process.pid, key: randomBytes(8).toString('hex') }
  const text = JSON.stringify(mine)
  for (let attempt = 0; ; attempt++) {
    try {
      // Only if there is none, and never through a symbolic link.
      writeFileSync(path, text, { flag: 'wx' })
      held.add(mine.key)
      break
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST')
        throw new LanewiseError('E_EXTERNAL', `cannot write ${JSON.stringify(path)}: ${(cause as Error).message}`, {
          cause,
        })
    }
    const theirs = holderOf(path)
    if (attempt > 3 || (theirs !== undefined && isAlive(theirs)))
      throw new LanewiseError(
        'E_STATE',
        `another run (process ${theirs?.pid}) works in ${JSON.stringify(folder)}; if it has ended, remove ${JSON.stringify(path)}`,
      )
    takeAway(path, theirs)
  }
  return () => {
    held.delete(mine.key)
    if (holderOf(path)?.key === mine.key) rmSync(path, { force: true })
  }
}

function holderOf(path: string): Holder | undefined {
  try {
    const { host, pid, key } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Holder>
    return typeof host === 'string' && typeof pid === 'number' && typeof key === 'string'
      ? { host, pid, key }
      : undefined
  } catch {
    return undefined
  }
}

/** Whether the process may still run: one of another machine may. */
function isAlive({ host, pid, key }: Holder): boolean {
  if (host !== hostname()) return true
  if (pid === process.pid) return held.has(key)
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Removes the lock of a process that has ended, unless another run has replaced it meanwhile: then that is put back.
 */
function takeAway(path: string, theirs: Holder | undefined): void {
  const aside = `${path}.${randomBytes(8).toString('hex')}`
  try {
    renameSync(path, aside)
    if (holderOf(aside)?.key !== theirs?.key) linkSync(aside, path)
  } catch {
    // Somebody else was faster: the next attempt finds out.
  }
  rmSync(aside, { force: true, recursive: true })
}
