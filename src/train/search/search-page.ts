import { escapeHtml, htmlPage } from '../../core/html.js'
import { metricText } from '../progress.js'
import { axisOf, mattered, short, type Measured } from './search-plot.js'
import type { Trial } from './search.js'

const WIDTH = 320
const HEIGHT = 200
/** Where the labels of the axes are. */
const BELOW = 34
const PAD = 58

/**
 * A table of trials and, for each parameter, how the measure goes with it: one HTML file that needs nothing else.
 *
 * @param trials - each as far as it went.
 * @param done - all of them, after each number of steps.
 * @internal
 */
export function searchPage(measure: string, trials: readonly Trial[], done: readonly Trial[]): string {
  const names = trials.length > 0 ? Object.keys(trials[0].parameters) : []
  const most = Math.max(0, ...trials.map(({ steps }) => steps))
  const whole = new Set(trials.flatMap(({ index, steps }) => (steps === most ? [index] : [])))
  const { first, shown, weights } = mattered(names, done)
  const rows = trials.map(
    ({ index, parameters, steps, measure: value, error }) =>
      `<tr><td>${index}</td>${names.map((name) => `<td>${escapeHtml(short(parameters[name]))}</td>`).join('')}<td>${steps}</td><td>${escapeHtml(value === null ? (error ?? 'failed') : metricText(measure, value))}</td></tr>`,
  )
  const style = `td, th { text-align: right; font-variant-numeric: tabular-nums }
figure { display: inline-block; margin: .5rem }`
  const body = `<h2>What mattered</h2>
<p>How ${escapeHtml(measure)} after ${first} steps goes with each parameter, and the share of it that the parameter explains by itself. A dot is a trial, a full one a trial of ${most} steps.</p>
<div>${weights.map(({ name, share }) => `<figure>${plot(name, measure, shown, whole)}<figcaption>${escapeHtml(name)}: ${(100 * share).toFixed(0)} %</figcaption></figure>`).join('\n')}</div>
<h2>Trials</h2>
<table><tr><th>trial</th>${names.map((name) => `<th>${escapeHtml(name)}</th>`).join('')}<th>steps</th><th>${escapeHtml(measure)}</th></tr>
${rows.join('\n')}
</table>`
  return htmlPage(`${trials.length} trials by ${measure}`, style, body)
}

/** A dot for each trial; those that went to the end are full. */
function plot(name: string, measure: string, trials: readonly Measured[], whole: ReadonlySet<number>): string {
  if (trials.length === 0) return ''
  const values = trials.map(({ parameters }) => parameters[name])
  const { xs, ends, logarithmic } = axisOf(values)
  const across = scale(xs, PAD + 8, WIDTH - 18)
  const up = scale(
    trials.map((trial) => trial.measure),
    HEIGHT - BELOW - 8,
    14,
  )
  const dots = trials.map(
    (trial, i) =>
      `<circle cx="${across(xs[i]).toFixed(1)}" cy="${up(trial.measure).toFixed(1)}" r="4" fill="${whole.has(trial.index) ? '#2a6fdb' : 'none'}" stroke="#2a6fdb"><title>trial ${trial.index}: ${escapeHtml(short(values[i]))}, ${metricText(measure, trial.measure)}</title></circle>`,
  )
  const labels = (ends.length > 4 ? [ends[0], ends[ends.length - 1]] : ends).map((label, i, all) => {
    const x = all.length === 1 ? WIDTH / 2 : PAD + (i * (WIDTH - 10 - PAD)) / (all.length - 1)
    return `<text x="${x.toFixed(0)}" y="${HEIGHT - 14}" font-size="11" text-anchor="${i === 0 ? 'start' : i === all.length - 1 ? 'end' : 'middle'}">${escapeHtml(label)}</text>`
  })
  const measures = trials.map((trial) => trial.measure)
  for (const value of new Set([Math.min(...measures), Math.max(...measures)]))
    labels.push(
      `<text x="${PAD - 6}" y="${(up(value) + 4).toFixed(1)}" font-size="11" text-anchor="end">${metricText(measure, value)}</text>`,
    )
  if (logarithmic)
    labels.push(
      `<text x="${(PAD + WIDTH - 10) / 2}" y="${HEIGHT - 14}" font-size="11" text-anchor="middle">logarithmic</text>`,
    )
  return `<svg width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${escapeHtml(`${measure} by ${name}`)}"><path d="M${PAD} 10V${HEIGHT - BELOW}H${WIDTH - 10}" fill="none" stroke="#888"/>${dots.join('')}${labels.join('')}</svg>`
}

function scale(values: readonly number[], from: number, to: number): (value: number) => number {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  return (value) => (high === low ? (from + to) / 2 : from + ((value - low) / (high - low)) * (to - from))
}
