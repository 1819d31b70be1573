import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe } from 'vitest'
import { sharedRoot } from './shared-root.js'

/** A path below the shared folder, or undefined with the reason printed. */
export function sharedPath(...parts: string[]): string | undefined {
  const path = join(sharedRoot, ...parts)
  if (existsSync(path)) return path
  console.log(`skipped: ${join('shared', ...parts)} is not there (set LANEWISE_SHARED to the folder that holds it)`)
  return undefined
}

/** A `describe` that is skipped, with the reason printed, unless the path below the shared folder exists. */
export function skipUnlessShared(name: string, parts: string[], body: (path: string) => void): void {
  const path = sharedPath(...parts)
  describe.skipIf(path === undefined)(name, () => {
    if (path !== undefined) body(path)
  })
}
