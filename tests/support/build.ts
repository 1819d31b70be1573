import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile, staleTargets, targets } from '../../scripts/kernels.js'

/**
 * Compiles the kernels whose sources have changed, declarations if there are none, and the bundles always, since tests run them: `npm test` needs no
 * other step. With LANEWISE_KERNELS=simd only what tests of bare kernels need: one target, no bundle.
 */
export default async function setup(): Promise<void> {
  if (process.env.LANEWISE_KERNELS === 'simd') {
    await compile(staleTargets(['inference-simd']))
    return
  }
  await compile(staleTargets(targets))
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const npmRun = (script: string) => execFileSync('npm', ['run', '--silent', script], { stdio: 'inherit', cwd: root })
  if (!existsSync(join(root, 'dist/types/node.d.ts'))) npmRun('build:types')
  npmRun('build:js')
}
