import type { ProfileEntry } from '../../api/profile.js'
import { share } from '../../core/table.js'
import type { RunProfile } from '../../inspect/profile-file.js'
import { h, hueOf } from '../dom.js'

/** More rows make a page slow; the search finds the others. */
const MOST_ROWS = 1500

/** Where the time goes, by operator and by kernel. */
export function totalsPanel(profiles: readonly RunProfile[]): HTMLElement {
  const columns = (['op', 'kernel'] as const).map((by) => {
    const totals = profiles.map(({ nodes }) => {
      const sums = new Map<string, { ms: number; flops: number; count: number }>()
      for (const entry of nodes) {
        const sum = sums.get(entry[by]) ?? { ms: 0, flops: 0, count: 0 }
        sums.set(entry[by], {
          ms: sum.ms + entry.ms,
          flops: sum.flops + (entry.flops ?? 0),
          count: sum.count + 1,
        })
      }
      return sums
    })
    const names = [...new Set(totals.flatMap((sums) => [...sums.keys()]))]
    const ms = (name: string, which = 0) => totals[which]?.get(name)?.ms ?? 0
    const both = (name: string) => Math.max(ms(name), ms(name, 1))
    names.sort((a, b) => both(b) - both(a))
    const most = Math.max(...names.map(both), 1e-9)
    const title = by === 'op' ? 'By operator' : 'By kernel'
    return h(
      'section',
      { class: 'panel' },
      h('h2', {}, title),
      h(
        'div',
        { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': title },
        h(
          'table',
          { class: 'totals' },
          h(
            'thead',
            {},
            h(
              'tr',
              {},
              h('th', { scope: 'col' }, by === 'op' ? 'operator' : 'kernel'),
              ...profiles.map((_, i) => h('th', { scope: 'col', class: 'number' }, `ms${letter(profiles, i)}`)),
              h('th', { scope: 'col', class: 'number' }, '%'),
              h('th', { scope: 'col', class: 'number' }, 'nodes'),
              h('th', { scope: 'col', class: 'number' }, 'GFLOP/s'),
            ),
          ),
          h(
            'tbody',
            {},
            ...names.map((name) => {
              const { flops = 0, count = 0 } = totals[0].get(name) ?? {}
              const meter = h('span', { class: 'meter' })
              meter.style.width = `${(100 * ms(name)) / most}%`
              meter.style.setProperty('--hue', String(hueOf(name)))
              return h(
                'tr',
                {},
                h('th', { scope: 'row' }, name, meter),
                ...profiles.map((_, i) => h('td', { class: 'number' }, ms(name, i).toFixed(3))),
                h('td', { class: 'number' }, share(ms(name), profiles[0].totalMs)),
                h('td', { class: 'number' }, count),
                h('td', { class: 'number' }, flops > 0 && ms(name) > 0 ? (flops / ms(name) / 1e6).toFixed(1) : ''),
              )
            }),
          ),
        ),
      ),
    )
  })
  return h('div', { class: 'columns' }, ...columns)
}

function letter(profiles: readonly unknown[], i: number): string {
  return profiles.length > 1 ? ` ${'AB'[i]}` : ''
}

interface Column {
  readonly title: string
  readonly number: boolean
  readonly value: (row: Row) => string | number | undefined
  readonly text?: (row: Row) => string
}

interface Row {
  readonly index: number
  readonly entry: ProfileEntry
  readonly other: ProfileEntry | undefined
}

/** A table of nodes, and what leaves only those that are looked for. */
export interface NodeTable {
  readonly element: HTMLElement
  filter(matches: (entry: ProfileEntry) => boolean): void
}

/** All nodes of the first profile, sortable by every column; beside them the same nodes of the second. */
export function nodeTable(profiles: readonly RunProfile[]): NodeTable {
  const [first, second] = profiles
  const partners = new Map<string, ProfileEntry[]>()
  const keyOf = ({ node, op }: ProfileEntry) => JSON.stringify([node, op])
  for (const entry of second?.nodes ?? []) {
    const known = partners.get(keyOf(entry))
    if (known) known.push(entry)
    else partners.set(keyOf(entry), [entry])
  }
  const rows: Row[] = first.nodes.map((entry, index) => ({ index, entry, other: partners.get(keyOf(entry))?.shift() }))
  const rate = ({ bytes, ms }: ProfileEntry) => (bytes > 0 && ms > 0 ? bytes / ms / 1e6 : undefined)
  const { device } = first
  /** The share of what the device could do for so many operations and bytes. */
  const ofRoof = ({ flops, bytes, ms }: ProfileEntry): number | undefined => {
    if (!device || ms <= 0 || (!flops && !bytes)) return undefined
    const least = Math.max((flops ?? 0) / device.gflops, bytes / device.gbytes) / 1e6
    return (100 * least) / ms
  }
  const fixed = (digits: number, value: (row: Row) => number | undefined) => ({
    number: true,
    value,
    text: (row: Row) => value(row)?.toFixed(digits) ?? '',
  })
  const columns: Column[] = [
    { title: '#', number: true, value: ({ index }) => index + 1 },
    { title: 'node', number: false, value: ({ entry }) => entry.node },
    { title: 'operator', number: false, value: ({ entry }) => entry.op },
    { title: 'kernel', number: false, value: ({ entry }) => entry.kernel },
    { title: `ms${letter(profiles, 0)}`, ...fixed(3, ({ entry }) => entry.ms) },
    ...(second
      ? [
          { title: 'ms B', ...fixed(3, ({ other }) => other?.ms) },
          {
            title: 'B / A',
            ...fixed(2, ({ entry, other }) => (other && entry.ms > 0 ? other.ms / entry.ms : undefined)),
          },
        ]
      : []),
    { title: '%', ...fixed(1, ({ entry }) => (100 * entry.ms) / (first.totalMs || 1)) },
    { title: 'GFLOP/s', ...fixed(1, ({ entry }) => entry.gflops) },
    { title: 'GB/s', ...fixed(1, ({ entry }) => rate(entry)) },
    ...(device ? [{ title: '% of roof', ...fixed(0, ({ entry }) => ofRoof(entry)) }] : []),
  ]
  let [sorted, down] = [0, false]
  let matches: (entry: ProfileEntry) => boolean = () => true
  const body = h('tbody')
  const more = h('p', { class: 'facts' })
  const heads = columns.map(({ title, number }, i) =>
    h(
      'th',
      { scope: 'col', class: number ? 'number' : '' },
      h('button', { type: 'button', class: 'sort', click: () => sortBy(i) }, title),
    ),
  )
  const fill = () => {
    const { value } = columns[sorted]
    const kept = rows.filter(({ entry }) => matches(entry))
    kept.sort((a, b) => {
      const [x, y] = [value(a), value(b)]
      // What has no value comes last either way.
      if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined)
      const order = typeof x === 'string' ? x.localeCompare(String(y)) : x - Number(y)
      return (down ? -order : order) || a.index - b.index
    })
    heads.forEach((head, i) => {
      if (i === sorted) head.setAttribute('aria-sort', down ? 'descending' : 'ascending')
      else head.removeAttribute('aria-sort')
    })
    body.replaceChildren(
      ...kept
        .slice(0, MOST_ROWS)
        .map((row) =>
          h(
            'tr',
            {},
            ...columns.map(({ number, value, text }) =>
              h('td', { class: number ? 'number' : '' }, text ? text(row) : (value(row) ?? '')),
            ),
          ),
        ),
    )
    more.textContent = kept.length > MOST_ROWS ? `${kept.length - MOST_ROWS} more: look for them by name.` : ''
  }
  const sortBy = (i: number) => {
    // Names from A, numbers from the largest.
    ;[sorted, down] = i === sorted ? [i, !down] : [i, columns[i].number && i > 0]
    fill()
  }
  fill()
  return {
    element: h(
      'div',
      {},
      h(
        'div',
        { class: 'scroll nodes', tabindex: 0, role: 'region', 'aria-label': 'Every node' },
        h('table', {}, h('thead', {}, h('tr', {}, ...heads)), body),
      ),
      more,
    ),
    filter(wanted) {
      matches = wanted
      fill()
    },
  }
}
