import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Builds the kernels if nobody has, and the bundles always, since tests run them: `npm test` needs no other step. */
export default function setup(): void {
  const built = fileURLToPath(new URL('../../dist/wasm/inference-debug.wasm', import.meta.url))
  const options = { stdio: 'inherit', cwd: fileURLToPath(new URL('../..', import.meta.url)) } as const
  if (!existsSync(built)) execFileSync('npm', ['run', '--silent', 'build:wasm'], options)
  execFileSync('npm', ['run', '--silent', 'build:js'], options)
}
