import { build, type Plugin } from 'esbuild'
import { join } from 'node:path'

/** The server's threads are those of the bench. */
const benchThreads: Plugin = {
  name: 'bench-threads',
  setup({ onResolve }) {
    onResolve({ filter: /\/thread-file\.js$/ }, () => ({ path: join(import.meta.dirname, 'thread-file.ts') }))
  },
}

/** The server with any engine inside, as `bench/dist/serve-server.mjs` and `serve-thread.mjs`. */
export async function bundleServer(benchRoot: string): Promise<void> {
  await build({
    entryPoints: {
      'serve-server': join(benchRoot, 'serve', 'server.ts'),
      'serve-thread': join(benchRoot, 'serve', 'thread.ts'),
    },
    outdir: join(benchRoot, 'dist'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'es2022',
    packages: 'external',
    plugins: [benchThreads],
    logLevel: 'warning',
  })
}
