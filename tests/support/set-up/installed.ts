import { cpSync } from 'node:fs'
import { inject } from 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    /**
     * An app with the packed library, which tests/support/set-up/build.ts has made once for all tests, and what is in
     * the package.
     */
    installed: { readonly app: string; readonly files: readonly string[] }
  }
}

/**
 * Makes a new project with the packed library installed, as a user would install it. @returns paths of the files in the
 * package.
 */
export function installedIn(folder: string): readonly string[] {
  const { app, files } = inject('installed')
  cpSync(app, folder, { recursive: true, verbatimSymlinks: true })
  return files
}
