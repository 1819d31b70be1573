/** The program of a thread (src/serve-thread.ts), as the build leaves it. The build rewrites the URL for dist/. */
export function threadFile(): URL {
  return new URL('../../dist/serve/thread.js', import.meta.url)
}
