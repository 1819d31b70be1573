// Emits the type declarations of src/ and bindings/ into dist/types.
import { execFileSync } from 'node:child_process'
import { copyFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
rmSync('dist/types', { recursive: true, force: true })
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json'], { stdio: 'inherit' })
// tsc takes a declaration file as an input and does not copy it.
for (const name of ['exports', 'train-exports'])
  copyFileSync(`bindings/${name}.d.ts`, `dist/types/bindings/${name}.d.ts`)
