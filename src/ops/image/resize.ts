import { byteSize, isFloat, type DType } from '../../core/dtype.js'
import { LanewiseError, present } from '../../core/errors.js'
import { follow, identityOrder, logicalStrides, type Order } from '../../core/layout.js'
import { copyStrided, emitStridedCopy } from '../../ir/strided.js'
import { hostFrom, hostZeros, toNumbers, type HostTensor } from '../../core/host.js'
import { formatShape, normalizeAxes, sizeOf, stridesOf, type Shape } from '../../core/shape.js'
import { float, int, ints, string, type AttributesOf } from '../../ir/attributes.js'
import { numbersOf, numericTensor } from '../shared/scalar-floats.js'
import { emitCast } from '../elementwise/cast.js'
import { isByte } from '../quantize/quantize.js'
import { tapsOf, type AxisResize, type Interpolation, type Taps } from './interpolation.js'
import type { Emitter, Operand } from '../../ir/emitter.js'
import { defineOp, type OpDefinition, type UpgradeContext } from '../../ir/op.js'

const resizeAttributes = {
  antialias: int(0),
  axes: ints(),
  coordinate_transformation_mode: string('half_pixel'),
  cubic_coeff_a: float(-0.75),
  exclude_outside: int(0),
  extrapolation_value: float(0),
  keep_aspect_ratio_policy: string('stretch'),
  mode: string('nearest'),
  nearest_mode: string('round_prefer_floor'),
}
type ResizeAttributes = AttributesOf<typeof resizeAttributes>

export const Resize = defineOp({
  name: 'Resize',
  arity: [1, 4],
  attributes: resizeAttributes,
  infer({ attributes, inputs: [x], value }) {
    checkModes(attributes)
    return [{ dtype: x.dtype, shape: axesOf(x.shape, attributes, value).map(({ outSize }) => outSize) }]
  },
  kernel: ([dtype], { mode }) => mode === 'nearest' || dtype === 'float32' || (mode === 'linear' && isByte(dtype)),
  layout: follow,
  emit(e) {
    const x = e.input(0)
    // Nothing to interpolate, however long the other axes are.
    if (e.outputs[0]?.shape.includes(0)) return void e.output(0)
    const axes = axesOf(x.shape, e.attributes, (index) => e.inputs[index]?.constant)
    const resized = resizedAxes(axes, e.attributes)
    if (resized.size === 0) return e.view(0, 0)
    const y = e.output(0)
    if (e.attributes.mode === 'nearest') emitNearest(e, resized)
    else if (x.dtype === 'float32') emitMixed(e, resized, x, y)
    else if (bilinearAt(resized, x.order) === undefined) return emitOnHost(e, resized)
    else emitBytes(e, resized)
    const { dtype, shape } = y
    const strides = logicalStrides(shape, y.order)
    const fallback = e.attributes.extrapolation_value
    const value = numericTensor(dtype, [1], [isFloat(dtype) ? fallback : Math.trunc(fallback)])
    for (const [axis, { outside }] of resized) {
      for (const at of outside) {
        const sizes = shape.map((size, i) => ({ size: i === axis ? 1 : size, from: 0, to: strides[i] }))
        emitStridedCopy(
          e,
          dtype,
          { axes: sizes, from: 0, to: at * strides[axis] },
          e.table(value.data as Float32Array),
          y.at,
        )
      }
    }
  },
  compute({ attributes, inputs, outputs: [type] }) {
    const x = inputs[0]
    if (type.shape.includes(0)) return [hostZeros(type.dtype, type.shape)]
    const resized = resizedAxes(
      axesOf(x.shape, attributes, (index) => inputs[index]),
      attributes,
    )
    return [resizedOnHost(x, type.dtype, resized, attributes)]
  },
  upgrades: [{ below: 11, apply: upgradeResize }],
})

/** The older name of Resize; opset 7 gave the scales as an attribute. */
export const Upsample: OpDefinition<ResizeAttributes> = {
  ...Resize,
  name: 'Upsample',
  upgrades: [],
  decompose(node) {
    const scales = node.attributes.get('scales')
    if (scales?.kind === 'floats') {
      node.attributes.delete('scales')
      node.inputs[1] = node.constant(hostFrom('float32', [scales.value.length], Array.from(scales.value)))
    }
    upgradeResize(node)
    node.attributes.set('nearest_mode', { kind: 'string', value: 'floor' })
    node.rename('Resize')
  },
}

/** Resize of opset 10 and Upsample: scales came second, coordinates were scaled and nothing else. */
function upgradeResize(node: UpgradeContext): void {
  if (node.attributes.has('coordinate_transformation_mode')) return
  node.inputs = [node.inputs[0], '', node.inputs[1]]
  node.attributes.set('coordinate_transformation_mode', { kind: 'string', value: 'asymmetric' })
  node.attributes.set('nearest_mode', { kind: 'string', value: 'legacy' })
  const mode = node.attributes.get('mode')
  if (mode?.value === 'bilinear') node.attributes.set('mode', { kind: 'string', value: 'linear' })
}

function checkModes({ mode, keep_aspect_ratio_policy: policy }: ResizeAttributes): void {
  if (!['nearest', 'linear', 'cubic'].includes(mode))
    throw new LanewiseError('E_VALUE', `mode "${mode}" is not known`, {
      expected: 'nearest, linear, cubic',
      actual: mode,
    })
  if (!['stretch', 'not_larger', 'not_smaller'].includes(policy)) {
    throw new LanewiseError('E_VALUE', `keep_aspect_ratio_policy "${policy}" is not known`, {
      expected: 'stretch, not_larger, not_smaller',
      actual: policy,
    })
  }
}

/** What becomes of every axis. */
export function axesOf(
  shape: Shape,
  attributes: ResizeAttributes,
  value: (index: number) => HostTensor | undefined,
): AxisResize[] {
  const axes = attributes.axes ? normalizeAxes(attributes.axes, shape.length) : [...shape.keys()]
  const cropped = attributes.coordinate_transformation_mode === 'tf_crop_and_resize'
  const given = [cropped ? value(1) : undefined, value(2), value(3)].map((tensor) =>
    tensor && sizeOf(tensor.shape) > 0 ? tensor : undefined,
  )
  const [roi, scales, sizes] = given.map(
    (tensor, i) => tensor && (i === 2 ? toNumbers(tensor, 'sizes') : floatsOf(tensor)),
  )
  if (cropped && roi?.length !== 2 * axes.length)
    throw new LanewiseError('E_SHAPE', `roi must have two numbers for each of ${axes.length} axes`)
  const wanted = sizes ?? scales
  if (!wanted || (sizes && scales))
    throw new LanewiseError('E_GRAPH', `scales or sizes must be given, not ${wanted ? 'both' : 'neither'}`)
  if (wanted.length !== axes.length) {
    throw new LanewiseError(
      'E_SHAPE',
      `scales or sizes must have one number for each of ${axes.length} axes, got ${formatShape(wanted)}`,
    )
  }
  const bad = wanted.find((number) => !(number > 0 && Number.isFinite(number)) && !(sizes && number === 0))
  if (bad !== undefined) throw new LanewiseError('E_VALUE', `a ${sizes ? 'size' : 'scale'} of ${bad}`)
  const result: AxisResize[] = shape.map((size) => ({ size, outSize: size, scale: 1, exactSize: size, roi: [0, 1] }))
  let common: number | undefined
  if (sizes && attributes.keep_aspect_ratio_policy !== 'stretch') {
    const ratios = axes.map((axis, i) => sizes[i] / shape[axis])
    common = attributes.keep_aspect_ratio_policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios)
  }
  axes.forEach((axis, i) => {
    const size = shape[axis]
    const region: [number, number] = roi ? [roi[i], roi[i + axes.length]] : [0, 1]
    let outSize: number
    let scale: number
    if (sizes) {
      outSize = common === undefined ? sizes[i] : Math.floor(common * size + 0.5)
      scale = common ?? outSize / size
    } else {
      scale = present(scales, 'scales')[i]
      // Rounded to float32 as it always was: 3 · 1.6666666 is 5.
      outSize = Math.floor(Math.fround(size * scale))
    }
    if (size === 0 && outSize > 0) throw new LanewiseError('E_SHAPE', `an empty axis cannot become ${outSize}`)
    const exactSize = sizes && common === undefined ? outSize : Math.fround(size * scale)
    result[axis] = { size, outSize, scale, exactSize, roi: region }
  })
  return result
}

function floatsOf({ dtype, data }: HostTensor): number[] {
  if (dtype !== 'float32' && dtype !== 'float64')
    throw new LanewiseError('E_UNSUPPORTED', `scales and roi of type ${dtype}`)
  return Array.from(data as Float32Array)
}

/** The taps of those axes on which anything happens, by axis. */
export function resizedAxes(axes: readonly AxisResize[], attributes: ResizeAttributes): Map<number, Taps> {
  const how: Interpolation = {
    mode: attributes.mode,
    coordinates: attributes.coordinate_transformation_mode,
    nearest: attributes.nearest_mode,
    cubicA: attributes.cubic_coeff_a,
    excludeOutside: attributes.exclude_outside !== 0,
    antialias: attributes.antialias !== 0,
  }
  const result = new Map<number, Taps>()
  axes.forEach((axis, i) => {
    if (axis.outSize === axis.size && axis.scale === 1 && axis.roi[0] === 0 && axis.roi[1] === 1) return
    result.set(i, tapsOf(axis, how))
  })
  // A row or a column alone: onnxruntime mixes four elements there as well, and rounds as often.
  const [alone] = result.keys()
  const other = axes.length === 4 ? 5 - alone : axes.length === 2 ? 1 - alone : -1
  if (
    how.mode === 'linear' &&
    result.size === 1 &&
    other >= axes.length - 2 &&
    other < axes.length &&
    result.get(alone)?.taps === 2
  )
    result.set(other, tapsOf(axes[other], { ...how, coordinates: 'asymmetric' }))
  return result
}

/** Elements are copied, whatever their type. */
function emitNearest(e: Emitter<ResizeAttributes>, resized: ReadonlyMap<number, Taps>): void {
  const x = e.input(0)
  const y = e.output(0)
  const bytes = byteSize(x.dtype)
  const strides = logicalStrides(x.shape, x.order)
  const innermost = x.order.findLastIndex((axis) => resized.has(axis))
  const run = sizeOf(x.physical.slice(innermost + 1)) * bytes
  const sizes: number[] = []
  const offsets: number[] = []
  for (const axis of x.order.slice(0, innermost + 1)) {
    const index = resized.get(axis)?.index
    sizes.push(y.shape[axis])
    for (let i = 0; i < y.shape[axis]; i++) offsets.push((index ? index[i] : i) * strides[axis] * bytes)
  }
  e.call('table_copy', x.at, y.at, e.table(Int32Array.from([...sizes, ...offsets])), sizes.length, run)
}

/**
 * Two axes of bytes at once: float32 holds the bytes, and the products and sums are those of {@link bilinearOnHost}.
 */
function emitBytes(e: Emitter<ResizeAttributes>, resized: ReadonlyMap<number, Taps>): void {
  const [x, y] = [e.input(0), e.output(0)]
  const wide = ({ shape, order, physical, size }: Operand): Operand => ({
    dtype: 'float32',
    shape,
    order,
    physical,
    size,
    at: e.scratch(4 * size),
    constant: undefined,
  })
  const [from, to] = [wide(x), wide(y)]
  emitCast(e, x, from)
  emitMixed(e, resized, from, to)
  emitCast(e, to, y)
}

/** In TypeScript, over whichever orders the operands lie in. */
function emitOnHost(e: Emitter<ResizeAttributes>, resized: ReadonlyMap<number, Taps>): void {
  const [x, y] = [e.input(0), e.output(0)]
  const { attributes } = e
  const reordered = (from: HostTensor, to: HostTensor, fromOrder: Order, toOrder: Order) => {
    const [a, b] = [logicalStrides(from.shape, fromOrder), logicalStrides(from.shape, toOrder)]
    copyStrided({ axes: from.shape.map((size, i) => ({ size, from: a[i], to: b[i] })), from: 0, to: 0 }, from, to)
    return to
  }
  const logical = identityOrder(x.shape.length)
  e.host([x, y], (from, to) => {
    const fed = reordered(from, hostZeros(x.dtype, x.shape), x.constant ? logical : x.order, logical)
    reordered(resizedOnHost(fed, y.dtype, resized, attributes), to, logical, y.order)
  })
}

/** Linear and cubic: one axis after the other, or both at once where there are two neighbours with two taps. */
function emitMixed(e: Emitter<ResizeAttributes>, resized: ReadonlyMap<number, Taps>, x: Operand, y: Operand): void {
  const tapsAt = (place: number) => present(resized.get(x.order[place]), 'taps')
  const tables = ({ index, weight }: Taps) => [e.table(index), e.table(Float32Array.from(weight))] as const
  const sizes = [...x.physical]
  const row = bilinearAt(resized, x.order)
  if (row !== undefined) {
    const column = row + 1
    const [height, width] = [y.physical[row], y.physical[column]]
    const inner = sizeOf(sizes.slice(column + 1))
    const rows = sizeOf(sizes.slice(0, row)) * height
    const slab = sizes[row] * sizes[column] * inner
    e.call(
      'resize_bilinear_f32',
      x.at,
      y.at,
      ...tables(tapsAt(row)),
      ...tables(tapsAt(column)),
      slab,
      sizes[column],
      height,
      width,
      inner,
      0,
      rows,
    )
    return
  }
  // What shrinks most goes first: the least is left to do for the others.
  const places = [...resized.keys()].map((axis) => x.order.indexOf(axis))
  const growth = (place: number) => y.physical[place] / x.physical[place]
  places.sort((a, b) => growth(a) - growth(b))
  let from = x.at
  places.forEach((place, i) => {
    const size = sizes[place]
    const outSize = y.physical[place]
    const outer = sizeOf(sizes.slice(0, place))
    const inner = sizeOf(sizes.slice(place + 1))
    sizes[place] = outSize
    const to = i === places.length - 1 ? y.at : e.scratch(sizeOf(sizes) * 4)
    const taps = tapsAt(place)
    e.call('resize_axis_f32', from, to, ...tables(taps), taps.taps, size, outSize, inner, 0, outer)
    from = to
  })
}

/** Two neighbouring axes with two taps each: products and sums in the kernel's order, rounded as it rounds them. */
function bilinearOnHost(
  data: ArrayLike<number>,
  shape: Shape,
  row: number,
  resized: ReadonlyMap<number, Taps>,
): { readonly data: Float32Array; readonly shape: Shape } {
  const [rows, columns] = [row, row + 1].map((axis) => present(resized.get(axis), 'taps'))
  const { fround } = Math
  const inner = sizeOf(shape.slice(row + 2))
  const [height, width] = [rows.index.length / 2, columns.index.length / 2]
  const [across, slab] = [shape[row + 1] * inner, shape[row] * shape[row + 1] * inner]
  const outer = sizeOf(shape.slice(0, row))
  const result = new Float32Array(outer * height * width * inner)
  const weight = (r: number, c: number) => fround(fround(columns.weight[c]) * fround(rows.weight[r]))
  let to = 0
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < 2 * height; i += 2) {
      for (let j = 0; j < 2 * width; j += 2) {
        const [w11, w21, w12, w22] = [weight(i, j), weight(i, j + 1), weight(i + 1, j), weight(i + 1, j + 1)]
        const [top, bottom] = [rows.index[i], rows.index[i + 1]].map((at) => o * slab + at * across)
        const [left, right] = [columns.index[j] * inner, columns.index[j + 1] * inner]
        for (let c = 0; c < inner; c++) {
          const above = fround(fround(w11 * data[top + left + c]) + fround(w21 * data[top + right + c]))
          const below = fround(above + fround(w12 * data[bottom + left + c]))
          result[to++] = below + fround(w22 * data[bottom + right + c])
        }
      }
    }
  }
  return { data: result, shape: shape.map((size, axis) => (axis === row ? height : axis === row + 1 ? width : size)) }
}

function filledOutside(data: Float32Array, shape: Shape, axis: number, outside: readonly number[], value: number) {
  const inner = stridesOf(shape)[axis]
  return data.map((given, at) => (outside.includes(Math.floor(at / inner) % shape[axis]) ? value : given))
}

/** The first of two neighbouring axes that are all there is to resize, with two taps each. */
function bilinearAt(resized: ReadonlyMap<number, Taps>, order: readonly number[]): number | undefined {
  const places = [...resized.keys()].map((axis) => order.indexOf(axis)).sort((a, b) => a - b)
  const two =
    places.length === 2 && places[1] === places[0] + 1 && [...resized.values()].every(({ taps }) => taps === 2)
  return two ? places[0] : undefined
}

/** Linear and nearest in float32 or exactly, cubic in float64; truncated for integer types. */
function resizedOnHost(
  x: HostTensor,
  dtype: DType,
  resized: ReadonlyMap<number, Taps>,
  { mode, extrapolation_value: fallback }: ResizeAttributes,
): HostTensor {
  const copying = mode === 'nearest'
  let shape = x.shape
  let data: ArrayLike<unknown> = copying ? x.data : numbersOf(x)
  const filler =
    dtype === 'string'
      ? ''
      : copying
        ? numericTensor(dtype, [1], [isFloat(dtype) ? fallback : Math.trunc(fallback)]).data[0]
        : fallback
  const row = copying || x.dtype === 'float64' ? undefined : bilinearAt(resized, [...shape.keys()])
  if (row !== undefined) ({ data, shape } = bilinearOnHost(data as ArrayLike<number>, shape, row, resized))
  for (const [axis, { taps, index, weight, outside }] of resized) {
    if (row !== undefined) {
      if (outside.length > 0) data = filledOutside(data as Float32Array, shape, axis, outside, fallback)
      continue
    }
    const inner = stridesOf(shape)[axis]
    const size = shape[axis]
    shape = shape.map((old, i) => (i === axis ? index.length / taps : old))
    const next = new Array<unknown>(sizeOf(shape))
    for (let at = 0; at < next.length; at++) {
      const i = Math.floor(at / inner) % shape[axis]
      const base = Math.floor(at / inner / shape[axis]) * size * inner + (at % inner)
      if (outside.includes(i)) next[at] = filler
      else if (copying) next[at] = data[base + index[i] * inner]
      else {
        let sum = 0
        for (let t = i * taps; t < (i + 1) * taps; t++) sum += weight[t] * (data[base + index[t] * inner] as number)
        next[at] = sum
      }
    }
    data = next
  }
  if (!copying)
    return numericTensor(dtype, shape, isFloat(dtype) ? (data as number[]) : Array.from(data as number[], Math.trunc))
  const y = hostZeros(dtype, shape)
  for (let i = 0; i < data.length; i++) (y.data as { [i: number]: unknown })[i] = data[i]
  return y
}
