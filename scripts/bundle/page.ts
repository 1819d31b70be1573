// Whether the page in site/dist is that of the sources: what `npm run site` writes down, and the tests ask before they
// build one of their own.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fingerprint, isStale, root } from './record.js'

export const page = join(root, 'site/dist')
const record = join(page, 'page.sources')

/**
 * Changes with any source of the page, the kernels and models in it, what builds it and the packages it takes code
 * from.
 */
const sources = () =>
  fingerprint(
    ['src', 'bindings', 'models', 'dist/wasm', 'site/src', 'site/public'],
    /\.(ts|js|css|json|onnx|sources)$/,
    ['site/index.html', 'site/vite.config.ts', 'scripts/bundle/twins.ts', 'package-lock.json'],
  )

/** Whether there is no page, or that of other sources. */
export function pageIsStale(): boolean {
  return isStale(record, sources)
}

/** Notes what the page was made of. */
export function recordPage(): void {
  writeFileSync(record, sources())
}
