import { checkArguments } from '../../core/arguments.js'
import { apply } from '../../autograd/apply.js'
import { Device } from '../../autograd/device.js'
import type { Variable } from '../../autograd/variable.js'
import { isDType, isFloat, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { hostFrom } from '../../core/host.js'
import { shown } from '../../core/options.js'
import { sizeOf, type Shape } from '../../core/shape.js'
import { numericTensor } from '../../ops/shared/scalar-floats.js'
import { Bernoulli, RandomNormal, RandomUniform } from '../../ops/random/random.js'
import { axisOf } from './common.js'
import { softmax } from './activations.js'
import { add, cast, div, eq, log, neg, sub } from './elementwise.js'
import { reshape, unsqueeze } from './movement.js'
import { argmax, topk } from './reduce.js'

/** Where a new tensor is made and of which type. */
export interface NewTensor {
  /** The device in whose memory it is made; {@link Device.current} by default. */
  readonly device?: Device
  /** The element type. */
  readonly dtype?: DType
}

/** Where random numbers are drawn: by the generator of that device. */
export interface Drawn {
  /** The device in whose memory it is made; {@link Device.current} by default. */
  readonly device?: Device
}

const newTensor = { device: 'device', dtype: 'string' } as const

/**
 * start, start + step … below end, as `torch.arange`: `arange(end)`, or `arange(start, end, step)`. int64 if all three
 * are whole, else float32.
 *
 * @throws LanewiseError `E_VALUE` for a step that is 0 or leads away from the end.
 */
export function arange(end: number, options?: NewTensor): Variable
export function arange(start: number, end: number, options?: NewTensor): Variable
export function arange(start: number, end: number, step: number, options?: NewTensor): Variable
export function arange(...args: readonly (number | NewTensor | undefined)[]): Variable {
  const { device = Device.current, dtype } = args.find((arg) => typeof arg === 'object') ?? {}
  const [a = 0, b, step = 1] = args.filter((arg) => typeof arg === 'number')
  const [start, end] = b === undefined ? [0, a] : [a, b]
  const count = Math.ceil((end - start) / step)
  if (!Number.isFinite(count) || count < 0)
    throw new LanewiseError('E_VALUE', `no numbers lead from ${start} to ${end} by steps of ${step}`)
  const type = dtype ? checkedType(dtype) : [start, end, step].every(Number.isInteger) ? 'int64' : 'float32'
  return device.constant(
    numericTensor(
      type,
      [count],
      Array.from({ length: count }, (_, i) => start + i * step),
    ),
  )
}

/** So many numbers from start to end, both included, at equal distances; float32 unless another type is wanted. */
export function linspace(start: number, end: number, steps: number, options: NewTensor = {}): Variable {
  checkArguments('F.linspace', { start, end, steps, options }, 'number', 'number', 'size', newTensor)
  const { device = Device.current, dtype = 'float32' } = options

  const step = (end - start) / Math.max(1, steps - 1)
  // From both ends, so that each is met exactly.
  const numbers = Array.from({ length: steps }, (_, i) =>
    2 * i < steps ? start + i * step : end - (steps - 1 - i) * step,
  )
  return device.constant(numericTensor(checkedType(dtype), [steps], numbers))
}

/** A tensor of one number. @throws LanewiseError `E_VALUE` for a fraction where whole numbers are wanted. */
export function full(shape: Shape, value: number, options: NewTensor = {}): Variable {
  checkArguments('F.full', { shape, value, options }, 'numbers', 'number', newTensor)
  const { device = Device.current, dtype = 'float32' } = options

  if (!isFloat(checkedType(dtype)) && !Number.isInteger(value))
    throw new LanewiseError('E_VALUE', `${value} is no ${dtype}`)
  return device.constant(numericTensor(dtype, checkedShape(shape), new Float64Array(sizeOf(shape)).fill(value)))
}

/** @throws LanewiseError `E_VALUE` for what is not the name of a type of numbers. */
function checkedType(dtype: DType): DType {
  if (!isDType(dtype) || dtype === 'string' || dtype.startsWith('complex'))
    throw new LanewiseError('E_VALUE', `"${String(dtype)}" is not the name of a type of numbers`)
  return dtype
}

/** @throws LanewiseError `E_VALUE` for what cannot be the sizes of axes. */
function checkedShape(shape: Shape): Shape {
  const odd = shape.find((size) => !(Number.isSafeInteger(size) && size >= 0))
  if (odd !== undefined) throw new LanewiseError('E_VALUE', `a shape is whole numbers from 0, got ${shown(odd)}`)
  return shape
}

/** Zeros; float32 unless another type is wanted. */
export function zeros(shape: Shape, options: NewTensor = {}): Variable {
  return full(shape, 0, options)
}

/** Ones; float32 unless another type is wanted. */
export function ones(shape: Shape, options: NewTensor = {}): Variable {
  return full(shape, 1, options)
}

/** Zeros of the shape and type of x. */
export function zerosLike(x: Variable): Variable {
  checkArguments('F.zerosLike', { x }, 'tensor')

  return full(x.shape, 0, { device: x.device, dtype: x.dtype })
}

/** Ones of the shape and type of x. */
export function onesLike(x: Variable): Variable {
  checkArguments('F.onesLike', { x }, 'tensor')

  return full(x.shape, 1, { device: x.device, dtype: x.dtype })
}

/** A tensor of one number with the shape and type of x. */
export function fullLike(x: Variable, value: number): Variable {
  checkArguments('F.fullLike', { x, value }, 'tensor', 'number')

  return full(x.shape, value, { device: x.device, dtype: x.dtype })
}

/** A matrix with ones on its diagonal, zeros elsewhere; as many columns as rows unless said. */
export function eye(rows: number, columns: number = rows, options: NewTensor = {}): Variable {
  checkArguments('F.eye', { rows, columns, options }, 'size', 'size', newTensor)
  const { device = Device.current, dtype = 'float32' } = options

  const elements = new Float64Array(rows * columns)
  for (let i = 0; i < Math.min(rows, columns); i++) elements[i * columns + i] = 1
  return device.constant(numericTensor(checkedType(dtype), [rows, columns], elements))
}

/**
 * Random numbers, equally likely in [0, 1). Like all that is random in training they follow from the device's seed; an
 * exported model draws its own.
 */
export function rand(shape: Shape, options: Drawn = {}): Variable {
  checkArguments('F.rand', { shape, options }, 'numbers', { device: 'device' })
  const { device = Device.current } = options

  return apply(device, RandomUniform, [], { shape: checkedShape(shape) })[0]
}

/** Random numbers of the normal distribution with mean 0 and deviation 1, drawn as {@link rand} draws. */
export function randn(shape: Shape, options: Drawn = {}): Variable {
  checkArguments('F.randn', { shape, options }, 'numbers', { device: 'device' })
  const { device = Device.current } = options

  return apply(device, RandomNormal, [], { shape: checkedShape(shape) })[0]
}

/** {@link rand} of x's shape. */
export function randLike(x: Variable): Variable {
  checkArguments('F.randLike', { x }, 'tensor')

  return rand(x.shape, { device: x.device })
}

/** {@link randn} of x's shape. */
export function randnLike(x: Variable): Variable {
  checkArguments('F.randnLike', { x }, 'tensor')

  return randn(x.shape, { device: x.device })
}

/**
 * Random whole numbers, equally likely from low to below high; int64. Drawn when it is called: an exported model keeps
 * those that were drawn for it.
 *
 * @throws LanewiseError `E_VALUE` where there is no whole number between the two.
 */
export function randint(low: number, high: number, shape: Shape, options: Drawn = {}): Variable {
  checkArguments('F.randint', { low, high, shape, options }, 'number', 'number', 'numbers', { device: 'device' })
  const { device = Device.current } = options

  if (!(Number.isSafeInteger(low) && Number.isSafeInteger(high) && low < high))
    throw new LanewiseError('E_VALUE', `there is no whole number from ${low} to below ${high}`)
  const numbers = Array.from({ length: sizeOf(checkedShape(shape)) }, () => low + device.random.integer(high - low))
  return device.constant(hostFrom('int64', shape, numbers))
}

/**
 * 0 … count − 1 in random order; int64. Drawn when it is called: an exported model keeps the order that was drawn for
 * it.
 */
export function randperm(count: number, options: Drawn = {}): Variable {
  checkArguments('F.randperm', { count, options }, 'size', { device: 'device' })
  const { device = Device.current } = options

  return device.constant(hostFrom('int64', [count], Array.from(device.random.permutation(count))))
}

/**
 * 1 with the probability that each element of p says, else 0, drawn as {@link rand} draws. What is drawn has no
 * gradient.
 *
 * @throws LanewiseError `E_VALUE` for what is no probability.
 */
export function bernoulli(p: Variable): Variable {
  checkArguments('F.bernoulli', { p }, 'tensor')
  const odd = elementsOf(p).find((value) => !(value >= 0 && value <= 1))
  if (odd !== undefined) throw new LanewiseError('E_VALUE', `${odd} is no probability`)

  return apply(p.device, Bernoulli, [p.detach()])[0]
}

/** The elements to check; none while a model is exported, whose inputs stand for others. */
function elementsOf(x: Variable): number[] {
  return x.device.trace ? [] : Array.from(x.data() as ArrayLike<number | bigint>, Number)
}

/**
 * −log(−log u) of random u: with it the largest of the logarithms of probabilities is a draw by those (Gumbel, 1954).
 */
function gumbel(shape: Shape, device: Device): Variable {
  // Of 0, which is drawn once in 2²⁴ times, there is no logarithm.
  return neg(log(neg(log(add(rand(shape, { device }), 2 ** -26)))))
}

/**
 * Places drawn from the rows of `weights`, each as likely as its share of the row; int64 [..., count].
 *
 * @param weights - [..., places], not negative.
 * @param options - `replacement`: a place may be drawn again.
 * @throws LanewiseError `E_VALUE` for more than there are places without replacement; for weights that are negative or
 * not finite, and for a row with less of them above 0 than are drawn.
 */
export function multinomial(
  weights: Variable,
  count: number,
  options: { readonly replacement?: boolean } = {},
): Variable {
  checkArguments('F.multinomial', { weights, count, options }, 'tensor', 'size', { replacement: 'boolean' })
  const { replacement = false } = options

  const places = weights.shape[axisOf(weights, -1)]
  if (!replacement && count > places)
    throw new LanewiseError('E_VALUE', `${count} of ${places} places cannot be drawn without replacement`)
  const elements = elementsOf(weights)
  const odd = elements.find((value) => !(value >= 0 && value < Infinity))
  if (odd !== undefined) throw new LanewiseError('E_VALUE', `${odd} is no weight to draw by`)
  for (let row = 0; row < elements.length; row += places) {
    const likely = elements.slice(row, row + places).filter((value) => value > 0).length
    if (likely < (replacement ? 1 : count))
      throw new LanewiseError('E_VALUE', `row ${row / places} of the weights has ${likely} places that can be drawn`)
  }
  const logarithms = log(weights.detach())
  if (!replacement) return topk(add(logarithms, gumbel(logarithms.shape, weights.device)), count)[1]
  const draws = [...weights.shape.slice(0, -1), count, places]
  return argmax(add(unsqueeze(logarithms, [-2]), gumbel(draws, weights.device)), -1)
}

/**
 * A draw from classes that gradients go through: softmax((logits + Gumbel noise)/tau) along an axis (Jang et al.,
 * arXiv:1611.01144).
 *
 * @param options - `tau`: the lower, the nearer to one of the classes. `hard`: exactly one of them, with the gradient
 *   of the soft draw.
 */
export function gumbelSoftmax(
  logits: Variable,
  options: { readonly tau?: number; readonly hard?: boolean; readonly axis?: number } = {},
): Variable {
  checkArguments('F.gumbelSoftmax', { logits, options }, 'tensor', { tau: 'number', hard: 'boolean', axis: 'number' })
  const { tau = 1, hard = false, axis = -1 } = options

  if (!(tau > 0 && tau < Infinity))
    throw new LanewiseError('E_VALUE', `tau must be a finite number above 0, got ${shown(tau)}`)
  const soft = softmax(div(add(logits, gumbel(logits.shape, logits.device)), tau), axis)
  if (!hard) return soft
  const best = argmax(soft, axis, true)
  const places = arange(logits.shape[axisOf(logits, axis)], { device: logits.device })
  const along = logits.shape.map((_, i) => (i === axisOf(logits, axis) ? -1 : 1))
  const one = cast(eq(reshape(places, along), best), 'float32')
  // one − soft has no gradient of its own.
  return add(sub(one, soft.detach()), soft)
}
