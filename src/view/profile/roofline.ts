import { msText } from '../../core/table.js'
import type { RunProfile } from '../../inspect/profile-file.js'
import { h, hueOf, s } from '../dom.js'

const [WIDTH, HEIGHT, LEFT, BELOW, ABOVE] = [720, 340, 56, 40, 14]

interface Axis {
  readonly at: (value: number) => number
  readonly ticks: readonly number[]
}

/** Powers of ten from one that is below all values to one that is above. */
function logarithmic(values: readonly number[], from: number, to: number): Axis {
  const low = Math.floor(Math.log10(values.reduce((a, b) => Math.min(a, b), Infinity)))
  const high = Math.max(low + 1, Math.ceil(Math.log10(values.reduce((a, b) => Math.max(a, b), 0))))
  return {
    at: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from),
    ticks: Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)),
  }
}

/** Every node by what it computes for each byte (across) and how fast it does (up), under what the device can do. */
export function roofline(profiles: readonly RunProfile[]): HTMLElement {
  const panel = h('section', { class: 'panel' }, h('h2', {}, 'Roofline'))
  const dots = profiles.flatMap(({ nodes, totalMs }, which) =>
    nodes.flatMap((entry) =>
      entry.flops && entry.bytes > 0 && entry.ms > 0
        ? [{ entry, which, x: entry.flops / entry.bytes, y: entry.flops / entry.ms / 1e6, part: entry.ms / totalMs }]
        : [],
    ),
  )
  const moving = profiles.flatMap(({ nodes, totalMs }, which) =>
    nodes.flatMap((entry) =>
      entry.bytes > 0 && entry.ms > 0
        ? [{ entry, which, rate: entry.bytes / entry.ms / 1e6, part: entry.ms / totalMs }]
        : [],
    ),
  )
  const device = profiles.find((profile) => profile.device)?.device
  if (dots.length === 0 && moving.length === 0) {
    panel.append(h('p', { class: 'facts' }, 'No node of this run tells its operations and bytes.'))
    return panel
  }
  panel.append(
    h(
      'p',
      { class: 'facts' },
      device
        ? `A dot is a node, its area the time it takes. Under the slanted line memory is what limits a node (${device.gbytes.toFixed(1)} GB/s were read here), under the level one arithmetic (${device.gflops.toFixed(1)} GFLOP/s of multiply-adds in registers). Operations are counted as the direct algorithm has them: Winograd convolutions do fewer and may lie over the roof, and so may nodes whose values are in a cache over the slope.`
        : 'A dot is a node, its area the time it takes. What the device could do was not measured.',
    ),
  )
  const charts = h('div', { class: 'roofs' })
  if (dots.length > 0) {
    const ridge = device ? device.gflops / device.gbytes : undefined
    const x = logarithmic([...dots.map((dot) => dot.x), ...(ridge ? [ridge] : [])], LEFT, WIDTH - 12)
    const y = logarithmic([...dots.map((dot) => dot.y), ...(device ? [device.gflops] : [])], HEIGHT - BELOW, ABOVE)
    const lowX = x.ticks[0]
    const lowY = y.ticks[0]
    // The slope begins where it comes into the picture.
    const start = device ? Math.max(lowX, lowY / device.gbytes) : lowX
    charts.append(
      s(
        'svg',
        { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': `Roofline of ${dots.length} nodes` },
        ...x.ticks.flatMap((tick) => [
          s('path', { class: 'grid', d: `M${x.at(tick)} ${ABOVE}V${HEIGHT - BELOW}` }),
          s('text', { x: x.at(tick), y: HEIGHT - 22, 'text-anchor': 'middle' }, power(tick)),
        ]),
        ...y.ticks.flatMap((tick) => [
          s('path', { class: 'grid', d: `M${LEFT} ${y.at(tick)}H${WIDTH - 12}` }),
          s('text', { x: LEFT - 8, y: y.at(tick) + 4, 'text-anchor': 'end' }, power(tick)),
        ]),
        s('text', { x: WIDTH - 12, y: HEIGHT - 5, 'text-anchor': 'end' }, 'operations per byte'),
        s('text', { x: LEFT + 6, y: ABOVE + 12 }, 'GFLOP/s'),
        device &&
          ridge &&
          s('path', {
            class: 'roof',
            d: `M${x.at(start)} ${y.at(start * device.gbytes)}L${x.at(ridge)} ${y.at(device.gflops)}H${WIDTH - 12}`,
          }),
        ...dots.map(({ entry, which, x: across, y: up, part }) =>
          s(
            which === 0 ? 'circle' : 'rect',
            {
              ...mark(which, x.at(across), y.at(up), 3 + 16 * Math.sqrt(part)),
              class: 'dot',
              style: `--hue: ${hueOf(entry.op)}`,
            },
            s(
              'title',
              {},
              `${entry.op} ${entry.node} (${entry.kernel}): ${up.toFixed(1)} GFLOP/s, ${across.toFixed(1)} operations per byte, ${msText(entry.ms)}`,
            ),
          ),
        ),
      ),
    )
  }
  if (moving.length > 0) {
    const y = logarithmic(
      [...moving.map(({ rate }) => rate), ...(device ? [device.gbytes] : [])],
      HEIGHT - BELOW,
      ABOVE,
    )
    const wide = 340
    const step = (wide - LEFT - 12) / Math.max(1, ...profiles.map(({ nodes }) => nodes.length))
    charts.append(
      s(
        'svg',
        { viewBox: `0 0 ${wide} ${HEIGHT}`, role: 'img', 'aria-label': `Memory rate of ${moving.length} nodes` },
        ...y.ticks.flatMap((tick) => [
          s('path', { class: 'grid', d: `M${LEFT} ${y.at(tick)}H${wide - 12}` }),
          s('text', { x: LEFT - 8, y: y.at(tick) + 4, 'text-anchor': 'end' }, power(tick)),
        ]),
        s('text', { x: wide - 12, y: HEIGHT - 5, 'text-anchor': 'end' }, 'nodes in the order of execution'),
        s('text', { x: LEFT + 6, y: ABOVE + 12 }, 'GB/s'),
        device && s('path', { class: 'roof', d: `M${LEFT} ${y.at(device.gbytes)}H${wide - 12}` }),
        ...moving.map(({ entry, which, rate, part }) =>
          s(
            which === 0 ? 'circle' : 'rect',
            {
              ...mark(
                which,
                LEFT + (profiles[which].nodes.indexOf(entry) + 0.5) * step,
                y.at(rate),
                2 + 10 * Math.sqrt(part),
              ),
              class: 'dot',
              style: `--hue: ${hueOf(entry.op)}`,
            },
            s('title', {}, `${entry.op} ${entry.node} (${entry.kernel}): ${rate.toFixed(1)} GB/s, ${msText(entry.ms)}`),
          ),
        ),
      ),
    )
  }
  panel.append(charts)
  const ops = [...new Set(dots.map(({ entry }) => entry.op))]
  panel.append(
    h(
      'p',
      { class: 'legend' },
      ...ops.map((op) => h('span', { style: `--hue: ${hueOf(op)}` }, op)),
      profiles.length > 1 && h('em', {}, 'circles are A, squares are B'),
    ),
  )
  return panel
}

function mark(which: number, x: number, y: number, radius: number): Record<string, number> {
  return which === 0
    ? { cx: x, cy: y, r: radius }
    : { x: x - radius * 0.89, y: y - radius * 0.89, width: radius * 1.78, height: radius * 1.78 }
}

function power(value: number): string {
  return value >= 0.01 && value < 1e5 ? String(Number(value.toPrecision(1))) : value.toExponential(0)
}
