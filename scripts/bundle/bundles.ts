// Whether the bundles in dist/ are those of the sources: what `npm run build:js` writes down, and the tests ask.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fingerprint, isStale, root } from './record.js'

const record = join(root, 'dist/bundles.sources')

/** Changes with any source of a bundle, the kernels in it, what bundles it and the packages it takes code from. */
const sources = () =>
  fingerprint(['src', 'bindings', 'dist/wasm'], /\.(ts|js|css|sources)$/, [
    'scripts/build-js.ts',
    'scripts/bundle/bundles.ts',
    'scripts/bundle/pure-calls.ts',
    'scripts/bundle/twins.ts',
    'package.json',
    'package-lock.json',
  ])

/** Whether there are no bundles, or those of other sources. */
export function bundlesAreStale(): boolean {
  return isStale(record, sources)
}

/** Notes what the bundles were made of. */
export function recordBundles(): void {
  writeFileSync(record, sources())
}
