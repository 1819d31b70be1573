import { importance, type ParameterValue } from './search-space.js'
import type { Trial } from './search.js'

const WIDTH = 320
const HEIGHT = 200
const PAD = 34

/** A table of trials and, for each parameter, how the measure goes with it: one HTML file that needs nothing else. @internal */
export function searchPage(measure: string, trials: readonly Trial[]): string {
  const names = trials.length > 0 ? Object.keys(trials[0].parameters) : []
  const most = Math.max(0, ...trials.map(({ steps }) => steps))
  const shown = trials.filter((trial): trial is Trial & { measure: number } => trial.measure !== null)
  const weights = names.map((name) => ({ name, share: shareOf(name, shown) })).sort((a, b) => b.share - a.share)
  const rows = trials.map(
    ({ index, parameters, steps, measure: value, error }) =>
      `<tr><td>${index}</td>${names.map((name) => `<td>${text(short(parameters[name]))}</td>`).join('')}<td>${steps}</td><td>${value === null ? text(error ?? 'failed') : short(value)}</td></tr>`,
  )
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Search</title><style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } td, th { padding: .1rem .7rem; text-align: right; font-variant-numeric: tabular-nums }
figure { display: inline-block; margin: .5rem }
</style></head><body>
<h1>${trials.length} trials by ${text(measure)}</h1>
<h2>What mattered</h2>
<p>The share of the measure's order that each parameter explains by itself, among all trials as far as they went.</p>
<div>${weights.map(({ name, share }) => `<figure>${plot(name, measure, shown, most)}<figcaption>${text(name)}: ${(100 * share).toFixed(0)} %</figcaption></figure>`).join('\n')}</div>
<h2>Trials</h2>
<table><tr><th>trial</th>${names.map((name) => `<th>${text(name)}</th>`).join('')}<th>steps</th><th>${text(measure)}</th></tr>
${rows.join('\n')}
</table></body></html>
`
}

function shareOf(name: string, trials: readonly (Trial & { measure: number })[]): number {
  return importance(
    trials.map(({ parameters }) => parameters[name]),
    trials.map(({ measure }) => measure),
  )
}

/** A dot for each trial; those that went to the end are full. */
function plot(name: string, measure: string, trials: readonly (Trial & { measure: number })[], most: number): string {
  const values = trials.map(({ parameters }) => parameters[name])
  const numeric = values.every((value) => typeof value === 'number')
  const kinds = [...new Set(values)]
  const numbers = values.map((value) => (numeric ? (value as number) : kinds.indexOf(value)))
  // Ranges over several powers of ten are looked at in the logarithm.
  const low = Math.min(...numbers)
  const logarithmic = numeric && low > 0 && Math.max(...numbers) / low > 20
  const xs = numbers.map((value) => (logarithmic ? Math.log10(value) : value))
  const across = scale(xs, PAD, WIDTH - 10)
  const up = scale(
    trials.map((trial) => trial.measure),
    HEIGHT - PAD,
    10,
  )
  const dots = trials.map(
    (trial, i) =>
      `<circle cx="${across(xs[i]).toFixed(1)}" cy="${up(trial.measure).toFixed(1)}" r="4" fill="${trial.steps === most ? '#2a6fdb' : 'none'}" stroke="#2a6fdb"><title>trial ${trial.index}: ${text(short(values[i]))}, ${short(trial.measure)}</title></circle>`,
  )
  const ends = numeric ? [low, Math.max(...numbers)].map(short) : kinds.map(short)
  const labels = (ends.length > 4 ? [ends[0], ends[ends.length - 1]] : ends).map((label, i, all) => {
    const x = all.length === 1 ? WIDTH / 2 : PAD + (i * (WIDTH - 10 - PAD)) / (all.length - 1)
    return `<text x="${x.toFixed(0)}" y="${HEIGHT - 14}" font-size="11" text-anchor="${i === 0 ? 'start' : i === all.length - 1 ? 'end' : 'middle'}">${text(label)}</text>`
  })
  return `<svg width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${text(`${measure} by ${name}`)}"><path d="M${PAD} 10V${HEIGHT - PAD}H${WIDTH - 10}" fill="none" stroke="#888"/>${dots.join('')}${labels.join('')}</svg>`
}

function scale(values: readonly number[], from: number, to: number): (value: number) => number {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  return (value) => (high === low ? (from + to) / 2 : from + ((value - low) / (high - low)) * (to - from))
}

function short(value: ParameterValue): string {
  return typeof value === 'number' ? String(Number(value.toPrecision(4))) : String(value)
}

function text(value: string): string {
  return value.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
