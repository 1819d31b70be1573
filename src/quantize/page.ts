import { escapeHtml, htmlPage } from '../core/html.js'
import { bytesText, msText } from '../core/table.js'
import type { QuantizeReport } from './quantize.js'

const percent = (share: number) => (Number.isFinite(share) ? `${(100 * share).toFixed(2)} %` : '∞')

/** Bars of a plot: longest first where there are too many. */
const MOST_BARS = 200

/** Horizontal bars with a logarithmic axis, as SVG: shares of a thousandth and of one are both seen. */
function bars(rows: readonly { readonly label: string; readonly value: number }[], title: string): string {
  const shown = rows.filter(({ value }) => value > 0).slice(0, MOST_BARS)
  if (shown.length === 0) return ''
  const finite = shown.map(({ value }) => (Number.isFinite(value) ? value : 10))
  const [low, high] = [Math.floor(Math.log10(Math.min(...finite))), Math.ceil(Math.log10(Math.max(...finite)) + 1e-9)]
  const [left, width, row] = [260, 520, 18]
  const at = (value: number) => left + (width * (Math.log10(value) - low)) / Math.max(1, high - low)
  const ticks = Array.from({ length: Math.max(1, high - low) + 1 }, (_, i) => low + i)
  const bottom = shown.length * row + 24
  return `<figure><figcaption>${escapeHtml(title)}</figcaption><svg viewBox="0 0 820 ${bottom + 24}" width="820" height="${bottom + 24}" role="img" aria-label="${escapeHtml(title)}">
${ticks.map((power) => `<line x1="${at(10 ** power)}" x2="${at(10 ** power)}" y1="8" y2="${bottom}" class="tick"/><text x="${at(10 ** power)}" y="${bottom + 16}" text-anchor="middle">${percent(10 ** power)}</text>`).join('\n')}
${shown.map(({ label }, i) => `<text x="${left - 8}" y="${i * row + 24}" text-anchor="end">${escapeHtml(label.length > 36 ? `…${label.slice(-35)}` : label)}</text><rect x="${left}" y="${i * row + 13}" width="${Math.max(1, at(finite[i]) - left)}" height="12"><title>${escapeHtml(label)}: ${percent(shown[i].value)}</title></rect>`).join('\n')}
</svg></figure>`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell, i) => `<${tag}${i > 0 ? ' class="number"' : ''}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`
  return `<table>${line(head, 'th')}${rows.map((row) => line(row, 'td')).join('')}</table>`
}

/**
 * What quantisation did and what it cost, as one HTML page that needs nothing else: size, speed, score, differences of
 * outputs and nodes with plots, and what stayed in float32.
 *
 * @param report - of {@link quantize}.
 * @param title - of the page, such as the model's name.
 */
export function quantizationPage(report: QuantizeReport, title: string): string {
  const { format, floatBytes, bytes, speed, score, outputs, quantized, kept, others, examples } = report
  const byDifference = quantized
    .map(({ node, difference }) => ({ label: node, value: difference?.relative ?? 0 }))
    .sort((a, b) => b.value - a.value)
  const bySensitivity = quantized
    .map(({ node, sensitivity }) => ({ label: node, value: sensitivity ?? 0 }))
    .sort((a, b) => b.value - a.value)
  const rows: [string, string, string, string][] = [
    ['file', bytesText(floatBytes), bytesText(bytes), `${((100 * bytes) / floatBytes).toFixed(0)} % of it`],
  ]
  if (speed)
    rows.push([
      `one run (${speed.rounds} in turns, medians)`,
      msText(speed.floatMs),
      msText(speed.quantizedMs),
      `${speed.ratio.toFixed(2)} times as fast`,
    ])
  if (score)
    rows.push([
      'score',
      score.float.toFixed(4),
      score.quantized.toFixed(4),
      `${(100 * (score.quantized - score.float)).toFixed(2)} points`,
    ])
  const style = `td, th { border-bottom: 1px solid #ddd }
svg { max-width: 100%; height: auto; font: 11px system-ui, sans-serif } rect { fill: #2a6fdb } .tick { stroke: #ddd }
figure { margin: 1rem 0 }`
  const body = `<p>${escapeHtml(format)}: ${quantized.length} nodes quantised, ${kept.length} kept in float32; ${examples} examples.</p>
${table(['', 'float32', format, ''], rows)}
${
  outputs.length > 0
    ? `<h2>Outputs</h2>${table(
        ['output', 'relative difference', 'largest difference', 'largest value'],
        outputs.map(({ name, relative, largest, scale }) => [
          name,
          percent(relative),
          largest.toExponential(2),
          scale.toExponential(2),
        ]),
      )}`
    : ''
}
${bars(byDifference, 'Difference of each result from float32 in the quantised model (root mean square by that of the values)')}
${bars(bySensitivity, 'Difference of the outputs when one node alone is quantised')}
${
  kept.length > 0
    ? `<h2>In float32</h2>${table(
        ['node', 'operator', 'why'],
        kept.map(({ node, op, reason }) => [node, op, reason]),
      )}`
    : ''
}
${
  Object.keys(others).length > 0
    ? `<p>Other operators in float32: ${escapeHtml(
        Object.entries(others)
          .map(([op, count]) => `${op} × ${count}`)
          .join(', '),
      )}.</p>`
    : ''
}`
  return htmlPage(title, style, body)
}
