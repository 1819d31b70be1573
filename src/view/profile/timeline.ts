import type { ProfileEntry } from '../../api/profile.js'
import { bytesText, msText, share } from '../../core/table.js'
import type { RunProfile } from '../../inspect/profile-file.js'
import { h, hueOf } from '../dom.js'
import { framesOf, type Frame } from './frames.js'

const ROW = 24
const MOST_ZOOM = 256

/** A timeline, and what dims the bars that are not looked for. */
export interface Timeline {
  readonly element: HTMLElement
  filter(matches: (entry: ProfileEntry) => boolean): void
}

/** @param wholeMs - what the whole width stands for: two timelines share a scale. */
export function timeline({ model, nodes, totalMs, device }: RunProfile, wholeMs: number): Timeline {
  const root = framesOf(model, nodes)
  const leaves: { readonly bar: HTMLElement; readonly entry: ProfileEntry; readonly index: number }[] = []
  const bars: HTMLElement[] = []
  let depth = 0
  const scale = wholeMs > 0 ? 100 / wholeMs : 0
  const lay = (frame: Frame, left: number, level: number): void => {
    depth = Math.max(depth, level)
    const { entry } = frame
    const bar = h('div', { class: entry ? 'bar leaf' : 'bar group', title: frame.name }, h('span', {}, frame.name))
    Object.assign(bar.style, {
      left: `${(left * scale).toFixed(4)}%`,
      width: `${(frame.ms * scale).toFixed(4)}%`,
      top: `${level * ROW}px`,
    })
    if (entry) {
      bar.style.setProperty('--hue', String(hueOf(entry.op)))
      const index = leaves.length
      bar.id = `bar-${++ids}`
      bar.setAttribute('role', 'option')
      bar.setAttribute('aria-selected', 'false')
      bar.setAttribute('aria-label', `${frame.name} ${entry.node}, ${msText(entry.ms)}`)
      bar.addEventListener('click', () => choose(index))
      leaves.push({ bar, entry, index })
    } else bar.setAttribute('aria-hidden', 'true')
    bars.push(bar)
    let x = left
    for (const child of frame.children) {
      lay(child, x, level + 1)
      x += child.ms
    }
  }
  lay(root, 0, 0)

  const facts = h('p', { class: 'facts chosen', role: 'status' }, 'No bar is chosen.')
  const inner = h('div', { class: 'bars-inner' }, ...bars)
  inner.style.height = `${(depth + 1) * ROW}px`
  const box = h('div', { class: 'timeline', role: 'listbox', tabindex: 0, 'aria-label': `Nodes of ${model}` }, inner)
  let chosen = -1
  const choose = (index: number) => {
    if (chosen >= 0) leaves[chosen].bar.setAttribute('aria-selected', 'false')
    chosen = Math.min(leaves.length - 1, Math.max(0, index))
    const { bar, entry } = leaves[chosen]
    bar.setAttribute('aria-selected', 'true')
    box.setAttribute('aria-activedescendant', bar.id)
    const room = box.getBoundingClientRect()
    const seen = bar.getBoundingClientRect()
    if (seen.left < room.left || seen.left > room.right) box.scrollLeft += seen.left - room.left - 20
    facts.replaceChildren(
      h('strong', {}, entry.node || 'Reorder'),
      ` ${entry.op} by ${entry.kernel}: ${msText(entry.ms)} (${share(entry.ms, totalMs)})` +
        (entry.gflops ? `, ${entry.gflops.toFixed(1)} GFLOP/s` : '') +
        (entry.gflops && device ? ` (${share(entry.gflops, device.gflops)} of the peak)` : '') +
        (entry.bytes ? `, ${bytesText(entry.bytes)} read and written` : '') +
        (entry.bytes && entry.ms > 0 ? ` (${(entry.bytes / entry.ms / 1e6).toFixed(1)} GB/s)` : ''),
    )
  }
  let zoom = 1
  const setZoom = (next: number) => {
    const middle = (box.scrollLeft + box.clientWidth / 2) / zoom
    zoom = Math.min(MOST_ZOOM, Math.max(1, next))
    inner.style.width = `${zoom * 100}%`
    box.scrollLeft = middle * zoom - box.clientWidth / 2
  }
  box.addEventListener('keydown', (event) => {
    const to = { ArrowRight: chosen + 1, ArrowLeft: chosen - 1, Home: 0, End: leaves.length - 1 }[event.key]
    if (event.key === '+' || event.key === '=') setZoom(zoom * 2)
    else if (event.key === '-') setZoom(zoom / 2)
    else if (to !== undefined && leaves.length > 0) choose(to)
    else return
    event.preventDefault()
  })
  return {
    element: h(
      'div',
      {},
      box,
      h(
        'div',
        { class: 'buttons' },
        h('button', { type: 'button', class: 'quiet', click: () => setZoom(zoom * 2), 'aria-label': 'Wider' }, '+'),
        h('button', { type: 'button', class: 'quiet', click: () => setZoom(zoom / 2), 'aria-label': 'Narrower' }, '−'),
        h('button', { type: 'button', class: 'quiet', click: () => setZoom(1) }, 'All'),
        facts,
      ),
    ),
    filter(matches) {
      for (const { bar, entry } of leaves) bar.classList.toggle('dim', !matches(entry))
    },
  }
}

let ids = 0
