import { once } from 'node:events'

/** Waits for Ctrl-C or SIGTERM; the next one ends the process at once. */
export async function untilSignal(): Promise<void> {
  const stop = new AbortController()
  const either = (['SIGINT', 'SIGTERM'] as const).map((signal) => once(process, signal, { signal: stop.signal }))
  for (const each of either) each.catch(() => undefined)
  await Promise.race(either)
  stop.abort()
}
