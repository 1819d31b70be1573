import { LanewiseError } from '../core/errors.js'

/** The bytes of a model behind a URL. @throws LanewiseError `E_PARSE` if they cannot be had. */
export async function download(location: string | URL): Promise<Uint8Array> {
  let response: Response
  try {
    response = await fetch(location)
  } catch (cause) {
    throw new LanewiseError('E_PARSE', `the model ${String(location)} cannot be fetched: ${(cause as Error).message}`, {
      cause,
    })
  }
  if (!response.ok)
    throw new LanewiseError('E_PARSE', `the model ${String(location)} cannot be fetched: HTTP ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}
