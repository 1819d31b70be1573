import { escapeHtml } from '../core/html.js'
import { checkArguments } from '../core/arguments.js'
import { fastPng } from '../data/picture.js'
import { LanewiseError } from '../core/errors.js'
import { optionalText } from '../platform/optional.js'
import type { MetricsRecord } from './metrics-log.js'
import { metricText } from './progress.js'

/** A picture of a test example with what the model says of it. */
export interface SamplePrediction {
  /** 0 … 1, `channels` planes of height × width: grey or red, green, blue. */
  readonly image: {
    readonly width: number
    readonly height: number
    readonly channels: 1 | 3
    readonly data: Float32Array
  }
  /** The right class or text. */
  readonly label: string
  /** What the model said. */
  readonly prediction: string
  /** By class, in the order of `classes`. */
  readonly probabilities: readonly number[]
}

/** What a report of a training shows. */
export interface TrainingReport {
  /** Stands at the top and in the page's title. */
  readonly title: string
  /** One or two sentences above everything else. */
  readonly summary?: string
  /** What the run was told and where it ran: shown as a table. */
  readonly settings: Readonly<Record<string, string | number | boolean>>
  /** The records of the metrics log. */
  readonly history: readonly MetricsRecord[]
  /** Names of the classes. */
  readonly classes?: readonly string[]
  /** confusion[truth][prediction] counts examples. */
  readonly confusion?: readonly (readonly number[])[]
  /** Examples that are shown as pictures, with what the model said. */
  readonly samples?: readonly SamplePrediction[]
}

/**
 * A report as one HTML file that needs nothing else: curves (drawn by uPlot, which is written into the file), confusion
 * matrix, sample predictions as pictures, settings.
 *
 * @throws LanewiseError `E_UNSUPPORTED` if the packages uplot or (with samples) fast-png are not installed; `E_SHAPE`
 *   if a matrix or probabilities do not fit the classes.
 */
export async function htmlReport(report: TrainingReport): Promise<string> {
  checkArguments('htmlReport', { report }, 'object')
  const { title: name, summary: lines, settings: values, history: records } = report
  checkArguments(
    'htmlReport',
    { title: name, summary: lines, settings: values, history: records },
    'string',
    'any',
    'any',
    'iterable',
  )

  const { title, summary, settings, history, classes = [], confusion, samples = [] } = report
  const script = optionalText('uplot/dist/uPlot.iife.min.js', 'an HTML report')
  const style = optionalText('uplot/dist/uPlot.min.css', 'an HTML report')
  const charts = chartsOf(history)
  const parts = [
    `<h1>${escapeHtml(title)}</h1>`,
    summary ? `<p>${escapeHtml(summary)}</p>` : '',
    charts.length > 0
      ? `<h2>Curves</h2><div class="charts">${charts.map((_, i) => `<figure id="chart${i}"></figure>`).join('')}</div>`
      : '',
    confusion ? `<h2>Confusion matrix</h2>${confusionTable(classes, confusion)}` : '',
    samples.length > 0
      ? `<h2>Predictions</h2><div class="samples">${(await Promise.all(samples.map((sample) => card(sample, classes)))).join('')}</div>`
      : '',
    `<h2>Settings</h2><table class="settings">${Object.entries(settings)
      .map(([name, value]) => `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(String(value))}</td></tr>`)
      .join('')}</table>`,
  ]
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">
<title>${escapeHtml(title)}</title>
<style>${style}${STYLE}</style>
</head>
<body>
${parts.filter(Boolean).join('\n')}
<script>${script}</script>
<script type="application/json" id="data">${json(charts)}</script>
<script>${DRAW}</script>
</body>
</html>
`
}

interface Chart {
  readonly title: string
  readonly steps: readonly number[]
  readonly lines: readonly { readonly name: string; readonly values: readonly (number | null)[] }[]
}

/** Metrics that differ only in the part of the data they were measured on share a chart: loss, validation loss. */
export function chartsOf(history: readonly MetricsRecord[]): Chart[] {
  const names = new Set<string>()
  for (const record of history)
    for (const [name, value] of Object.entries(record))
      if (typeof value === 'number' && name !== 'step' && name !== 'epoch') names.add(name)
  const groups = new Map<string, string[]>()
  for (const name of names) {
    const stem = name.replace(/^(train|training|val|validation|test)[_/. ]/i, '')
    groups.set(stem, [...(groups.get(stem) ?? []), name])
  }
  return [...groups].map(([title, members]) => {
    // Several records of a step are one point: what a later one says counts.
    const points = new Map<number, Map<string, number>>()
    for (const record of history) {
      for (const name of members) {
        const value = record[name]
        if (typeof value !== 'number') continue
        const point = points.get(record.step) ?? new Map<string, number>()
        points.set(record.step, point.set(name, value))
      }
    }
    const steps = [...points.keys()].sort((a, b) => a - b)
    const lines = members.map((name) => ({ name, values: steps.map((step) => finite(points.get(step)?.get(name))) }))
    return { title, steps, lines }
  })
}

function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null
}

function confusionTable(classes: readonly string[], matrix: readonly (readonly number[])[]): string {
  if (matrix.length !== classes.length || matrix.some((row) => row.length !== classes.length)) {
    throw new LanewiseError('E_SHAPE', `a confusion matrix of ${classes.length} classes has as many rows and columns`, {
      expected: `${classes.length}×${classes.length}`,
      actual: `${matrix.length}×${matrix[0]?.length ?? 0}`,
    })
  }
  const share = (part: number, whole: number) => (whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`)
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)
  const rows = matrix.map((row, truth) => {
    const total = sum(row)
    const cells = row.map((count, prediction) => {
      const weight = total === 0 ? 0 : count / total
      // Errors are few: the root makes them seen.
      const colour =
        truth === prediction
          ? `rgba(40,140,70,${weight.toFixed(3)})`
          : `rgba(200,50,40,${Math.sqrt(weight).toFixed(3)})`
      return `<td style="background:${colour}" title="${escapeHtml(classes[truth])} taken for ${escapeHtml(classes[prediction])}: ${count}">${count || ''}</td>`
    })
    return `<tr><th>${escapeHtml(classes[truth])}</th>${cells.join('')}<td class="share">${share(row[truth], total)}</td></tr>`
  })
  const right = sum(matrix.map((row, i) => row[i]))
  const total = sum(matrix.map(sum))
  const columns = classes.map(
    (_, i) => `<td class="share">${share(matrix[i][i], sum(matrix.map((row) => row[i])))}</td>`,
  )
  return `<p>${right} of ${total} right: ${share(right, total)}. Rows are what an example is, columns what it was taken for.</p>
<table class="confusion"><tr><th></th>${classes.map((name) => `<th>${escapeHtml(name)}</th>`).join('')}<th>recall</th></tr>
${rows.join('\n')}
<tr><th>precision</th>${columns.join('')}<td></td></tr></table>`
}

async function card(
  { image, label, prediction, probabilities }: SamplePrediction,
  classes: readonly string[],
): Promise<string> {
  if (probabilities.length !== classes.length)
    throw new LanewiseError(
      'E_SHAPE',
      `there are ${classes.length} classes but ${probabilities.length} probabilities`,
      { expected: String(classes.length), actual: String(probabilities.length) },
    )
  const right = label === prediction
  const best = probabilities
    .map((value, i) => ({ value, name: classes[i] }))
    .sort((a, b) => b.value - a.value)
    .slice(0, 3)
  const bars = best.map(
    ({ value, name }) =>
      `<div class="bar"><span>${escapeHtml(name)}</span><i style="width:${(60 * value).toFixed(1)}px"></i>${metricText('accuracy', value)}</div>`,
  )
  return `<figure class="${right ? 'right' : 'wrong'}"><img src="${await pngUri(image)}" width="${image.width}" height="${image.height}" alt="${escapeHtml(label)}">
<figcaption>${escapeHtml(prediction)}${right ? '' : ` <small>is ${escapeHtml(label)}</small>`}</figcaption>${bars.join('')}</figure>`
}

/** A picture of 0 … 1, in planes, as a PNG that stands in the page. */
async function pngUri({ width, height, channels, data }: SamplePrediction['image']): Promise<string> {
  const area = width * height
  if (data.length !== area * channels)
    throw new LanewiseError(
      'E_SHAPE',
      `a picture of ${channels}×${height}×${width} has ${area * channels} values, got ${data.length}`,
    )
  const { encode } = await fastPng()
  const bytes = new Uint8Array(data.length)
  for (let i = 0; i < area; i++)
    for (let c = 0; c < channels; c++)
      bytes[i * channels + c] = Math.round(255 * Math.min(1, Math.max(0, data[c * area + i])))
  const png = encode({ width, height, channels, depth: 8, data: bytes })
  return `data:image/png;base64,${btoa(Array.from(png, (byte) => String.fromCharCode(byte)).join(''))}`
}

/** JSON that cannot end the script it stands in. */
function json(value: unknown): string {
  return JSON.stringify(value).replace(/</g, '\\u003c')
}

const STYLE = `
body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;color:#222}
h2{margin-top:2em}figure{margin:0}
.charts{display:flex;flex-wrap:wrap;gap:1.5em}
table{border-collapse:collapse}th{font-weight:600}
.settings th{text-align:left;padding-right:2em}
.confusion td,.confusion th{padding:.2em .5em;text-align:right;border:1px solid #eee;font-variant-numeric:tabular-nums}
.confusion .share{color:#666}
.samples{display:flex;flex-wrap:wrap;gap:1em}
.samples figure{width:130px;padding:8px;border:1px solid #ddd;border-left:4px solid #288c46;font-size:13px}
.samples .wrong{border-left-color:#c83228}
.samples img{width:112px;height:auto;image-rendering:pixelated;background:#000;display:block}
.samples figcaption{font-size:16px;font-weight:600}
.bar{display:flex;gap:4px;align-items:center;white-space:nowrap}.bar span{min-width:1em;max-width:50px;overflow:hidden}.bar i{background:#8ab;height:8px}
`

const DRAW = `
const colours = ['#2266aa', '#cc5522', '#338844', '#884499', '#888800', '#444444']
JSON.parse(document.getElementById('data').textContent).forEach(({ title, steps, lines }, i) => {
  const series = [{ label: 'step' }, ...lines.map(({ name }, k) => ({ label: name, stroke: colours[k % colours.length], width: 1.5, spanGaps: true }))]
  // uPlot's own labels have three decimals: small losses would all be 0.
  const values = (_, splits) => splits.map((value) => (value == null ? '' : String(Number(value.toPrecision(6)))))
  const options = { title, width: 500, height: 280, scales: { x: { time: false } }, axes: [{ values }, { size: 70, values }], series }
  new uPlot(options, [steps, ...lines.map(({ values }) => values)], document.getElementById('chart' + i))
})
`
