import { build } from 'esbuild'
import { cpSync } from 'node:fs'
import './models.js'

await build({
  entryPoints: ['page.js', 'render.js', 'worklet.js'],
  bundle: true,
  format: 'esm',
  minify: true,
  outdir: 'dist',
  logLevel: 'warning',
})
for (const file of ['denoiser.onnx', 'voice.onnx', 'index.html']) cpSync(file, `dist/${file}`)
