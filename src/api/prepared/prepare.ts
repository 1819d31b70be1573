import type { Build } from '../../../bindings/module.js'
import type { GlobalType } from '../tensor-types.js'
import type { SessionOptions } from '../session-options.js'
import type { PreparedOption } from './write.js'

/** How a model is prepared: options of sessions that decide what is computed, which are then those of its sessions. */
export interface PrepareOptions extends Pick<SessionOptions, PreparedOption> {
  /**
   * The build of the kernels that is to run it, or all that this engine can run. Default `all`; with `deterministic` it
   * is `simd`.
   */
  readonly build?: Build | 'all'
}

/**
 * Prepares a model for a quick start: a file (`.lw`) with the graph as passes have rewritten it and the weights as
 * kernels read them, which `InferenceSession.create` takes in place of the model, by the same version of Lanewise, with
 * the same results bit for bit. Where inputs have fixed sizes (or `freeDimensionOverrides` gives them), weights are
 * kept only as they are packed for these; else also as they are, and packed for the sizes of `warmUp`, if given.
 *
 * @param model - as for `InferenceSession.create`.
 * @returns the bytes of the file.
 * @throws LanewiseError as `InferenceSession.create`; `E_UNSUPPORTED` for a build that this engine cannot run, and for
 *   attributes of a user's operators that are neither numbers, texts, tensors nor graphs.
 *
 * @example
 * import { InferenceSession, prepare } from 'lanewise'
 *
 * const prepared = await prepare('model.onnx') // to be kept: on a disk, behind a URL
 * const session = await InferenceSession.create(prepared)
 * console.log(session.inputNames)
 */
export async function prepare(
  model:
    | string
    | URL
    | Uint8Array
    | ArrayBufferLike
    | GlobalType<'Response', never>
    | GlobalType<'Blob', never>
    | GlobalType<'ReadableStream', never>,
  options?: PrepareOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  return (await import('./write.js')).writePrepared(model, options)
}
