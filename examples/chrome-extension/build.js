import { build } from 'esbuild'
import { cpSync } from 'node:fs'

await build({
  entryPoints: ['popup.js', 'background.js'],
  bundle: true,
  format: 'esm',
  minify: true,
  outdir: 'dist',
  logLevel: 'warning',
})
cpSync('node_modules/lanewise/dist/wasm', 'dist/wasm', { recursive: true })
for (const file of ['../digits.onnx', '../seven.bin', 'manifest.json', 'popup.html'])
  cpSync(file, `dist/${file.replace('../', '')}`)
