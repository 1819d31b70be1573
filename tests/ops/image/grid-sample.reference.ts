import type { Reference } from '../case.js'
import { at, filled } from '../reference-tensor.js'

/** Torch's grid_sample, as its documentation defines it. */
export const gridSample: Reference = (
  [x, grid],
  { align_corners: aligned = 0, mode = 'linear', padding_mode: padding = 'zeros' },
) => {
  const sizes = x.shape.slice(2)
  const fold = (i: number, size: number): number => {
    const [low, high] = aligned ? [0, size - 1] : [-0.5, size - 0.5]
    if (low === high) return 0
    let k = i
    while (k < low || k > high) k = k < low ? 2 * low - k : 2 * high - k
    return k
  }
  const pixel = (n: number, c: number, place: number[]): number => {
    const inside = place.map((i, axis) => {
      if (padding === 'border') return Math.min(Math.max(i, 0), sizes[axis] - 1)
      return padding === 'reflection' ? Math.round(fold(i, sizes[axis])) : i
    })
    return inside.every((i, axis) => i >= 0 && i < sizes[axis]) ? at(x, [n, c, ...inside]) : 0
  }
  const cubic = (d: number) => (d <= 1 ? 1.25 * d ** 3 - 2.25 * d ** 2 + 1 : -0.75 * d ** 3 + 3.75 * d ** 2 - 6 * d + 3)
  return [
    filled([x.shape[0], x.shape[1], ...grid.shape.slice(1, -1)], ([n, c, ...point]) => {
      const place = sizes.map((size, axis) => {
        const g = at(grid, [n, ...point, sizes.length - 1 - axis])
        const i = aligned ? ((g + 1) / 2) * (size - 1) : ((g + 1) * size - 1) / 2
        if (padding === 'border' && mode !== 'cubic') return Math.min(Math.max(i, 0), size - 1)
        return padding === 'reflection' && mode !== 'nearest' ? fold(i, size) : i
      })
      if (mode === 'nearest')
        return pixel(
          n,
          c,
          place.map((i) => Math.round(i)),
        )
      const reach = mode === 'linear' ? [0, 1] : [-1, 0, 1, 2]
      let sum = 0
      const visit = (axis: number, found: number[], weight: number): void => {
        if (axis === sizes.length) sum += weight * pixel(n, c, found)
        else {
          for (const r of reach) {
            const i = Math.floor(place[axis]) + r
            const d = Math.abs(i - place[axis])
            visit(axis + 1, [...found, i], weight * (mode === 'linear' ? 1 - d : cubic(d)))
          }
        }
      }
      visit(0, [], 1)
      return sum
    }),
  ]
}

export const affineGrid: Reference = ([theta, size], { align_corners: aligned = 0 }) => {
  const [n, , ...sizes] = size.data
  const dims = sizes.length
  return [
    filled([n, ...sizes, dims], (index) => {
      const place = index
        .slice(1, -1)
        .map((i, axis) => (aligned ? (2 * i) / (sizes[axis] - 1) - 1 : (2 * i + 1) / sizes[axis] - 1))
      return [...place.reverse(), 1].reduce((sum, x, k) => sum + x * at(theta, [index[0], index[dims + 1], k]), 0)
    }),
  ]
}
