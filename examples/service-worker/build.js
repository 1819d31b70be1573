import { build } from 'esbuild'
import { cpSync } from 'node:fs'

// One classic script: service workers have no dynamic import, and not everywhere modules.
await build({
  entryPoints: ['service-worker.js', 'page.js'],
  bundle: true,
  format: 'iife',
  minify: true,
  outdir: 'dist',
  logLevel: 'warning',
})
for (const file of ['../digits.onnx', '../seven.bin', 'index.html']) cpSync(file, `dist/${file.replace('../', '')}`)
