// What reaches for Node has a twin for browsers: the bundles of dist/ and the page of site/ put it in its place.
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

const twins: Readonly<Record<string, string>> = {
  'src/train-node.ts': 'src/train-browser.ts',
  'src/train/folder-log.ts': 'src/train/no-folder-log.ts',
  'src/platform/node-files.ts': 'src/platform/browser-files.ts',
  'src/platform/optional.ts': 'src/platform/browser-files.ts',
  'src/platform/run-lock.ts': 'src/platform/browser-files.ts',
}

/** Which imports may have one: a filter that costs nothing for all others. */
export const mayHaveTwin = /\/(train-node|folder-log|node-files|optional|run-lock)\.js$/

/** The path of the file that stands for what a file in `folder` imports, if there is one. */
export function browserTwin(imported: string, folder: string): string | undefined {
  const file = relative(root, join(folder, imported)).replaceAll('\\', '/').replace(/js$/, 'ts')
  return Object.hasOwn(twins, file) ? resolve(root, twins[file]) : undefined
}
