import { build } from 'esbuild'
import { join } from 'node:path'

/**
 * tfjs with its gradients and both backends, as one module: what its package gives to Node knows no gradients, and a
 * file that adds them would add them to another copy.
 */
export async function bundleTfjs(benchRoot: string): Promise<void> {
  const contents = `
    export * from '@tensorflow/tfjs-core'
    import '@tensorflow/tfjs-core/dist/register_all_gradients'
    import '@tensorflow/tfjs-backend-cpu'
    export { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm'`
  await build({
    stdin: { contents, resolveDir: benchRoot },
    outfile: join(benchRoot, 'dist', 'tfjs-training.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'es2022',
    mainFields: ['module', 'main'],
    // Some of its dependencies are CommonJS and ask for Node's modules.
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); const __dirname = import.meta.dirname; const __filename = import.meta.filename",
    },
    logLevel: 'error',
  })
}
