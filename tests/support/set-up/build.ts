import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { bundlesAreStale } from '../../../scripts/bundle/bundles.js'
import { compile, staleTargets, targets, type Target } from '../../../scripts/kernels.js'
import { installInto, packLibrary, root } from '../package.js'

/**
 * Makes what tests run and is not there, or was made of other sources: kernels, declarations, bundles; and for the
 * tests that need it an app with the packed library. `npm test` needs no other step. With LANEWISE_KERNELS
 * (`npm run test:kernels`) only the targets that it names, and no bundle.
 */
export default async function setup(project: TestProject): Promise<(() => void) | undefined> {
  const { LANEWISE_KERNELS } = process.env
  if (LANEWISE_KERNELS) {
    await compile(staleTargets(LANEWISE_KERNELS.split(',') as Target[]))
    return undefined
  }
  // What takes long and only some tests need: named test files that need none of it do without.
  const named = process.argv.filter((argument) => argument.includes('tests/'))
  const needs = (files: RegExp) => named.length === 0 || named.some((argument) => files.test(argument))
  await compile(staleTargets(targets.filter((target) => needs(/threads|isolated/) || !target.endsWith('-threads'))))
  const npmRun = (script: string) => execFileSync('npm', ['run', '--silent', script], { stdio: 'inherit', cwd: root })
  if (!existsSync(join(root, 'dist/types/node.d.ts'))) npmRun('build:types')
  if (bundlesAreStale()) npmRun('build:js')
  if (!needs(/tests\/(api|docs|platforms|runtimes)/)) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'lanewise-packed-'))
  const app = join(folder, 'app')
  const packed = packLibrary(folder)
  installInto(app, packed)
  project.provide('installed', { app, files: packed.files })
  return () => rmSync(folder, { recursive: true, force: true })
}
