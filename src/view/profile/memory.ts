import { bytesText } from '../../core/table.js'
import type { MemoryMap } from '../../inspect/memory-map.js'
import type { RunProfile } from '../../inspect/profile-file.js'
import { h, hueOf, s } from '../dom.js'

const [WIDTH, HEIGHT, LEFT, BELOW] = [960, 260, 84, 24]
const LISTED = 12

/** Where in the arena what lies, over the run. */
export function memoryPanel({ memory, nodes, totalMs }: RunProfile, letter: string | undefined): HTMLElement {
  const panel = h('section', { class: 'panel' }, h('h2', {}, letter ? `Memory of ${letter}` : 'Memory'))
  if (!memory || memory.blocks.length === 0) {
    panel.append(h('p', { class: 'facts' }, 'This profile does not tell what lay where in memory.'))
    return panel
  }
  const { blocks, arenaBytes, weightBytes, entries } = memory
  const which = letter ? ` of ${letter}` : ''
  // Time where the run is the one that was planned, else one step is as wide as another.
  const timed = entries === nodes.length && totalMs > 0
  const starts = [0]
  for (let i = 0; i < entries; i++) starts.push(starts[i] + (timed ? nodes[i].ms : 1))
  const whole = starts[entries] || 1
  const x = (entry: number) => LEFT + (starts[Math.min(entry, entries)] / whole) * (WIDTH - LEFT - 8)
  const y = (offset: number) => HEIGHT - BELOW - (offset / arenaBytes) * (HEIGHT - BELOW - 10)
  const held = (at: number) => blocks.filter(({ from, to }) => from <= at && at <= to)
  const bytesAt = Array.from({ length: entries }, (_, i) => sum(held(i)))
  const fullest = bytesAt.indexOf(bytesAt.reduce((a, b) => Math.max(a, b), 0))
  const line = bytesAt.map(
    (bytes, i) => `${i === 0 ? 'M' : 'L'}${x(i).toFixed(1)} ${y(bytes).toFixed(1)}H${x(i + 1).toFixed(1)}`,
  )
  panel.append(
    h(
      'p',
      { class: 'facts' },
      `The arena takes ${bytesText(arenaBytes)}, weights as the kernels read them ${bytesText(weightBytes)}. A block is a value at its place in the arena (up) for as long as it is needed (across${timed ? ', by time' : ', by steps'}); the line is what is held at once. All values together would take ${bytesText(sum(blocks))}${entries < nodes.length ? '; data decides how the run goes on after these steps' : ''}.`,
    ),
    h(
      'div',
      { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `Blocks of the arena${which}` },
      s(
        'svg',
        {
          viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
          role: 'img',
          'aria-label': `${blocks.length} blocks of memory`,
          class: 'wide',
        },
        ...[0, 0.5, 1].flatMap((part) => [
          s('path', { class: 'grid', d: `M${LEFT} ${y(part * arenaBytes)}H${WIDTH - 8}` }),
          s(
            'text',
            { x: LEFT - 6, y: y(part * arenaBytes) + 4, 'text-anchor': 'end' },
            bytesText(Math.round(part * arenaBytes)),
          ),
        ]),
        ...blocks.map((block) =>
          s(
            'rect',
            {
              class: 'block',
              x: x(block.from).toFixed(2),
              width: Math.max(1, x(block.to + 1) - x(block.from)).toFixed(2),
              y: y(block.offset + block.bytes).toFixed(2),
              height: Math.max(1, y(block.offset) - y(block.offset + block.bytes)).toFixed(2),
              style: `--hue: ${hueOf(block.name)}`,
            },
            s('title', {}, `${block.name}: ${bytesText(block.bytes)}, ${spanOf(block, nodes)}`),
          ),
        ),
        s('path', { class: 'roof', d: line.join('') }),
        s('text', { x: WIDTH - 8, y: HEIGHT - 6, 'text-anchor': 'end' }, timed ? 'time' : 'steps'),
      ),
    ),
    h('h3', {}, `What is held at the fullest moment (${nameOf(nodes, fullest)}, ${bytesText(bytesAt[fullest])})`),
    h(
      'div',
      { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `Blocks at the fullest moment${which}` },
      h(
        'table',
        {},
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            ...['value', 'bytes', 'offset', 'held'].map((title, i) =>
              h('th', { scope: 'col', class: i === 1 || i === 2 ? 'number' : '' }, title),
            ),
          ),
        ),
        h(
          'tbody',
          {},
          ...held(fullest)
            .sort((a, b) => b.bytes - a.bytes)
            .slice(0, LISTED)
            .map((block) =>
              h(
                'tr',
                {},
                h('td', {}, block.name),
                h('td', { class: 'number' }, bytesText(block.bytes)),
                h('td', { class: 'number' }, block.offset),
                h('td', {}, spanOf(block, nodes)),
              ),
            ),
        ),
      ),
    ),
  )
  return panel
}

function sum(blocks: MemoryMap['blocks']): number {
  return blocks.reduce((total, { bytes }) => total + bytes, 0)
}

function nameOf(nodes: RunProfile['nodes'], at: number): string {
  const entry = nodes.at(Math.min(at, nodes.length - 1))
  return entry ? entry.node || entry.op : `step ${at + 1}`
}

function spanOf({ from, to }: MemoryMap['blocks'][number], nodes: RunProfile['nodes']): string {
  return from === to ? `during ${nameOf(nodes, from)}` : `${nameOf(nodes, from)} to ${nameOf(nodes, to)}`
}
