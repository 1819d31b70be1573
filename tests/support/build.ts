import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Builds the kernels and declarations if nobody has, and the bundles always, since tests run them: `npm test` needs no other step. */
export default function setup(): void {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const npmRun = (script: string) => execFileSync('npm', ['run', '--silent', script], { stdio: 'inherit', cwd: root })
  if (!existsSync(join(root, 'dist/wasm/inference-debug.wasm')) || !existsSync(join(root, 'bindings/exports.d.ts')))
    npmRun('build:wasm')
  if (!existsSync(join(root, 'dist/types/src/node.d.ts'))) npmRun('build:types')
  npmRun('build:js')
}
