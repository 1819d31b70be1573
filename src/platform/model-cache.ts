// Models that stay in the browser: loaded with the session option `cache`.
import { log } from '../core/env.js'
import { LanewiseError } from '../core/errors.js'
import { Sha256 } from '../core/sha256.js'
import { opfsStore } from './blob-store.js'
import { download, type ReadOptions } from './download.js'

/**
 * Larger files lie in the origin's private file system, which keeps them as they are: browsers take long for such
 * entries of a cache.
 */
const LARGE = 2 ** 27
/** What an entry was on the server, and where its bytes are if they are not in it. */
const [VERSION, PLACE] = ['lanewise-version', 'lanewise-place']

/** What the server calls this version of the file; undefined if it does not say. */
function versionOf({ headers }: Response): string | undefined {
  return headers.get('etag') ?? headers.get('last-modified') ?? undefined
}

/**
 * The bytes of a model from the cache of this name if the server still has the same version (ETag, else Last-Modified)
 * or cannot be reached; otherwise from the network, and kept. What cannot be kept is a warning.
 *
 * @param read - reads it where there is no Cache API (Node, pages without https).
 * @throws LanewiseError as {@link download}.
 */
export async function cachedModel(
  location: string | URL,
  name: string,
  read: (location: string | URL, options: ReadOptions) => Promise<Uint8Array>,
  options: ReadOptions = {},
): Promise<Uint8Array> {
  const storage = globalThis.caches as CacheStorage | undefined
  const url = new URL(location, globalThis.location?.href).href
  if (!storage || !/^https?:/.test(url)) return read(location, options)
  const { signal } = options
  const cache = await storage.open(name)
  const kept = await cache.match(url)
  // Asked for its head alone, the server need not send what is here; a condition in the request would be refused by
  // other origins.
  const head = kept && (await fetch(url, { method: 'HEAD', cache: 'no-cache', signal }).catch(() => undefined))
  if (kept && (!head || versionOf(head) === kept.headers.get(VERSION))) {
    const file = kept.headers.get(PLACE)
    const bytes = file ? await (await opfsStore(name)).read(file) : await download(kept, options)
    if (bytes) return bytes
  }
  const response = await fetch(url, { cache: 'no-cache', signal }).catch((cause: Error) => {
    if (signal?.aborted) throw new LanewiseError('E_STATE', 'loading the model was aborted', { cause })
    throw new LanewiseError('E_EXTERNAL', `the model ${url} cannot be fetched: ${cause.message}`, { cause })
  })
  const version = versionOf(response)
  const bytes = await download(response, options)
  if (version === undefined) return bytes
  try {
    // Caches of servers (Cloudflare) keep only what says for how long.
    const headers = new Headers({
      [VERSION]: version,
      'content-length': String(bytes.length),
      'cache-control': 'max-age=31536000',
    })
    const large = bytes.length > LARGE
    if (large) {
      const hash = new Sha256()
      hash.update(new TextEncoder().encode(url))
      const file = hash.hex()
      await (await opfsStore(name)).write(file, [bytes])
      headers.set(PLACE, file)
      headers.delete('content-length')
    }
    await cache.put(url, new Response(large ? null : (bytes as Uint8Array<ArrayBuffer>), { headers }))
  } catch (error) {
    log('warning', `the model ${url} is not kept: ${(error as Error).message}`)
  }
  return bytes
}
