import type { InferenceSession } from '../../src/api/session.js'

/** What runs here, for people. */
export function engineName({ build, threads }: Pick<InferenceSession, 'build' | 'threads'>): string {
  const browser = /(Firefox|Edg|Chrome|Version)\/(\d+)/.exec(navigator.userAgent)
  const name = { Edg: 'Edge', Version: 'Safari' }[browser?.[1] ?? ''] ?? browser?.[1] ?? 'this browser'
  return `lanewise ${build}${threads > 1 ? `, ${threads} threads` : ''}, ${name} ${browser?.[2] ?? ''}`.trim()
}
