// Measures of a run over its steps as an SVG: npx tsx models/curves.ts RUN/metrics.jsonl FILE.svg KEY=LABEL …
// e.g. validation/sequenceAccuracy=validation. Shares are drawn as per cent when all of them lie between 0 and 1.
import { readFileSync, writeFileSync } from 'node:fs'

interface Series {
  readonly label: string
  readonly points: readonly (readonly [step: number, value: number])[]
}

const COLOURS = ['#2a6fdb', '#c0392b', '#2e8b57', '#8e44ad', '#b7791f']
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [640, 320, 52, 120, 14, 34]

/** A round distance of about so many marks over a range. */
function stepOf(range: number, marks: number): number {
  const rough = range / marks
  const power = 10 ** Math.floor(Math.log10(rough))
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough) ?? 10 * power
}

function chart(series: readonly Series[]): string {
  const points = series.flatMap((one) => one.points)
  const values = points.map(([, value]) => value)
  const share = Math.min(...values) >= 0 && Math.max(...values) <= 1
  const end = Math.max(...points.map(([step]) => step))
  const [low, high] = share ? [0, 1] : [Math.min(...values), Math.max(...values)]
  const x = (step: number) => LEFT + ((WIDTH - LEFT - RIGHT) * step) / end
  const y = (value: number) => TOP + ((HEIGHT - TOP - BOTTOM) * (high - value)) / (high - low || 1)
  const marks = (from: number, to: number, count: number) => {
    const step = stepOf(to - from, count)
    const first = Math.ceil(from / step)
    return Array.from({ length: Math.floor(to / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step)
  }
  const number = (value: number) => (share ? `${Math.round(100 * value)} %` : String(Number(value.toPrecision(4))))
  const rows = marks(low, high, 5).map(
    (value) =>
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}" stroke="#ddd"/><text x="${LEFT - 6}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end">${number(value)}</text>`,
  )
  const columns = marks(0, end, 6).map(
    (step) => `<text x="${x(step).toFixed(1)}" y="${HEIGHT - 14}" text-anchor="middle">${step}</text>`,
  )
  const lines = series.map(({ label, points: own }, i) => {
    const path = own.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(' ')
    const legend = TOP + 12 + 18 * i
    return `<polyline points="${path}" fill="none" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="1.6"/><line x1="${WIDTH - RIGHT + 10}" x2="${WIDTH - RIGHT + 28}" y1="${legend - 4}" y2="${legend - 4}" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="2"/><text x="${WIDTH - RIGHT + 33}" y="${legend}">${label}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
${[...rows, ...columns, ...lines].join('\n')}
</svg>
`
}

const [metrics, file, ...wanted] = process.argv.slice(2)
if (wanted.length === 0) throw new Error('usage: npx tsx models/curves.ts RUN/metrics.jsonl FILE.svg KEY=LABEL …')
const records = readFileSync(metrics, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Readonly<Record<string, number>>)
const series = wanted.map((text): Series => {
  const [key, label = key] = text.split('=')
  const points = records.flatMap((record) => (key in record ? [[record.step, record[key]] as const] : []))
  if (points.length === 0) throw new Error(`${metrics} has no "${key}"`)
  return { label, points }
})
writeFileSync(file, chart(series))
