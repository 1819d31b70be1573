import { checkArguments } from '../core/arguments.js'
import type { Device } from '../autograd/device.js'
import type { Parameter, Variable } from '../autograd/variable.js'
import { LanewiseError } from '../core/errors.js'
import * as F from './functional.js'
import { constant } from './init.js'
import { Module } from './module.js'

interface OnDevice {
  readonly device?: Device
}

/** What has nothing to choose but the device. */
abstract class Plain extends Module {
  constructor(options: OnDevice = {}) {
    checkArguments(new.target.name, { options }, { device: 'device' })
    const { device } = options

    super(device)
  }
}

/** {@link F.relu} as a layer. */
export class ReLU extends Plain {
  forward(x: Variable): Variable {
    return F.relu(x)
  }
}

/** {@link F.sigmoid} as a layer. */
export class Sigmoid extends Plain {
  // A bundle has an operator of this name, too, and would call the class Sigmoid2.
  static override readonly name: string = 'Sigmoid'
  forward(x: Variable): Variable {
    return F.sigmoid(x)
  }
}

/** {@link F.tanh} as a layer. */
export class Tanh extends Plain {
  static override readonly name: string = 'Tanh'
  forward(x: Variable): Variable {
    return F.tanh(x)
  }
}

/** {@link F.gelu} as a layer. */
export class GELU extends Module {
  constructor(options: { readonly approximate?: 'none' | 'tanh' } & OnDevice = {}) {
    checkArguments(new.target.name, { options }, { approximate: 'string', device: 'device' })
    const { approximate = 'none', device } = options

    super(device)
    this.approximate = approximate
  }
  /** `none` for the exact function, `tanh` for its approximation. */
  readonly approximate: 'none' | 'tanh'
  forward(x: Variable): Variable {
    return F.gelu(x, this.approximate)
  }
}

/** {@link F.silu} as a layer. */
export class SiLU extends Plain {
  forward(x: Variable): Variable {
    return F.silu(x)
  }
}

/** {@link F.hardswish} as a layer. */
export class Hardswish extends Plain {
  forward(x: Variable): Variable {
    return F.hardswish(x)
  }
}

/** {@link F.softplus} as a layer. */
export class Softplus extends Plain {
  forward(x: Variable): Variable {
    return F.softplus(x)
  }
}

/** {@link F.relu6} as a layer. */
export class ReLU6 extends Plain {
  forward(x: Variable): Variable {
    return F.relu6(x)
  }
}

/** {@link F.hardsigmoid} as a layer. */
export class Hardsigmoid extends Plain {
  forward(x: Variable): Variable {
    return F.hardsigmoid(x)
  }
}

/** {@link F.mish} as a layer. */
export class Mish extends Plain {
  static override readonly name: string = 'Mish'
  forward(x: Variable): Variable {
    return F.mish(x)
  }
}

/** {@link F.selu} as a layer. */
export class SELU extends Plain {
  forward(x: Variable): Variable {
    return F.selu(x)
  }
}

/** {@link F.softsign} as a layer. */
export class Softsign extends Plain {
  static override readonly name: string = 'Softsign'
  forward(x: Variable): Variable {
    return F.softsign(x)
  }
}

/** {@link F.logsigmoid} as a layer. */
export class LogSigmoid extends Plain {
  forward(x: Variable): Variable {
    return F.logsigmoid(x)
  }
}

/** {@link F.tanhshrink} as a layer. */
export class Tanhshrink extends Plain {
  forward(x: Variable): Variable {
    return F.tanhshrink(x)
  }
}

/** {@link F.hardtanh} as a layer. */
export class Hardtanh extends Module {
  // A bundle has an operator of this name, too, and would call the class Hardtanh2.
  static override readonly name: string = 'Hardtanh'
  /** @throws LanewiseError `E_VALUE` for a least value that is not below the largest. */
  constructor(
    /** The least value; -1 by default. */
    readonly minVal = -1,
    /** The largest value; 1 by default. */
    readonly maxVal = 1,
    options: OnDevice = {},
  ) {
    checkArguments(new.target.name, { minVal, maxVal, options }, 'number?', 'number?', { device: 'device' })
    const { device } = options

    super(device)
    if (!(minVal < maxVal)) throw new LanewiseError('E_VALUE', `minVal ${minVal} is not below maxVal ${maxVal}`)
  }
  forward(x: Variable): Variable {
    return F.hardtanh(x, this.minVal, this.maxVal)
  }
}

/** What goes to −alpha on the left. */
abstract class Exponential extends Module {
  constructor(
    /** What negative values go to: −alpha at −∞; 1 by default. */
    readonly alpha = 1,
    options: OnDevice = {},
  ) {
    checkArguments(new.target.name, { alpha, options }, 'number?', { device: 'device' })
    const { device } = options

    super(device)
  }
}

/** {@link F.celu} as a layer. */
export class CELU extends Exponential {
  forward(x: Variable): Variable {
    return F.celu(x, this.alpha)
  }
}

/** What shrinks by an amount. */
abstract class Shrinking extends Module {
  constructor(
    /** Half the width of what becomes 0; 0.5 by default. */
    readonly lambd = 0.5,
    options: OnDevice = {},
  ) {
    checkArguments(new.target.name, { lambd, options }, 'amount?', { device: 'device' })
    const { device } = options

    super(device)
  }
}

/** {@link F.softshrink} as a layer. */
export class Softshrink extends Shrinking {
  forward(x: Variable): Variable {
    return F.softshrink(x, this.lambd)
  }
}

/** {@link F.hardshrink} as a layer. */
export class Hardshrink extends Shrinking {
  forward(x: Variable): Variable {
    return F.hardshrink(x, this.lambd)
  }
}

/** {@link F.threshold} as a layer. */
export class Threshold extends Module {
  constructor(
    /** Values up to it are replaced. */
    readonly threshold: number,
    /** What they are replaced by. */
    readonly value: number,
    options: OnDevice = {},
  ) {
    checkArguments(new.target.name, { threshold, value, options }, 'number', 'number', { device: 'device' })
    const { device } = options

    super(device)
  }
  forward(x: Variable): Variable {
    return F.threshold(x, this.threshold, this.value)
  }
}

/** What works along an axis, the last by default. */
abstract class Along extends Module {
  constructor(
    /** The axis, counted from the end if negative; -1 by default. */
    readonly dim = -1,
    options: OnDevice = {},
  ) {
    checkArguments(new.target.name, { dim, options }, 'number?', { device: 'device' })
    const { device } = options

    super(device)
  }
}

/** {@link F.glu} as a layer. */
export class GLU extends Along {
  forward(x: Variable): Variable {
    return F.glu(x, this.dim)
  }
}

/** {@link F.softmin} as a layer. */
export class Softmin extends Along {
  forward(x: Variable): Variable {
    return F.softmin(x, this.dim)
  }
}

/** {@link F.leakyRelu} as a layer. */
export class LeakyReLU extends Module {
  constructor(
    /** What values below 0 are multiplied by; 0.01 by default. */
    readonly negativeSlope = 0.01,
    options: OnDevice = {},
  ) {
    checkArguments(new.target.name, { negativeSlope, options }, 'number?', { device: 'device' })
    const { device } = options

    super(device)
  }
  forward(x: Variable): Variable {
    return F.leakyRelu(x, this.negativeSlope)
  }
}

/** {@link F.elu} as a layer. */
export class ELU extends Exponential {
  forward(x: Variable): Variable {
    return F.elu(x, this.alpha)
  }
}

/** A ReLU whose negative slope is learned (He et al., 2015): one, or one per channel. */
export class PReLU extends Module {
  /** The slopes [1] or [channels]. */
  readonly weight: Parameter
  constructor(numParameters = 1, options: { readonly init?: number } & OnDevice = {}) {
    checkArguments(new.target.name, { numParameters, options }, 'size?', { init: 'number', device: 'device' })
    const { init = 0.25, device } = options

    super(device)
    this.weight = this.parameter([numParameters], constant(init))
  }
  forward(x: Variable): Variable {
    return F.prelu(x, this.weight)
  }
}

/** {@link F.softmax} as a layer. */
export class Softmax extends Along {
  static override readonly name: string = 'Softmax'
  forward(x: Variable): Variable {
    return F.softmax(x, this.dim)
  }
}

/** {@link F.logSoftmax} as a layer. */
export class LogSoftmax extends Along {
  forward(x: Variable): Variable {
    return F.logSoftmax(x, this.dim)
  }
}
