import type { InferenceSession } from '../api/session.js'
import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { checkNumber, shown } from '../core/options.js'
import type { CalibrationData } from './calibrate.js'
import type { RangeMethod } from './range.js'

/** What {@link quantize} makes of a model. One of `int8`, `int4` and `float16` says which. */
export interface QuantizeOptions {
  /**
   * `static`: convolutions, products and what lies between them on integers, with ranges from the calibration data
   * (QDQ). `dynamic`: products and convolutions on integers, with the range of each tensor as it comes (MatMulInteger,
   * ConvInteger). `weights`: files a quarter as large, float32 from loading on.
   */
  readonly int8?: 'static' | 'dynamic' | 'weights'
  /** Products by constant weights with weights of 4 bits in blocks (MatMulNBits of com.microsoft). */
  readonly int4?: boolean
  /** Files half as large: weights in float16, float32 from loading on. */
  readonly float16?: boolean

  /**
   * Examples: what the model is given, as `session.run` takes it. Needed for `int8: 'static'`, `rounding: 'gptq'`, and
   * to measure differences.
   */
  readonly calibrate?: CalibrationData
  /** The most examples that are taken; 128 by default. */
  readonly samples?: number
  /** How ranges are chosen; `minmax` by default. */
  readonly method?: RangeMethod
  /** Of the method `percentile`: the share of values, in percent, that stay within the range; 99.99 by default. */
  readonly percentile?: number
  /** The type of activations; `uint8` by default. */
  readonly activations?: 'uint8' | 'int8'
  /** A scale for each output channel of int8 weights (the default), or one for all. */
  readonly perChannel?: boolean
  /** Weights of 7 bits, for engines whose 16-bit sums of byte products saturate. */
  readonly reduceRange?: boolean
  /** Static: takes what rounding the weights adds to a channel's mean out of its bias; on by default. */
  readonly biasCorrection?: boolean
  /**
   * Static: first balances the ranges of weights between neighbouring convolutions, for models with depthwise layers
   * and one scale for all channels.
   */
  readonly equalize?: boolean

  /** int4: weights that share a scale: 16, 32 (the default), 64, 128 or 256. */
  readonly blockSize?: number
  /** int4: a zero point for each block, too. */
  readonly zeroPoints?: boolean
  /** int4: `accuracy_level` of MatMulNBits; 4 lets runtimes make int8 of the activations. 0 by default. */
  readonly accuracyLevel?: number
  /** int4: each weight to the nearest code, or one after the other so that each makes up for those before it (GPTQ). */
  readonly rounding?: 'nearest' | 'gptq'

  /** Nodes that stay in float32: their names, or how many of the most sensitive ones. */
  readonly keep?: number | readonly string[]
  /**
   * The most that may be lost: of what `evaluate` returns, or of the outputs (root mean square of the difference by
   * that of the values). Nodes go back to float32, the most sensitive first, until the loss fits.
   */
  readonly maxLoss?: number
  /** How good a model is, such as its accuracy, 0 … 1: more is better. */
  readonly evaluate?: (session: InferenceSession) => number | Promise<number>
  /** Measures the speed beside float32 in turns for so many milliseconds; 0, the default: not at all. */
  readonly speed?: number
  /** The operator set to write; by default 17, or the oldest newer one that has every operator. */
  readonly opset?: number
}

/** What weights, and with the first two values as well, become. */
export type Format = 'int8 static' | 'int8 dynamic' | 'int8 weights' | 'int4' | 'float16'

/** Options with what holds where they are left out. */
export interface CheckedOptions extends Required<
  Omit<QuantizeOptions, 'int8' | 'int4' | 'float16' | 'calibrate' | 'evaluate' | 'maxLoss' | 'opset'>
> {
  readonly format: Format
  readonly calibrate?: CalibrationData
  readonly evaluate?: QuantizeOptions['evaluate']
  readonly maxLoss?: number
  readonly opset?: number
}

const METHODS = ['minmax', 'percentile', 'entropy', 'mse'] as const

/** @throws LanewiseError `E_VALUE` saying which option is not what it must be. */
export function checkQuantizeOptions(options: QuantizeOptions): CheckedOptions {
  checkArguments(
    'quantize',
    { options },
    {
      int8: 'string',
      int4: 'boolean',
      float16: 'boolean',
      calibrate: 'iterable',
      samples: 'number',
      method: 'string',
      percentile: 'number',
      activations: 'string',
      perChannel: 'boolean',
      reduceRange: 'boolean',
      biasCorrection: 'boolean',
      equalize: 'boolean',
      blockSize: 'number',
      zeroPoints: 'boolean',
      accuracyLevel: 'number',
      rounding: 'string',
      keep: 'number|strings',
      maxLoss: 'number',
      evaluate: 'function',
      speed: 'number',
      opset: 'number',
    },
  )
  const { int8, int4 = false, float16 = false, calibrate, evaluate, maxLoss, opset } = options
  oneOf('int8', int8, ['static', 'dynamic', 'weights'])
  const formats: Format[] = [
    ...(int8 === undefined ? [] : [`int8 ${int8}` as const]),
    ...(int4 ? (['int4'] as const) : []),
    ...(float16 ? (['float16'] as const) : []),
  ]
  if (formats.length !== 1)
    throw new LanewiseError(
      'E_VALUE',
      `quantize needs one of int8, int4 and float16, got ${formats.join(' and ') || 'none'}`,
      {
        expected: 'one of int8, int4 and float16',
        actual: formats.join(', ') || 'none',
      },
    )
  const {
    samples = 128,
    method = 'minmax',
    percentile = 99.99,
    activations = 'uint8',
    perChannel = true,
    reduceRange = false,
    biasCorrection = true,
    equalize = false,
    blockSize = 32,
    zeroPoints = false,
    accuracyLevel = 0,
    rounding = 'nearest',
    keep = 0,
    speed = 0,
  } = options
  oneOf('method', method, METHODS)
  oneOf('activations', activations, ['uint8', 'int8'])
  oneOf('rounding', rounding, ['nearest', 'gptq'])
  oneOf('blockSize', blockSize, [16, 32, 64, 128, 256])
  checkNumber('samples', samples, { least: 1, whole: true })
  checkNumber('percentile', percentile, { above: 50, most: 100 })
  checkNumber('accuracyLevel', accuracyLevel, { least: 0, most: 4, whole: true })
  checkNumber('speed', speed, { least: 0 })
  if (typeof keep === 'number') checkNumber('keep', keep, { least: 0, whole: true })
  if (maxLoss !== undefined) checkNumber('maxLoss', maxLoss, { least: 0 })
  const [format] = formats
  if (format === 'float16' && (keep !== 0 || maxLoss !== undefined))
    throw new LanewiseError('E_VALUE', 'keep and maxLoss are for integers: of float16 nothing is kept back')
  return {
    format,
    calibrate,
    samples,
    method,
    percentile,
    activations,
    perChannel,
    reduceRange,
    biasCorrection,
    equalize,
    blockSize,
    zeroPoints,
    accuracyLevel,
    rounding,
    keep,
    maxLoss,
    evaluate,
    speed,
    opset,
  }
}

function oneOf<T extends string | number>(name: string, value: T | undefined, choices: readonly T[]): void {
  if (value === undefined || choices.includes(value)) return
  throw new LanewiseError('E_VALUE', `${name} of quantize must be ${choices.join(' or ')}, got ${shown(value)}`, {
    expected: choices.join(' or '),
    actual: shown(value),
  })
}
