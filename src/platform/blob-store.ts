import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'

/** Named bytes that last: what a browser has in place of a folder. */
export interface BlobStore {
  /** Where it is, for messages. */
  readonly place: string
  /** The names that are there, in no order that can be relied on. */
  names(): Promise<readonly string[]>
  /** @returns undefined if there is none of this name. */
  read(name: string): Promise<Uint8Array | undefined>
  /** Puts bytes under a name, whole or not at all. */
  write(name: string, pieces: readonly Uint8Array[]): Promise<void>
  /** Removes the bytes of a name; nothing happens if there are none. */
  remove(name: string): Promise<void>
}

/** What browsers throw, as errors of this library. */
async function attempt<T>(place: string, what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new LanewiseError('E_EXTERNAL', `cannot ${what} in ${place}: ${(cause as Error).message}`, { cause })
  }
}

/**
 * A folder of the origin's private file system (OPFS), in a page or a worker. What is written takes its place when it
 * is whole.
 *
 * @param path - folders, made if they are not there: 'runs/first'.
 * @throws LanewiseError `E_UNSUPPORTED` where there is none (it needs a secure context: https or localhost),
 *   `E_EXTERNAL` if the browser refuses.
 */
export async function opfsStore(path: string): Promise<BlobStore> {
  checkArguments('opfsStore', { path }, 'string')
  const place = `the private file system, ${JSON.stringify(path)}`
  const storage = globalThis.navigator?.storage as StorageManager | undefined
  if (typeof storage?.getDirectory !== 'function')
    throw new LanewiseError(
      'E_UNSUPPORTED',
      'there is no private file system here: it needs a browser and https or localhost',
    )
  const folder = await attempt(place, 'make the folder', async () => {
    let current = await storage.getDirectory()
    for (const part of path.split('/').filter(Boolean))
      current = await current.getDirectoryHandle(part, { create: true })
    return current
  })
  return {
    place,
    names: () =>
      attempt(place, 'list', async () => {
        const names: string[] = []
        for await (const name of folder.keys()) names.push(name)
        return names.sort()
      }),
    read: (name) =>
      attempt(place, `read ${name}`, async () => {
        try {
          const file = await (await folder.getFileHandle(name)).getFile()
          return new Uint8Array(await file.arrayBuffer())
        } catch (error) {
          if ((error as Error).name === 'NotFoundError') return undefined
          throw error
        }
      }),
    write: (name, pieces) =>
      attempt(place, `write ${name}`, async () => {
        const handle = await folder.getFileHandle(name, { create: true })
        // Bytes go into another file, which takes this one's place when it is closed.
        const stream = await handle.createWritable()
        try {
          for (const piece of pieces) await stream.write(piece as Uint8Array<ArrayBuffer>)
          await stream.close()
        } catch (error) {
          await stream.abort().catch(() => undefined)
          throw error
        }
      }),
    remove: (name) =>
      attempt(place, `remove ${name}`, async () => {
        await folder.removeEntry(name).catch((error: Error) => {
          if (error.name !== 'NotFoundError') throw error
        })
      }),
  }
}

const STORE = 'files'

/**
 * A database of the browser (IndexedDB), in a page or a worker; it needs no secure context.
 *
 * @throws LanewiseError `E_UNSUPPORTED` where there is none, `E_EXTERNAL` if the browser refuses.
 */
export async function indexedDbStore(name: string): Promise<BlobStore> {
  checkArguments('indexedDbStore', { name }, 'string')
  const place = `the database ${JSON.stringify(name)}`
  const factory = globalThis.indexedDB as IDBFactory | undefined
  if (!factory) throw new LanewiseError('E_UNSUPPORTED', 'there is no IndexedDB here: it needs a browser')
  const database = await attempt(place, 'open', () => {
    const request = factory.open(name, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(STORE)
    return settled(request)
  })
  /** One transaction: it is done when everything in it is on its way to the disk. */
  const run = <T>(mode: IDBTransactionMode, what: string, work: (files: IDBObjectStore) => IDBRequest<T>) =>
    attempt(place, what, async () => {
      const transaction = database.transaction(STORE, mode)
      const done = new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve()
        transaction.onabort = () => reject(transaction.error ?? new Error('the transaction was aborted'))
      })
      const [result] = await Promise.all([settled(work(transaction.objectStore(STORE))), done])
      return result
    })
  return {
    place,
    names: async () => (await run('readonly', 'list', (files) => files.getAllKeys())).map(String).sort(),
    read: (key) => run('readonly', `read ${key}`, (files) => files.get(key) as IDBRequest<Uint8Array | undefined>),
    write: async (key, pieces) => {
      const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
      let at = 0
      for (const piece of pieces) {
        bytes.set(piece, at)
        at += piece.length
      }
      await run('readwrite', `write ${key}`, (files) => files.put(bytes, key))
    },
    remove: async (key) => void (await run('readwrite', `remove ${key}`, (files) => files.delete(key))),
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new Error('the request failed'))
  })
}
