import type { Plain, Reference } from '../case.js'

/** Turns every pair as a complex number, one element of the result at a time. */
function turned(
  x: Plain,
  heads: number,
  pairs: number,
  interleaved: boolean,
  angle: (b: number, i: number, j: number) => readonly [number, number],
): Plain {
  const split = x.shape.length === 4
  const width = x.shape.at(-1)!
  const size = split ? width : width / heads
  const data = x.data.map((value, at) => {
    const c = (at % width) % size
    if (c >= 2 * pairs) return value
    const rows = Math.floor(at / width)
    const i = rows % x.shape.at(-2)!
    const b = Math.floor(rows / x.shape.at(-2)! / (split ? heads : 1))
    const [pair, second] = interleaved ? [Math.floor(c / 2), c % 2 === 1] : [c % pairs, c >= pairs]
    const other = x.data[at + (interleaved ? 1 : pairs) * (second ? -1 : 1)]
    const [cos, sin] = angle(b, i, pair)
    return second ? other * sin + value * cos : value * cos - other * sin
  })
  return { shape: x.shape, data }
}

const reference =
  (order: (inputs: readonly Plain[]) => readonly Plain[]): Reference =>
  (inputs, attributes) => {
    const [x, cos, sin, ids] = order(inputs)
    const length = x.shape.at(-2)!
    const pairs = cos.shape.at(-1)!
    const heads =
      x.shape.length === 4 ? x.shape[1] : (attributes.num_heads as number | undefined) || x.shape[2] / (2 * pairs)
    const position = (b: number, i: number) =>
      !ids ? b * length + i : ids.data.length === 1 ? ids.data[0] + i : ids.data[b * length + i]
    return [
      turned(x, heads, pairs, attributes.interleaved === 1, (b, i, j) => [
        cos.data[position(b, i) * pairs + j],
        sin.data[position(b, i) * pairs + j],
      ]),
    ]
  }

export const rotaryReference = reference((inputs) => inputs)
/** ONNX Runtime's operator has the positions second. */
export const contribRotaryReference = reference(([x, ids, cos, sin]) => [x, cos, sin, ids])
