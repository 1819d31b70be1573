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
  // Builds with threads take as long again: named test files that say nothing of threads do without.
  const named = process.argv.filter((argument) => argument.includes('tests/'))
  const all = named.length === 0 || named.some((argument) => /threads/.test(argument))
  await compile(staleTargets(targets.filter((target) => all || !target.endsWith('-threads'))))
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const npmRun = (script: string) => execFileSync('npm', ['run', '--silent', script], { stdio: 'inherit', cwd: root })
  if (!existsSync(join(root, 'dist/types/node.d.ts'))) npmRun('build:types')
  npmRun('build:js')
}
