import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { sizeOf } from '../core/shape.js'
import { bytesText, tableLines, type Column } from '../core/table.js'

/**
 * What can be said of layers from their sizes alone. A convolution's formulas are those of Dumoulin and Visin, "A guide
 * to convolution arithmetic for deep learning" (arXiv:1603.07285).
 */

/** A window that slides along one axis. */
export interface Slide {
  /** Places along the axis. */
  readonly size: number
  /** Taps of the window. */
  readonly kernel: number
  /** Places from one position of the window to the next; 1 by default. */
  readonly stride?: number
  /** Zeros before the first place and after the last; 0 by default. */
  readonly padding?: number | readonly [begin: number, end: number]
  /** Places from one tap to the next; 1 by default. */
  readonly dilation?: number
}

/** Places that a window reaches over: (kernel − 1) · dilation + 1. */
export function extentOf(kernel: number, dilation = 1): number {
  checkArguments('extentOf', { kernel, dilation }, 'number', 'number?')

  return (kernel - 1) * dilation + 1
}

/**
 * Positions of a window: floor((size + padding − extent) / stride) + 1.
 *
 * @param exact - refuse sizes at which the last places are never reached because the stride does not divide.
 * @throws LanewiseError `E_VALUE` for numbers that are no sizes; `E_SHAPE` if the window does not fit, or not exactly.
 */
export function outputSize(slide: Slide, exact = false): number {
  checkArguments('outputSize', { slide, exact }, 'object', 'boolean?')

  const { size, kernel, stride, dilation, begin, end } = checked(slide)
  const extent = extentOf(kernel, dilation)
  const room = size + begin + end - extent
  if (room < 0) {
    throw new LanewiseError(
      'E_SHAPE',
      `a window of ${extent} does not fit into ${size} with padding ${begin} and ${end}`,
      { expected: `>= ${extent}`, actual: String(size + begin + end) },
    )
  }
  if (exact && room % stride !== 0) {
    throw new LanewiseError(
      'E_SHAPE',
      `a window of ${extent} at stride ${stride} does not end with ${size + begin + end} places: ${room % stride} are left over`,
      {
        expected: `a multiple of ${stride}`,
        actual: String(room),
      },
    )
  }
  return Math.floor(room / stride) + 1
}

/**
 * The padding with which a window has ceil(size / stride) positions: at stride 1 as many as places, at stride 2 half of
 * them (SAME_UPPER of ONNX, "same" of others). Where it is odd, the end gets the one more.
 */
export function samePadding(slide: Omit<Slide, 'padding'>): [begin: number, end: number] {
  checkArguments('samePadding', { slide }, 'object')

  const { size, stride, kernel, dilation } = checked(slide)
  return halves(Math.max(0, (Math.ceil(size / stride) - 1) * stride + extentOf(kernel, dilation) - size))
}

/**
 * The padding with which a window has as many positions as there are places, at any stride: (size − 1) · stride +
 * extent − size in all. At stride 1 that is extent − 1, at stride 2 size + extent − 2.
 */
export function keepingPadding(slide: Omit<Slide, 'padding'>): [begin: number, end: number] {
  checkArguments('keepingPadding', { slide }, 'object')

  const { size, stride, kernel, dilation } = checked(slide)
  return halves((size - 1) * stride + extentOf(kernel, dilation) - size)
}

function halves(total: number): [number, number] {
  return [Math.floor(total / 2), Math.ceil(total / 2)]
}

function checked({ size, kernel, stride = 1, padding = 0, dilation = 1 }: Slide) {
  const [begin, end] = typeof padding === 'number' ? [padding, padding] : padding
  for (const [name, value, least] of [
    ['size', size, 1],
    ['kernel', kernel, 1],
    ['stride', stride, 1],
    ['dilation', dilation, 1],
    ['padding', begin, 0],
    ['padding', end, 0],
  ] as const) {
    if (!Number.isSafeInteger(value) || value < least)
      throw new LanewiseError('E_VALUE', `the ${name} of a window must be a whole number from ${least}, got ${value}`)
  }
  return { size, kernel, stride, dilation, begin, end }
}

/** A convolution of any number of spatial axes; a list has an entry for each of them, a number goes for all. */
export interface ConvolutionSizes {
  /** Channels of the input. */
  readonly inChannels: number
  /** Channels of the output: the number of filters. */
  readonly outChannels: number
  /** Spatial sizes of the input. */
  readonly size: readonly number[]
  /** Size of a filter along each spatial axis. */
  readonly kernel: number | readonly number[]
  /** Steps between neighbouring windows; 1 by default. */
  readonly stride?: number | readonly number[]
  /** As many places on both sides of an axis; "same" is {@link samePadding}. */
  readonly padding?: number | readonly number[] | 'same'
  /** Steps between neighbouring places of a window; 1 by default. */
  readonly dilation?: number | readonly number[]
  /** Groups of channels that see nothing of each other; 1 by default. */
  readonly groups?: number
  /** True by default. */
  readonly bias?: boolean
}

/** What a convolution takes, for one example. */
export interface ConvolutionCount {
  /** Spatial sizes of the output. */
  readonly output: readonly number[]
  /** Inputs that each output is a sum of. */
  readonly connectionsPerOutput: number
  /** Inputs of all outputs together, biases not counted. */
  readonly connections: number
  /** Weights and bias of one filter. */
  readonly parametersPerFilter: number
  /** With every filter used at every position: what a convolution has. */
  readonly parameters: number
  /** With weights and bias of its own for every output: what a locally connected layer has. */
  readonly parametersUnshared: number
  /** The same without biases. */
  readonly weights: number
  /** With filters of its own for every output, without biases. */
  readonly weightsUnshared: number
  /** Of the direct algorithm, with those by padding. */
  readonly multiplications: number
}

/**
 * Counts a convolution.
 *
 * @throws LanewiseError `E_VALUE` for impossible numbers, groups that do not divide the channels among them; `E_SHAPE`
 *   if the window does not fit.
 */
export function convolutionCount(sizes: ConvolutionSizes): ConvolutionCount {
  checkArguments('convolutionCount', { sizes }, 'object')

  const { inChannels, outChannels, groups, bias, slides } = resolved(sizes)
  const output = slides.map((slide) => outputSize(slide))
  const positions = sizeOf(output)
  const connectionsPerOutput = (inChannels / groups) * sizeOf(slides.map(({ kernel }) => kernel))
  const outputs = outChannels * positions
  const parametersPerFilter = connectionsPerOutput + (bias ? 1 : 0)
  return {
    output,
    connectionsPerOutput,
    connections: outputs * connectionsPerOutput,
    parametersPerFilter,
    parameters: outChannels * parametersPerFilter,
    parametersUnshared: outputs * parametersPerFilter,
    weights: outChannels * connectionsPerOutput,
    weightsUnshared: outputs * connectionsPerOutput,
    multiplications: outputs * connectionsPerOutput,
  }
}

type ResolvedSlide = Required<Omit<Slide, 'padding'>> & { readonly padding: readonly [number, number] }

function resolved({
  inChannels,
  outChannels,
  size,
  kernel,
  stride = 1,
  padding = 0,
  dilation = 1,
  groups = 1,
  bias = true,
}: ConvolutionSizes) {
  for (const [name, value] of [
    ['inChannels', inChannels],
    ['outChannels', outChannels],
    ['groups', groups],
  ] as const) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new LanewiseError('E_VALUE', `${name} must be a whole number from 1, got ${value}`)
  }
  if (inChannels % groups !== 0 || outChannels % groups !== 0) {
    throw new LanewiseError(
      'E_VALUE',
      `${groups} groups do not divide ${inChannels} input and ${outChannels} output channels`,
      { expected: `multiples of ${groups}`, actual: `${inChannels}, ${outChannels}` },
    )
  }
  const perAxis = (name: string, value: number | readonly number[]): readonly number[] => {
    if (typeof value === 'number') return size.map(() => value)
    if (value.length !== size.length)
      throw new LanewiseError('E_SHAPE', `${name} has ${value.length} entries for ${size.length} spatial axes`, {
        expected: String(size.length),
        actual: String(value.length),
      })
    return value
  }
  const [kernels, strides, dilations] = [
    perAxis('kernel', kernel),
    perAxis('stride', stride),
    perAxis('dilation', dilation),
  ]
  const pads = padding === 'same' ? undefined : perAxis('padding', padding)
  const slides = size.map((places, i): ResolvedSlide => {
    const slide = { size: places, kernel: kernels[i], stride: strides[i], dilation: dilations[i] }
    return { ...slide, padding: pads ? [pads[i], pads[i]] : samePadding(slide) }
  })
  return { inChannels, outChannels, groups, bias, slides }
}

/** Parameters of a layer in which every output depends on every input. */
export function linearCount(
  inFeatures: number,
  outFeatures: number,
  bias = true,
): { readonly parameters: number; readonly multiplications: number } {
  checkArguments('linearCount', { inFeatures, outFeatures, bias }, 'number', 'number', 'boolean?')

  const multiplications = inFeatures * outFeatures
  return { parameters: multiplications + (bias ? outFeatures : 0), multiplications }
}

/**
 * A convolution as the matrix it is: y = M · x for x [inChannels, …size] and y [outChannels, …output] read as vectors.
 * Most of it is 0, each weight stands once for every position (with one spatial axis, one channel and stride 1 it is a
 * Toeplitz matrix). As the map is linear, M is also its Jacobian dy/dx, and Mᵀ takes gradients back.
 *
 * @param weight - [outChannels, inChannels / groups, …kernel], as in PyTorch and ONNX (no filter is turned round).
 * @returns M, row-major, [outputs, inputs].
 * @throws LanewiseError as {@link convolutionCount}; `E_SHAPE` if the weights are too many or few; `E_BUDGET` beyond
 *   2^28 entries.
 */
export function convolutionMatrix(
  sizes: ConvolutionSizes,
  weight: ArrayLike<number>,
): { readonly rows: number; readonly columns: number; readonly data: Float64Array } {
  checkArguments('convolutionMatrix', { sizes, weight }, 'object', 'list|bytes')

  const { inChannels, outChannels, groups, slides } = resolved(sizes)
  const { output, weights } = convolutionCount(sizes)
  if (weight.length !== weights)
    throw new LanewiseError('E_SHAPE', `the filters have ${weights} weights, got ${weight.length}`, {
      expected: String(weights),
      actual: String(weight.length),
    })
  const area = sizeOf(sizes.size)
  const positions = sizeOf(output)
  const [rows, columns] = [outChannels * positions, inChannels * area]
  if (rows * columns > 2 ** 28)
    throw new LanewiseError('E_BUDGET', `a matrix of ${rows} × ${columns} is too large to write down`)
  const data = new Float64Array(rows * columns)
  const kernel = slides.map((slide) => slide.kernel)
  const taps = sizeOf(kernel)
  const perGroup = inChannels / groups
  for (let position = 0; position < positions; position++) {
    const at = placeOf(position, output)
    for (let tap = 0; tap < taps; tap++) {
      const offset = placeOf(tap, kernel)
      let place = 0
      const inside = slides.every(({ size, stride, dilation, padding: [begin] }, axis) => {
        const coordinate = at[axis] * stride + offset[axis] * dilation - begin
        place = place * size + coordinate
        return coordinate >= 0 && coordinate < size
      })
      if (!inside) continue
      for (let o = 0; o < outChannels; o++) {
        const group = Math.floor(o / (outChannels / groups))
        for (let c = 0; c < perGroup; c++) {
          data[(o * positions + position) * columns + (group * perGroup + c) * area + place] =
            weight[(o * perGroup + c) * taps + tap]
        }
      }
    }
  }
  return { rows, columns, data }
}

/** The coordinates of an element. */
function placeOf(index: number, sizes: readonly number[]): number[] {
  const place = new Array<number>(sizes.length)
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    place[axis] = index % sizes[axis]
    index = Math.floor(index / sizes[axis])
  }
  return place
}

/** One layer in a summary of a model. */
export interface SummaryRow {
  /** The layer's name in the model, e.g. "features.0". */
  readonly name: string
  /** What kind of layer it is, with its settings. */
  readonly layer: string
  /** Shape of its output, for one example. */
  readonly output: readonly number[]
  /** How many numbers the layer learns or keeps. */
  readonly parameters: number
  /** Inputs of all outputs together; undefined for layers without weights. */
  readonly connections?: number
  /** Multiply-adds for one example. */
  readonly macs: number
  /** Bytes of its output for one example. */
  readonly activationBytes: number
}

/** A summary as aligned lines for a terminal, with the totals. */
export function summaryLines(rows: readonly SummaryRow[]): string[] {
  checkArguments('summaryLines', { rows }, 'list')
  for (const row of rows) {
    checkArguments('summaryLines', { row }, 'object')
    checkArguments('summaryLines', { output: row.output }, 'list')
  }

  const columns: readonly Column[] = [
    { title: 'name', most: 40 },
    { title: 'layer', most: 60, cut: 'end' },
    { title: 'output' },
    ...['parameters', 'connections', 'multiply-adds', 'activations'].map((title) => ({ title, right: true })),
  ]
  const count = (value: number | undefined) => (value ? String(value).replace(/\B(?=(\d{3})+$)/g, ',') : '')
  const bytes = (value: number) => (value ? bytesText(value) : '')
  const sum = (of: (row: SummaryRow) => number) => rows.reduce((total, row) => total + of(row), 0)
  const cells = rows.map((row) => [
    row.name,
    row.layer,
    row.output.join('×'),
    count(row.parameters),
    count(row.connections),
    count(row.macs),
    bytes(row.activationBytes),
  ])
  const total = [
    'total',
    '',
    '',
    count(sum((row) => row.parameters)),
    count(sum((row) => row.connections ?? 0)),
    count(sum((row) => row.macs)),
    bytes(sum((row) => row.activationBytes)),
  ]
  const lines = tableLines(columns, [...cells, total])
  lines.splice(lines.length - 1, 0, lines[1])
  return lines
}
