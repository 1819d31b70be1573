// What something in a folder that git does not keep was made of: written down beside it, and compared before it is made
// again.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Changes with any of the files, and of those in the folders whose names fit. All of them are named from the root. */
export function fingerprint(folders: readonly string[], fits: RegExp, files: readonly string[]): string {
  const hash = createHash('sha256')
  const inFolder = (folder: string) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => fits.test(name))
      .map((name) => `${folder}/${name}`)
      .sort()
  for (const path of [...folders.flatMap(inFolder), ...files])
    hash
      .update(path)
      .update('\0')
      .update(readFileSync(join(root, path)))
      .update('\0')
  return hash.digest('hex')
}

/** Whether a record is not there, or another. */
export function isStale(record: string, now: () => string): boolean {
  return !existsSync(record) || readFileSync(record, 'utf8') !== now()
}
