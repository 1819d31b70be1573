// Compiles assembly/ into dist/wasm and keeps, of the bindings that asc generates, only the types.
// Arguments name targets of asconfig.json; without any, all are built.
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const targets = ['inference-simd', 'inference-relaxed', 'inference-debug', 'train-simd', 'train-relaxed']

const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)
mkdirSync('dist/wasm', { recursive: true })
for (const target of process.argv.length > 2 ? process.argv.slice(2) : targets) {
  // The prefix names the list of exports: assembly/abi/inference.ts or assembly/abi/train.ts.
  const entry = `assembly/abi/${target.split('-')[0]}.ts`
  execFileSync(process.execPath, ['node_modules/assemblyscript/bin/asc.js', entry, '--target', target], {
    stdio: 'inherit',
  })
}
keepTypes('inference-simd', 'exports')
keepTypes('train-simd', 'train-exports')

function keepTypes(target: string, name: string): void {
  if (!existsSync(`dist/wasm/${target}.d.ts`)) return
  copyFileSync(`dist/wasm/${target}.d.ts`, `bindings/${name}.d.ts`)
  rmSync(`dist/wasm/${target}.d.ts`)
  rmSync(`dist/wasm/${target}.js`)
}
