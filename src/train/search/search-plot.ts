import { metricText } from '../progress.js'
import { importance, type ParameterValue } from './search-space.js'
import type { Trial } from './search.js'

/** A trial that did not fail. */
export type Measured = Trial & { readonly measure: number }

/** What is compared, and how much of the measure each parameter explains, the most first. @internal */
export function mattered(
  names: readonly string[],
  done: readonly Trial[],
): {
  readonly first: number
  readonly shown: readonly Measured[]
  readonly weights: readonly { readonly name: string; readonly share: number }[]
} {
  // What is compared has had as many steps.
  const first = Math.min(...done.map(({ steps }) => steps))
  const shown = done.filter((trial): trial is Measured => trial.measure !== null && trial.steps === first)
  const measures = shown.map(({ measure }) => measure)
  const weights = names.map((name) => ({
    name,
    share: importance(
      shown.map(({ parameters }) => parameters[name]),
      measures,
    ),
  }))
  return { first, shown, weights: weights.sort((a, b) => b.share - a.share) }
}

/** Where values stand on an axis, and what is written at it: both ends of numbers, or every value. @internal */
export function axisOf(values: readonly ParameterValue[]): {
  readonly xs: readonly number[]
  readonly ends: readonly string[]
  readonly logarithmic: boolean
} {
  const numeric = values.every((value) => typeof value === 'number')
  const kinds = [...new Set(values)].sort()
  const numbers = values.map((value) => (numeric ? (value as number) : kinds.indexOf(value)))
  // Ranges over several powers of ten are looked at in the logarithm.
  const low = Math.min(...numbers)
  const logarithmic = numeric && low > 0 && Math.max(...numbers) / low > 20
  const xs = numbers.map((value) => (logarithmic ? Math.log10(value) : value))
  return { xs, ends: (numeric ? [low, Math.max(...numbers)] : kinds).map(short), logarithmic }
}

const WIDTH = 48
const HEIGHT = 6
const DOTS = ['·', '•', '●']

/**
 * What mattered in a search, for a terminal: a plot for each parameter, the one that explains most first. A dot is a
 * trial, a thicker one several.
 *
 * @param done - all trials, after each number of steps.
 */
export function searchPlot(measure: string, done: readonly Trial[]): string[] {
  const names = done.length > 0 ? Object.keys(done[0].parameters) : []
  const { first, shown, weights } = mattered(names, done)
  if (shown.length < 2) return []
  const measures = shown.map((trial) => trial.measure)
  const [low, high] = [Math.min(...measures), Math.max(...measures)]
  const [top, bottom] = [metricText(measure, high), metricText(measure, low)]
  const margin = Math.max(top.length, bottom.length)
  const lines = [`what mattered for ${measure} after ${first} steps:`]
  for (const { name, share } of weights) {
    const { xs, ends, logarithmic } = axisOf(shown.map(({ parameters }) => parameters[name]))
    const [left, right] = [Math.min(...xs), Math.max(...xs)]
    const counts = Array.from({ length: HEIGHT }, () => new Array<number>(WIDTH).fill(0))
    for (const [i, x] of xs.entries())
      counts[HEIGHT - 1 - placeOf(measures[i], low, high, HEIGHT)][placeOf(x, left, right, WIDTH)]++
    lines.push('', `${name}: explains ${(100 * share).toFixed(0)} %${logarithmic ? ' (logarithmic)' : ''}`)
    for (const [row, cells] of counts.entries()) {
      const label = row === 0 ? top : row === HEIGHT - 1 ? bottom : ''
      const dots = cells.map((count) => (count === 0 ? ' ' : DOTS[Math.min(count, DOTS.length) - 1]))
      lines.push(`${label.padStart(margin)} │${dots.join('')}`.trimEnd())
    }
    lines.push(`${' '.repeat(margin)} └${'─'.repeat(WIDTH)}`)
    lines.push(`${' '.repeat(margin)}  ${spread(ends.length > 4 ? [ends[0], ends[ends.length - 1]] : ends)}`.trimEnd())
  }
  return lines
}

/** The cell of a value among `cells` between two ends; the middle one where the ends are the same. */
function placeOf(value: number, low: number, high: number, cells: number): number {
  return Math.round((high === low ? 0.5 : (value - low) / (high - low)) * (cells - 1))
}

/** Labels over the width of a plot, the first at its left end and the last at its right one. */
function spread(labels: readonly string[]): string {
  const cells = new Array<string>(WIDTH).fill(' ')
  for (const [i, label] of labels.entries()) {
    const at = labels.length === 1 ? WIDTH / 2 : (i * WIDTH) / (labels.length - 1)
    const begin = Math.max(0, Math.min(WIDTH - label.length, Math.round(at - label.length / 2)))
    for (const [k, character] of [...label].entries()) cells[begin + k] = character
  }
  return cells.join('')
}

/** A value in few characters. @internal */
export function short(value: ParameterValue): string {
  return typeof value === 'number' ? String(Number(value.toPrecision(4))) : String(value)
}
