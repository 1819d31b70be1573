import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Packed {
  /** The tarball. */
  readonly file: string
  /** Paths of the files in it. */
  readonly files: readonly string[]
}

function npm(cwd: string, ...args: string[]): string {
  return execFileSync('npm', [...args, '--silent', '--no-audit', '--no-fund'], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/** Packs the library as it was built. */
export function packLibrary(folder: string): Packed {
  const [packed] = JSON.parse(npm(root, 'pack', '--ignore-scripts', '--json', '--pack-destination', folder)) as [
    { filename: string; files: { path: string }[] },
  ]
  return { file: join(folder, packed.filename), files: packed.files.map(({ path }) => path) }
}

/**
 * A new project with the packed library installed, as a user would install it; nothing is downloaded, since it depends
 * on nothing.
 */
export function installInto(folder: string, packed: Packed): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }))
  npm(folder, 'install', '--ignore-scripts', '--offline', packed.file)
}
