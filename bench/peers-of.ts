import type { Options } from './options.js'
import type { PeerName } from './peers/peer.js'

/** The peers that a suite is measured beside, of those that are asked for. */
export function peersOf({ suite, vs }: Pick<Options, 'suite' | 'vs'>): readonly PeerName[] {
  return vs.filter((peer) => {
    if (peer === 'one thread') return suite === 'threads'
    if (peer === 'float32') return suite === 'quantized'
    if (peer === 'jax-js') return suite === 'kernels' || suite === 'threads'
    return suite === 'kernels' || peer.startsWith('onnxruntime')
  })
}
