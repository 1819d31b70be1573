import { randomBytes } from 'node:crypto'
import { open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { LanewiseError } from '../../core/errors.js'
import { sha256Of } from '../../platform/checksum.js'
import { makeFolder, readBytes, reasonOf } from '../../platform/node-files.js'

/**
 * Where a run of scoring keeps what its workers share: its plan, the model, the shards, the result. Names are relative,
 * with `/` between folders. A folder that all of them see is one; a module that exports `openStore(location)` makes
 * another, such as a bucket of objects.
 */
export interface ShardStore {
  /** The bytes of an object; undefined if there is none of that name. */
  read(name: string): Promise<Uint8Array | undefined>
  /** Puts an object into its place whole or not at all, over one of the same name. */
  write(name: string, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void>
  /** The names of all objects in a folder, which may not be there yet. */
  list(folder: string): Promise<readonly string[]>
}

/** What is being written, by the machine and process that do; whoever dies leaves one behind. */
const TEMPORARY = /(?:\.([0-9a-f]{8})-(\d+)-[0-9a-f]{16})?\.tmp$/
const MACHINE = sha256Of(hostname()).slice(0, 8)
/** Milliseconds after which nobody of another machine is still writing. */
const LONG_AGO = 86_400_000

/** A folder as a store: objects are files that are written beside their place, flushed to the disk and renamed. */
export function folderStore(location: string): ShardStore {
  const root = resolve(location)
  return {
    async read(name) {
      try {
        return await readBytes(join(root, name))
      } catch (error) {
        if ((error as { cause?: NodeJS.ErrnoException }).cause?.code === 'ENOENT') return undefined
        throw error
      }
    },
    async write(name, pieces) {
      const path = join(root, name)
      const temporary = `${path}.${MACHINE}-${process.pid}-${randomBytes(8).toString('hex')}.tmp`
      try {
        const file = await openNew(temporary)
        try {
          for await (const piece of pieces as AsyncIterable<Uint8Array>) await file.writeFile(piece)
          await file.sync()
        } finally {
          await file.close()
        }
        await rename(temporary, path)
        await flush(dirname(path))
      } catch (cause) {
        await rm(temporary, { force: true })
        if (cause instanceof LanewiseError) throw cause
        throw new LanewiseError('E_EXTERNAL', `cannot write "${path}": ${reasonOf(cause)}`, { cause })
      }
    },
    async list(folder) {
      const names = await namesIn(join(root, folder))
      return names.filter((name) => !TEMPORARY.test(name))
    },
  }
}

/** The folder is there but for the first time. */
async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    makeFolder(dirname(path))
    return open(path, 'wx')
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new LanewiseError('E_EXTERNAL', `cannot list "${folder}": ${reasonOf(cause)}`, { cause })
  }
}

/** So that the new name lasts. Windows cannot open folders; its file system keeps renames by itself. */
async function flush(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Where a store is: a folder, or what a module makes of a location. */
export interface StorePlace {
  readonly location: string
  /** A path or URL of a module that exports `openStore(location)`. */
  readonly module?: string
}

/** @throws LanewiseError `E_VALUE` if the module makes no store. */
export async function openStore({ location, module }: StorePlace): Promise<ShardStore> {
  if (module === undefined) return folderStore(location)
  const href = /^\w+:/.test(module) ? module : pathToFileURL(resolve(module)).href
  const { openStore: make } = (await import(href)) as { openStore?: (location: string) => unknown }
  const store = typeof make === 'function' ? await make(location) : undefined
  const known = store as Partial<ShardStore> | undefined
  if (![known?.read, known?.write, known?.list].every((each) => typeof each === 'function'))
    throw new LanewiseError(
      'E_VALUE',
      `${module} must export openStore(location), which makes a store of three functions`,
    )
  return store as ShardStore
}

/** Of a folder: what those left behind who died while they wrote. Others may be writing at this moment. */
export async function removeLeftovers(location: string, folders: readonly string[]): Promise<void> {
  for (const folder of folders)
    for (const name of await namesIn(join(location, folder))) {
      const path = join(location, folder, name)
      if (await isLeftover(path)) await rm(path, { force: true })
    }
}

async function isLeftover(path: string): Promise<boolean> {
  const temporary = TEMPORARY.exec(path)
  if (!temporary) return false
  const [, machine, pid] = temporary
  if (machine === MACHINE && !isAlive(Number(pid))) return true
  try {
    return Date.now() - (await stat(path)).mtimeMs > LONG_AGO
  } catch {
    // It has got its name by now.
    return false
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // EPERM: it is another user's.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
