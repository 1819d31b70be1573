// The one place where data and training meet the file system of Node.
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LanewiseError, type ErrorCode } from '../core/errors.js'

/** `fs.writeSync` takes at most 2^31 − 1 bytes at once. */
const MAX_WRITE = 2 ** 30

function fail(code: ErrorCode, what: string, path: string, cause: unknown): never {
  throw new LanewiseError(code, `${what} ${JSON.stringify(path)}: ${(cause as Error).message}`, { cause })
}

/** The file a location names; undefined if it is on the network. */
export function filePath(location: string | URL): string | undefined {
  const text = String(location)
  if (text.startsWith('file:')) return fileURLToPath(text)
  return /^https?:/.test(text) ? undefined : text
}

export function fileExists(path: string): boolean {
  return existsSync(path)
}

/** @throws LanewiseError `E_EXTERNAL` if the file cannot be read. */
export async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readFile(path)
  } catch (cause) {
    fail('E_EXTERNAL', 'cannot read', path, cause)
  }
}

/** As {@link readBytes}, at once: where a run must not go on meanwhile. */
export function readBytesNow(path: string): Uint8Array<ArrayBuffer> {
  try {
    return readFileSync(path)
  } catch (cause) {
    fail('E_EXTERNAL', 'cannot read', path, cause)
  }
}

/** The file piece by piece. @throws LanewiseError `E_EXTERNAL` if it cannot be read. */
export async function* readPieces(path: string): AsyncGenerator<Uint8Array, void, void> {
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 2 ** 18 })) yield piece as Uint8Array
  } catch (cause) {
    fail('E_EXTERNAL', 'cannot read', path, cause)
  }
}

/** Names of files and of folders in a folder, each in the order of their characters. @throws LanewiseError `E_EXTERNAL`. */
export async function listFolder(path: string): Promise<{ files: string[]; folders: string[] }> {
  try {
    const entries = await readdir(path, { withFileTypes: true })
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

/** Names in a folder; none if it is not there. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return []
    fail('E_EXTERNAL', 'cannot list', folder, cause)
  }
}

/** Makes a folder and those above it. @throws LanewiseError `E_EXTERNAL`. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
  } catch (cause) {
    fail('E_EXTERNAL', 'cannot make the folder', path, cause)
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

/** Opens a file to write at its end, empties it first if asked to, and makes it if it is not there. @throws LanewiseError `E_EXTERNAL`. */
export function appendTo(path: string, empty: boolean): OpenFile {
  makeFolder(dirname(path))
  let file: number | undefined
  try {
    file = openSync(path, empty ? 'w' : 'a')
  } catch (cause) {
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
 * Puts a file into its place whole or not at all: written beside it under another name, flushed to the disk, then renamed, and the folder flushed so
 * that the new name lasts too. Whoever reads the path sees the old file or the new one, whenever the process or the machine stops.
 *
 * @throws LanewiseError `E_EXTERNAL` if it cannot be written.
 */
export function writeAtomically(path: string, pieces: readonly Uint8Array[]): void {
  const temporary = temporaryName(path)
  try {
    const file = openSync(temporary, 'w')
    try {
      for (const piece of pieces) writeAll(file, piece)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
    flushFolder(dirname(path))
  } catch (cause) {
    rmSync(temporary, { force: true })
    fail('E_EXTERNAL', 'cannot write', path, cause)
  }
}

/** What {@link writeAtomically} calls a file that is not whole yet. */
function temporaryName(path: string): string {
  return `${path}.${process.pid}.tmp`
}

/** Writes all of the bytes to an open file: one call may write less. */
function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;)
    done += writeSync(file, bytes, done, Math.min(bytes.length - done, MAX_WRITE))
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
