// Compiles assembly/ into dist/wasm and keeps, of the bindings that asc generates, only the types.
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)
mkdirSync('dist/wasm', { recursive: true })
for (const target of process.argv.length > 2 ? process.argv.slice(2) : ['inference-simd', 'inference-relaxed', 'inference-debug']) {
  execFileSync(process.execPath, ['node_modules/assemblyscript/bin/asc.js', 'assembly/inference.ts', '--target', target], { stdio: 'inherit' })
}
copyFileSync('dist/wasm/inference-simd.d.ts', 'bindings/exports.d.ts')
rmSync('dist/wasm/inference-simd.d.ts')
rmSync('dist/wasm/inference-simd.js')
