/** In the place of src/serve/thread-file.ts: the program of the bench's threads, which run any engine. */
export function threadFile(): URL {
  return new URL('./serve-thread.mjs', import.meta.url)
}
