import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  type Stats,
} from 'node:fs'
import { join, sep } from 'node:path'
import { LanewiseError } from '../core/errors.js'
import { checkLocation, checkRange, type ExternalData } from '../onnx/external-data.js'

export interface NodeExternalOptions {
  /**
   * Accept files with more than one hard link. Refused by default: a link put into the model's folder would make any
   * file on the same volume readable through the model, and no path check can see it.
   */
  allowHardLinks?: boolean
}

/** External data that keeps the file it read last open until it is closed. */
export interface NodeExternalData extends ExternalData, Disposable {
  close(): void
}

interface OpenFile {
  location: string
  fd: number
  size: number
}

/** `fs.readSync` takes at most 2^31 - 1 bytes at once. */
const MAX_READ = 2 ** 30

/**
 * Where Linux shows what a process has open: a path that begins so starts from the very folder that is held, whatever
 * its name means by now.
 */
const HELD = '/proc/self/fd'

/**
 * Opens a file below a folder. Nobody can lead the way elsewhere in between by putting a symbolic link in the place of
 * a folder: each step starts from the folder that the one before has opened. (Other systems do not offer that to Node:
 * there it is for the caller to look at what was opened.)
 */
function openWithin(root: string, parts: readonly string[]): number {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants
  // O_NONBLOCK: should a FIFO take the file's place, opening it must not wait for a writer. (Windows has none of these
  // flags.)
  const file = O_RDONLY | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0)
  if (!existsSync(HELD)) return openSync(join(root, ...parts), file)
  let folder = openSync(root, O_RDONLY | O_DIRECTORY)
  try {
    for (const part of parts.slice(0, -1)) {
      const next = openSync(`${HELD}/${folder}/${part}`, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
      closeSync(folder)
      folder = next
    }
    return openSync(`${HELD}/${folder}/${parts.at(-1)}`, file)
  } finally {
    closeSync(folder)
  }
}

function refuse(message: string, cause?: unknown): never {
  throw new LanewiseError('E_EXTERNAL', message, { cause })
}

/**
 * External data from files at or below the folder of a model. Each folder on the way and the file itself must be what
 * they seem: no symbolic links, no hard links unless allowed, regular files only. (The folder itself is the user's
 * choice and may be a link.)
 *
 * @throws LanewiseError `E_EXTERNAL` if the folder cannot be found.
 */
export function nodeExternalData(folder: string, options: NodeExternalOptions = {}): NodeExternalData {
  const root = attempt(folder, () => realpathSync(folder))
  // One at a time: exporters write either one file for all tensors or one for each, and then there may be thousands.
  let current: OpenFile | undefined

  function attempt<T>(location: string, work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (error instanceof LanewiseError) throw error
      const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error)
      refuse(`external data "${location}" cannot be read (${reason})`, error)
    }
  }

  /** Checks every step from the folder to the file. */
  function inspect(location: string): { path: string; stats: Stats } {
    const parts = location.split('/')
    let path = root
    for (const [i, part] of parts.entries()) {
      // On NTFS "a:b" is a stream of the file a.
      if (sep === '\\' && part.includes(':')) refuse(`external data path "${location}" contains a colon`)
      path = join(path, part)
      const stats = lstatSync(path)
      if (stats.isSymbolicLink())
        refuse(`external data "${location}": "${parts.slice(0, i + 1).join('/')}" is a symbolic link`)
      if (i === parts.length - 1) return { path, stats }
      if (!stats.isDirectory())
        refuse(`external data "${location}": "${parts.slice(0, i + 1).join('/')}" is not a folder`)
    }
    refuse(`external data path "${location}" names no file`)
  }

  function open(location: string): OpenFile {
    const { path, stats } = inspect(location)
    if (!stats.isFile()) refuse(`external data "${location}" is not a regular file`)
    const fd = openWithin(root, location.split('/'))
    try {
      const opened = fstatSync(fd)
      const same = (other: Stats) => opened.dev === other.dev && opened.ino === other.ino
      // Where folders cannot be held on to, whatever was swapped for a moment must have been so at every look.
      if (!same(stats) || !opened.isFile() || realpathSync(path) !== path || !same(inspect(location).stats))
        refuse(`external data "${location}" changed while it was opened`)
      if (opened.nlink > 1 && options.allowHardLinks !== true) {
        refuse(`external data "${location}" has ${opened.nlink} hard links; allow them by option if that is meant`)
      }
      return { location, fd, size: opened.size }
    } catch (error) {
      closeSync(fd)
      throw error
    }
  }

  function close(): void {
    if (current !== undefined) closeSync(current.fd)
    current = undefined
  }

  return {
    read(location, offset, length) {
      return attempt(location, () => {
        const checked = checkLocation(location)
        if (current?.location !== checked) {
          close()
          current = open(checked)
        }
        const { fd, size } = current
        checkRange(checked, size, offset, length)
        const bytes = new Uint8Array(length)
        for (let done = 0; done < length;) {
          const got = readSync(fd, bytes, done, Math.min(length - done, MAX_READ), offset + done)
          if (got === 0) refuse(`external data "${location}" became shorter while it was read`)
          done += got
        }
        return bytes
      })
    },
    close,
    [Symbol.dispose]: close,
  }
}
