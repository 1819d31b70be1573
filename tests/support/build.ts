import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Builds the kernels if nobody has: `npm test` needs no other step. */
export default function setup(): void {
  const built = fileURLToPath(new URL('../../dist/wasm/inference-debug.wasm', import.meta.url))
  if (!existsSync(built)) execFileSync('npm', ['run', 'build:wasm'], { stdio: 'inherit', cwd: fileURLToPath(new URL('../..', import.meta.url)) })
}
