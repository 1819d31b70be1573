import { evaluating } from '../../src/nn/module.js'
import { captionTokens, F, type Variable } from '../../src/train.js'
import { severalOf, type CaptionModel } from './networks.js'

/** Tokens that no caption has: they are never said. */
export const unsaid: readonly number[] = [captionTokens.padding, captionTokens.start, captionTokens.unknown]

/** How captions are made. */
export interface CaptionDrawing {
  /** Words of a caption at most. */
  readonly most: number
  /**
   * Captions of each picture, drawn by the device's random numbers; without it the likeliest word is taken each time,
   * for one caption of each.
   */
  readonly samples?: number
}

/**
 * Captions by a model that is being trained, in evaluation mode and without a record: those of the first picture come
 * first. `<END>` is the last token of each that did not reach the limit.
 *
 * @param input - what the model is told of the pictures, [N, …].
 */
export function drawnCaptions(model: CaptionModel, input: Variable, { most, samples }: CaptionDrawing): number[][] {
  const { device } = model
  return evaluating(model, () =>
    device.noGrad(() => {
      let state = severalOf(model.begin(input), samples ?? 1)
      const captions = Array.from({ length: input.shape[0] * (samples ?? 1) }, (): number[] => [])
      let running = captions
      let tokens = Int32Array.from(running, () => captionTokens.start)
      for (let length = 0; length < most; length++) {
        const made = model.step(device.tensor(tokens, [running.length, 1]), state)
        const shares = F.softmax(made.scores).data() as Float32Array
        const words = shares.length / running.length
        for (const [row, caption] of running.entries()) {
          const own = shares.subarray(row * words, (row + 1) * words)
          for (const token of unsaid) own[token] = 0
          caption.push(samples === undefined ? largest(own) : drawn(own, device.random.uniform()))
        }
        // Captions that have ended are left out of the steps that follow.
        const going = [...running.keys()].filter((row) => running[row].at(-1) !== captionTokens.end)
        if (going.length === 0) break
        state = made.state
        if (going.length < running.length) {
          const rows = device.tensor(Int32Array.from(going), [going.length])
          state = state.map((value) => F.indexSelect(value, 0, rows))
          running = going.map((row) => running[row])
        }
        tokens = Int32Array.from(running, (caption) => caption[length])
      }
      return captions
    }),
  )
}

/** The place at which the sum of shares passes a part of their sum. @param at - from 0 to below 1. */
function drawn(shares: Float32Array, at: number): number {
  let total = 0
  for (let i = 0; i < shares.length; i++) total += shares[i]
  let left = at * total
  let last = 0
  for (let i = 0; i < shares.length; i++) {
    if (shares[i] === 0) continue
    last = i
    left -= shares[i]
    if (left < 0) break
  }
  return last
}

function largest(shares: Float32Array): number {
  let best = 0
  for (let i = 1; i < shares.length; i++) if (shares[i] > shares[best]) best = i
  return best
}
