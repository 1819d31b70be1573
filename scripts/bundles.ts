// Whether the bundles in dist/ are those of the sources: what `npm run build:js` writes down, and the tests ask.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const record = join(root, 'dist/bundles.sources')

/** Changes with any source of a bundle, the kernels in it, what bundles it and the packages it takes code from. */
function fingerprint(): string {
  const hash = createHash('sha256')
  const inFolder = (folder: string) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|js|sources)$/.test(name))
      .map((name) => `${folder}/${name}`)
      .sort()
  const sources = ['src', 'bindings', 'dist/wasm'].flatMap(inFolder)
  for (const path of [...sources, 'scripts/build-js.ts', 'scripts/bundles.ts', 'package.json', 'package-lock.json'])
    hash
      .update(path)
      .update('\0')
      .update(readFileSync(join(root, path)))
      .update('\0')
  return hash.digest('hex')
}

/** Whether there are no bundles, or those of other sources. */
export function bundlesAreStale(): boolean {
  return !existsSync(record) || readFileSync(record, 'utf8') !== fingerprint()
}

/** Notes what the bundles were made of. */
export function recordBundles(): void {
  writeFileSync(record, fingerprint())
}
