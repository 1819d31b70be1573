import type { Feeds } from '../api/feeds.js'
import { InferenceSession } from '../api/session.js'
import { LanewiseError } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import type { Shape } from '../core/shape.js'
import type { Graph, Value } from '../ir/graph.js'
import { exportModel } from '../onnx/export-any.js'
import { tensorOf } from './prepare.js'
import { Distribution } from './range.js'

/** Examples for calibration: what `session.run` takes, one after the other. */
export type CalibrationData = Iterable<Feeds> | AsyncIterable<Feeds>

/** What calibration has seen of a float32 tensor. */
export interface Seen extends Distribution {
  /** Of the last example. */
  shape: Shape
  /** Means over all examples along the axis that was asked for. */
  means?: Float64Array
}

/** The examples, `most` of them at most. @throws LanewiseError `E_VALUE` if there are none. */
export async function examplesOf(data: CalibrationData | undefined, most: number): Promise<Feeds[]> {
  const examples: Feeds[] = []
  if (data)
    for await (const feeds of data) {
      if (examples.length >= most) break
      examples.push(feeds)
    }
  if (examples.length === 0)
    throw new LanewiseError('E_VALUE', 'the calibration data are empty: ranges of activations come from examples', {
      expected: 'examples to run the model on (the option calibrate)',
    })
  return examples
}

/**
 * Runs a graph on all examples and hands out the values that are wanted, example by example.
 *
 * @throws LanewiseError as a run does, saying which example does not fit the model.
 */
export async function eachRun(
  graph: Graph,
  values: readonly Value[],
  examples: readonly Feeds[],
  visit: (value: Value, tensor: HostTensor) => void,
): Promise<void> {
  const session = await InferenceSession.create(exportModel(graph))
  try {
    const names = values.map((value) => value.name)
    for (const [i, feeds] of examples.entries()) {
      const results = await runExample(session, feeds, names, i)
      for (const value of values) {
        const tensor = tensorOf(results[value.name], value.name)
        if (tensor) visit(value, tensor)
      }
    }
  } finally {
    await session.release()
  }
}

async function runExample(
  session: InferenceSession,
  feeds: Feeds,
  names: readonly string[],
  index: number,
): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await session.run(feeds, names)
  } catch (cause) {
    if (!(cause instanceof LanewiseError)) throw cause
    const { code, op, node, tensor, expected, actual } = cause
    throw new LanewiseError(code, `example ${index} of the calibration data does not fit the model: ${cause.message}`, {
      op,
      node,
      tensor,
      expected,
      actual,
      cause,
    })
  }
}

/**
 * Distributions of values over the calibration data.
 *
 * @param channels - of these values the means along an axis, too.
 */
export async function calibrate(
  graph: Graph,
  values: readonly Value[],
  examples: readonly Feeds[],
  histogram: boolean,
  channels: ReadonlyMap<Value, number> = new Map(),
): Promise<Map<Value, Seen>> {
  const seen = new Map<Value, Seen>()
  const counts = new Map<Value, number>()
  await eachRun(graph, values, examples, (value, { dtype, shape, data }) => {
    if (dtype !== 'float32') return
    const floats = data as Float32Array
    const known: Seen = seen.get(value) ?? Object.assign(new Distribution(), { shape })
    known.add(value.name, floats, histogram)
    known.shape = shape
    seen.set(value, known)
    const axis = channels.get(value)
    if (axis === undefined) return
    const sums = sumsAlong(floats, shape, axis)
    const before = counts.get(value) ?? 0
    const count = before + floats.length / Math.max(1, sums.length)
    const { means } = known
    known.means = sums.map((sum, c) => (sum + (means?.[c] ?? 0) * before) / count)
    counts.set(value, count)
  })
  return seen
}

function sumsAlong(data: Float32Array, shape: Shape, axis: number): Float64Array {
  const at = axis < 0 ? axis + shape.length : axis
  const size = shape[at] ?? 1
  const inner = shape.slice(at + 1).reduce((product, n) => product * n, 1)
  const sums = new Float64Array(size)
  for (let i = 0; i < data.length; i++) sums[Math.floor(i / inner) % size] += data[i]
  return sums
}
