// The one place where data and training meet the file system of Node.
import {
  closeSync,
  constants,
  createReadStream,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  promises,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'
import { LanewiseError, type ErrorCode } from '../core/errors.js'
import { builtin } from './builtin.js'

/** `fs.writeSync` and `fs.readSync` take at most 2^31 − 1 bytes at once. */
const MAX_PIECE = 2 ** 30
/** Files of so many bytes are read at once. */
const SMALL_BYTES = 2 ** 20
/** A FIFO must not keep whoever opens it waiting for a writer. (Windows has neither flag.) */
const NONBLOCK = constants.O_NONBLOCK ?? 0
const NOFOLLOW = constants.O_NOFOLLOW ?? 0

/** What an error says, without the code, the call and the path that Node adds to what the system says. */
export function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  return /^E[A-Z0-9]+: (.*?), [a-z]+(?: '.*')?$/s.exec(message)?.[1] ?? message
}

function fail(code: ErrorCode, what: string, path: string, cause: unknown): never {
  throw new LanewiseError(code, `${what} ${JSON.stringify(path)}: ${reasonOf(cause)}`, { cause })
}

/** The file a location names; undefined if it is on the network, or its bytes are in the location itself. */
export function filePath(location: string | URL): string | undefined {
  const text = String(location)
  if (text.startsWith('file:')) return fileURLToPath(text)
  return /^(https?:|blob:|data:[^,]*,)/i.test(text) ? undefined : text
}

export function joinPath(...parts: readonly string[]): string {
  return join(...parts)
}

/** Machine and process, for names of files that two of them must not share. */
export function processName(): string {
  return `${builtin('node:os').hostname()}.${process.pid}`
}

/** SHA-256 of bytes that come piece by piece: Node's own takes at most 2^31 − 1 at once. */
export class Sha256 {
  private readonly hash = builtin('node:crypto').createHash('sha256')

  update(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += MAX_PIECE) this.hash.update(bytes.subarray(at, at + MAX_PIECE))
  }

  /** Ends it. @returns 64 hexadecimal digits. */
  hex(): string {
    return this.hash.digest('hex')
  }
}

/** Unpacks zlib's format. @throws an error with the code `ERR_BUFFER_TOO_LARGE` for more than `limit` bytes. */
export function inflate(packed: Uint8Array, limit: number): Uint8Array {
  return builtin('node:zlib').inflateSync(packed, { maxOutputLength: limit })
}

export function fileExists(path: string): boolean {
  return existsSync(path)
}

/**
 * The bytes of a file. What has no end, or none yet (a device, a FIFO), is no file.
 *
 * @param limit - refuse a file with more bytes.
 * @param what - what the file is, for the error.
 * @throws LanewiseError `E_EXTERNAL` (or `code`) if the file cannot be read; `E_BUDGET` over the limit.
 */
export async function readBytes(
  path: string,
  limit = Infinity,
  code: ErrorCode = 'E_EXTERNAL',
  what?: string,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const small = readSmall(path, limit)
    if (small) return small
    const file = await promises.open(path, constants.O_RDONLY | NONBLOCK)
    try {
      const stats = await file.stat()
      checkFile(path, stats, limit)
      const bytes = new Uint8Array(stats.size)
      for (let done = 0; done < bytes.length;) {
        const { bytesRead } = await file.read(bytes, done, Math.min(bytes.length - done, MAX_PIECE), done)
        if (bytesRead === 0) return bytes.slice(0, done)
        done += bytesRead
      }
      return bytes
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (cause instanceof LanewiseError) throw cause
    if (what === undefined) fail(code, 'cannot read', path, cause)
    throw new LanewiseError(code, `${what} ${JSON.stringify(path)} cannot be read: ${reasonOf(cause)}`, {
      cause,
    })
  }
}

/** A file that is read sooner than a thread could be asked for it; undefined if it is larger. */
function readSmall(path: string, limit: number): Uint8Array<ArrayBuffer> | undefined {
  const file = openSync(path, constants.O_RDONLY | NONBLOCK)
  try {
    const stats = fstatSync(file)
    checkFile(path, stats, limit)
    if (stats.size > SMALL_BYTES) return undefined
    const bytes = new Uint8Array(stats.size)
    let done = 0
    for (let got = 1; done < bytes.length && got > 0; done += got)
      got = readSync(file, bytes, done, bytes.length - done, done)
    return done < bytes.length ? bytes.slice(0, done) : bytes
  } finally {
    closeSync(file)
  }
}

function checkFile(
  path: string,
  stats: { isFile(): boolean; isDirectory(): boolean; size: number },
  limit: number,
): void {
  if (!stats.isFile()) throw new Error(stats.isDirectory() ? 'it is a folder' : 'it is no regular file')
  if (stats.size > limit)
    throw new LanewiseError(
      'E_BUDGET',
      `${JSON.stringify(path)} has ${stats.size} bytes, more than the limit of ${limit}`,
      {
        expected: `<= ${limit}`,
        actual: String(stats.size),
      },
    )
}

/** As {@link readBytes}, at once: where a run must not go on meanwhile. */
export function readBytesNow(path: string): Uint8Array<ArrayBuffer> {
  return readNow(path, (read, size) => {
    const bytes = new Uint8Array(size)
    read(bytes, 0)
    return bytes
  })
}

/**
 * Reads parts of a file at once, one after the other or in any order.
 *
 * @param work - is given a function that fills bytes from a place in the file, and the file's size.
 * @param follow - whether the path may be a symbolic link.
 * @throws LanewiseError `E_EXTERNAL` if the file cannot be read; what `work` throws.
 */
export function readNow<T>(
  path: string,
  work: (read: (into: Uint8Array, from: number) => void, size: number) => T,
  follow = true,
): T {
  try {
    const file = openSync(path, constants.O_RDONLY | NONBLOCK | (follow ? 0 : NOFOLLOW))
    try {
      const stats = fstatSync(file)
      checkFile(path, stats, Infinity)
      const read = (into: Uint8Array, from: number): void => {
        for (let done = 0; done < into.length;) {
          const got = readSync(file, into, done, Math.min(into.length - done, MAX_PIECE), from + done)
          if (got === 0) throw new Error('it became shorter while it was read')
          done += got
        }
      }
      return work(read, stats.size)
    } finally {
      closeSync(file)
    }
  } catch (cause) {
    if (cause instanceof LanewiseError) throw cause
    fail('E_EXTERNAL', 'cannot read', path, cause)
  }
}

/** Another thread that runs a program, CommonJS, with `data` as its workerData. */
export function startThread(program: string, data: unknown): Worker {
  return new (builtin('node:worker_threads').Worker)(program, { eval: true, workerData: data })
}

/** Bytes of a file that is there. */
export function fileSize(path: string): number {
  return statSync(path).size
}

/** The file piece by piece. @throws LanewiseError `E_EXTERNAL` if it cannot be read. */
export async function* readPieces(path: string): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 2 ** 18 })) yield piece as Uint8Array
  } catch (cause) {
    fail('E_EXTERNAL', 'cannot read', path, cause)
  }
}

/**
 * Names of files and of folders in a folder, each in the order of their characters. @throws LanewiseError `E_EXTERNAL`.
 */
export async function listFolder(path: string): Promise<{ files: string[]; folders: string[] }> {
  try {
    const entries = await promises.readdir(path, { withFileTypes: true })
    // A picture may well be a link to one; what a link points to is found out when it is read.
    const names = (folder: boolean) =>
      entries
        .filter((entry) => isFolder(path, entry) === folder)
        .map(({ name }) => name)
        .sort()
    return { files: names(false), folders: names(true) }
  } catch (cause) {
    fail('E_EXTERNAL', 'cannot list', path, cause)
  }
}

function isFolder(path: string, entry: { name: string; isDirectory(): boolean; isSymbolicLink(): boolean }): boolean {
  return (
    entry.isDirectory() ||
    (entry.isSymbolicLink() && (statSync(join(path, entry.name), { throwIfNoEntry: false })?.isDirectory() ?? false))
  )
}

/** Names of the files in a folder, symbolic links not among them; none if it is not there. */
export function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => name)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return []
    fail('E_EXTERNAL', 'cannot list', folder, cause)
  }
}

/** Makes a folder and those above it. @throws LanewiseError `E_EXTERNAL`. */
export function makeFolder(path: string): void {
  try {
    makeMissing(resolve(path))
  } catch (cause) {
    fail('E_EXTERNAL', 'cannot make the folder', path, cause)
  }
}

/**
 * Node's own `recursive` never ends where a folder that is there takes no others and says so by ENOENT, as /proc does.
 */
function makeMissing(path: string): void {
  try {
    mkdirSync(path)
  } catch (cause) {
    const above = dirname(path)
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT' && !existsSync(above)) {
      makeMissing(above)
      makeMissing(path)
    } else if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw cause
  }
}

/** Removes a file that may be gone already. */
export function removeFile(path: string): void {
  rmSync(path, { force: true })
}

/** A file that is written at its end. */
export interface OpenFile {
  /** @throws LanewiseError `E_EXTERNAL` if it cannot be written, `E_STATE` after close. */
  write(bytes: Uint8Array): void
  close(): void
}

/**
 * Opens a file to write at its end, empties it first if asked to, and makes it if it is not there.
 *
 * @throws LanewiseError `E_EXTERNAL` if it cannot be written, is a symbolic link (what that points to may be anybody's)
 *   or no file.
 */
export function appendTo(path: string, empty: boolean): OpenFile {
  makeFolder(dirname(path))
  let file: number | undefined
  try {
    const { O_WRONLY, O_CREAT, O_TRUNC, O_APPEND } = constants
    file = openSync(path, O_WRONLY | O_CREAT | (empty ? O_TRUNC : O_APPEND) | NOFOLLOW | NONBLOCK, 0o666)
    checkFile(path, fstatSync(file), Infinity)
  } catch (cause) {
    if (file !== undefined) closeSync(file)
    fail('E_EXTERNAL', 'cannot write', path, cause)
  }
  return {
    write(bytes) {
      if (file === undefined) throw new LanewiseError('E_STATE', `${path} was closed`)
      try {
        writeAll(file, bytes)
      } catch (cause) {
        fail('E_EXTERNAL', 'cannot write', path, cause)
      }
    },
    close() {
      if (file !== undefined) closeSync(file)
      file = undefined
    },
  }
}

/**
 * Puts a file into its place whole or not at all: written beside it under another name, flushed to the disk, then
 * renamed, and the folder flushed so that the new name lasts too. Whoever reads the path sees the old file or the new
 * one, whenever the process or the machine stops.
 *
 * @throws LanewiseError `E_EXTERNAL` if it cannot be written.
 */
export function writeAtomically(path: string, pieces: readonly Uint8Array[]): void {
  // A name that nobody can foresee, and never a file that is there: others may write to the folder, too.
  const temporary = `${path}.${builtin('node:crypto').randomBytes(8).toString('hex')}.tmp`
  let made = false
  try {
    const file = openSync(temporary, 'wx')
    made = true
    try {
      for (const piece of pieces) writeAll(file, piece)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
    flushFolder(dirname(path))
  } catch (cause) {
    if (made) rmSync(temporary, { force: true })
    fail('E_EXTERNAL', 'cannot write', path, cause)
  }
}

/** Writes all of the bytes to an open file: one call may write less. */
function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;)
    done += writeSync(file, bytes, done, Math.min(bytes.length - done, MAX_PIECE))
}

function flushFolder(folder: string): void {
  // Windows cannot open folders; its file system keeps renames by itself.
  if (process.platform === 'win32') return
  const file = openSync(folder, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
