import { build, type BuildOptions } from 'esbuild'
import { fileURLToPath } from 'node:url'

/** The list of conformance.ts as a module that imports nothing. */
export async function bundledList(): Promise<string> {
  const options = {
    entryPoints: [fileURLToPath(new URL('conformance.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
  } as const satisfies BuildOptions
  const { outputFiles } = await build(options)
  return outputFiles[0].text
}
