import { msText, share } from '../../core/table.js'
import type { RunProfile } from '../../inspect/profile-file.js'
import { h } from '../dom.js'
import { memoryPanel } from './memory.js'
import { roofline } from './roofline.js'
import { nodeTable, totalsPanel } from './tables.js'
import { timeline } from './timeline.js'

/** What may be shown beside the profiles. */
export interface ProfileViewOptions {
  /** Reads a file that somebody wants to compare with. @throws anything with a message. */
  readonly read?: (file: File) => Promise<RunProfile>
}

/**
 * Shows one run, or two beside each other: timeline, totals, roofline, memory, and a table of all nodes. It is the same
 * in the page of `lanewise profile --html` and in the site.
 */
export function showProfiles(
  place: HTMLElement,
  profiles: readonly RunProfile[],
  options: ProfileViewOptions = {},
): void {
  const shown = profiles.slice(0, 2)
  const [first, second] = shown
  const search = h('input', { type: 'search', placeholder: 'node, operator or kernel', id: 'profile-search' })
  const found = h('span', { class: 'facts', role: 'status' })
  const table = nodeTable(shown)
  const timelines = shown.map((profile) => timeline(profile, Math.max(...shown.map(({ totalMs }) => totalMs))))
  const filter = () => {
    const wanted = search.value.trim().toLowerCase()
    const matches = (entry: RunProfile['nodes'][number]) =>
      wanted === '' || `${entry.node} ${entry.op} ${entry.kernel}`.toLowerCase().includes(wanted)
    const count = first.nodes.filter(matches).length
    const ms = first.nodes.reduce((sum, entry) => sum + (matches(entry) ? entry.ms : 0), 0)
    found.textContent =
      wanted === '' ? '' : `${count} of ${first.nodes.length}, ${msText(ms)} (${share(ms, first.totalMs)})`
    table.filter(matches)
    for (const line of timelines) line.filter(matches)
  }
  search.addEventListener('input', filter)
  const problem = h('p', { class: 'problem', role: 'alert' })
  const other = h('input', { type: 'file', accept: '.json,application/json', id: 'profile-other' })
  other.addEventListener('change', () => {
    const file = other.files?.[0]
    if (!file || !options.read) return
    options.read(file).then(
      (profile) => showProfiles(place, [first, profile], options),
      (error: Error) => (problem.textContent = error.message),
    )
  })
  place.classList.add('profile')
  place.replaceChildren(
    h(
      'div',
      { class: second ? 'columns' : '' },
      ...shown.map((profile, i) => summary(profile, shown.length > 1 ? 'AB'[i] : undefined, shown[1 - i])),
    ),
    h(
      'div',
      { class: 'buttons tools', role: 'search' },
      h('label', { for: 'profile-search' }, 'Find'),
      search,
      found,
      options.read && h('label', { for: 'profile-other', class: 'push' }, 'Compare with'),
      options.read && other,
      problem,
    ),
    h(
      'section',
      { class: 'panel' },
      h('h2', {}, 'Timeline'),
      h(
        'p',
        { class: 'facts' },
        'Width is time, from left to right in the order of execution; names between slashes are levels. Choose a bar for its figures, arrow keys go from one to the next.',
      ),
      ...timelines.map(({ element }, i) =>
        h('div', {}, second ? h('h3', {}, `${'AB'[i]}: ${shown[i].engine}`) : null, element),
      ),
    ),
    totalsPanel(shown),
    roofline(shown),
    ...shown.map((profile, i) => memoryPanel(profile, second ? 'AB'[i] : undefined)),
    h('section', { class: 'panel' }, h('h2', {}, 'Every node'), table.element),
  )
}

function summary(profile: RunProfile, letter: string | undefined, other: RunProfile | undefined): HTMLElement {
  const { model, engine, totalMs, nodes, runs, device, memory } = profile
  const flops = nodes.reduce((sum, entry) => sum + (entry.flops ?? 0), 0)
  const facts: [string, string][] = [
    ['steps', String(nodes.length)],
    [`${profile.statistic} of`, `${runs} run${runs === 1 ? '' : 's'}`],
    ...(flops > 0 && totalMs > 0
      ? [['speed', `${(flops / totalMs / 1e6).toFixed(1)} GFLOP/s`] as [string, string]]
      : []),
    ...(device
      ? [
          ['this device’s peak', `${device.gflops.toFixed(1)} GFLOP/s`] as [string, string],
          ['its memory', `${device.gbytes.toFixed(1)} GB/s`] as [string, string],
        ]
      : []),
    ...(memory ? [['arena', `${(memory.arenaBytes / 2 ** 20).toFixed(2)} MiB`] as [string, string]] : []),
  ]
  const against = other && other.totalMs > 0 && totalMs > 0 ? other.totalMs / totalMs : undefined
  return h(
    'section',
    { class: 'panel summary' },
    h('h2', {}, letter ? `${letter}: ${model}` : model),
    h(
      'p',
      { class: 'big' },
      msText(totalMs),
      against !== undefined &&
        h(
          'small',
          {},
          against >= 1 ? ` ${against.toFixed(2)} times as fast` : ` ${(1 / against).toFixed(2)} times as long`,
        ),
    ),
    h('p', { class: 'facts' }, engine),
    h('dl', {}, ...facts.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)))),
  )
}
