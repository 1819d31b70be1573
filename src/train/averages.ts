import type { Parameter } from '../autograd/variable.js'
import * as F from '../nn/functional.js'
import type { Module } from '../nn/module.js'
import type { Tensor } from '../api/tensor.js'

/**
 * A second set of weights: their mean over the steps, exponentially weighted (EMA) or plain (SWA, Izmailov et al.,
 * 2018).
 *
 * @internal
 */
export class AverageWeights {
  /** Updates so far. */
  count = 0
  private readonly means: ReadonlyMap<string, readonly [Parameter, Parameter]>

  constructor(
    private readonly model: Module,
    /** The share of the old mean; undefined for a plain mean. */
    private readonly decay: number | undefined,
  ) {
    const all = [...model.namedParameters(), ...model.namedBuffers()].filter(([, { dtype }]) => dtype === 'float32')
    this.means = new Map(all.map(([name, parameter]) => [name, [parameter, model.device.keep(parameter)] as const]))
  }

  /** Adds the weights as they are now. */
  update(): void {
    const { device } = this.model
    this.count++
    // The first mean is the weights themselves.
    const keep = this.count === 1 ? 0 : (this.decay ?? 1 - 1 / this.count)
    device.step(() =>
      device.noGrad(() => {
        for (const [parameter, mean] of this.means.values())
          mean.copyFrom(keep === 0 ? parameter : F.add(F.mul(mean, keep), F.mul(parameter, 1 - keep)))
      }),
    )
  }

  /** Exchanges the weights of the model and the means: once more puts them back. */
  swap(): void {
    if (this.count === 0) return
    for (const [parameter, mean] of this.means.values()) {
      const [own, other] = [parameter.data(), mean.data()]
      parameter.assign(other)
      mean.assign(own)
    }
  }

  state(): Map<string, Tensor> {
    return new Map([...this.means].map(([name, [, mean]]) => [name, mean.tensor()]))
  }

  load(tensors: ReadonlyMap<string, Tensor>, count: number): void {
    this.count = count
    for (const [name, [, mean]] of this.means) {
      const saved = tensors.get(name)
      if (saved) mean.assign(saved)
    }
  }

  dispose(): void {
    for (const [, mean] of this.means.values()) mean.dispose()
  }
}
