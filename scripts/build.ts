// Everything in dist/: the kernels first, then bundles and declarations beside each other, which both need them.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { compile, staleTargets } from './kernels.js'

/** Runs another script of this folder. @throws if it fails: what went wrong it has said itself. */
function script(name: string): Promise<void> {
  const path = fileURLToPath(new URL(name, import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', path], { stdio: 'inherit' })
  return new Promise((done, fail) => {
    child.on('error', fail)
    child.on('exit', (code) => (code === 0 ? done() : fail(new Error(`${name} failed`))))
  })
}

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
await compile(staleTargets())
await Promise.all(['build-types.ts', 'build-js.ts'].map(script))
