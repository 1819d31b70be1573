import type { Device, WasmAddress } from '../autograd/device.js'
import type { AdamOptions } from './methods.js'

/**
 * One update by adam_f32.
 *
 * @param addresses - parameter, gradient, both moments, and the largest second moment or 0.
 * @param powers - those of the betas.
 */
export function adamStep(
  device: Device,
  [p, g, m, v, most = 0]: readonly (WasmAddress | 0)[],
  size: number,
  by: Pick<Required<AdamOptions>, 'lr' | 'betas' | 'eps' | 'weightDecay'> & { readonly decoupled: boolean },
  [first, second]: readonly number[],
): void {
  const { lr, betas, eps, weightDecay, decoupled } = by
  device.call(
    'adam_f32',
    ...([p, g, m, v, most] as const),
    ...([size, lr, betas[0], betas[1], eps, weightDecay, Number(decoupled)] as const),
    1 - first,
    1 - second,
  )
}
