import { msText } from '../../../src/core/table.js'
import { h } from '../../../src/view/dom.js'
import type { MeasureAnswer, Measured, MeasureTask } from '../measure-task.js'

const groups: readonly (readonly [Measured['group'], string])[] = [
  ['products', 'Matrix products'],
  ['convolutions', 'Convolutions'],
  ['models', 'Models'],
]
/** Milliseconds for each row. */
const BUDGET = 400

/** What this device makes of the kernels, beside onnxruntime-web. */
export function measure(place: HTMLElement): () => void {
  let worker: Worker | undefined
  const peer = h('input', { type: 'checkbox', id: 'peer' })
  peer.checked = true
  const button = h('button', { type: 'button', click: () => start() }, 'Measure this device')
  const status = h('p', { class: 'facts', role: 'status' })
  const device = h('dl', { class: 'figures' })
  const tables = h('div', {})

  const stop = (text: string) => {
    worker?.terminate()
    worker = undefined
    button.disabled = false
    status.textContent = text
  }
  const start = () => {
    const rows: Measured[] = []
    let peak: number | undefined
    let version: string | undefined
    const task: MeasureTask = { peer: peer.checked, budget: BUDGET }
    device.replaceChildren()
    tables.replaceChildren()
    button.disabled = true
    status.classList.remove('problem')
    status.textContent = task.peer ? 'Measuring; onnxruntime-web is some 13 MB, 2.3 MB compressed …' : 'Measuring …'
    worker = new Worker(new URL('../measure.worker.ts', import.meta.url), { type: 'module', name: 'measure' })
    const failed = (message: string) => {
      stop(message)
      status.classList.add('problem')
    }
    worker.addEventListener('error', (event) => failed(event.message || 'the worker could not be started'))
    worker.addEventListener('message', ({ data }: MessageEvent<MeasureAnswer>) => {
      if (data.kind === 'device') {
        peak = data.rates.gflops
        const facts = [
          ['kernels', data.build],
          ['multiply-adds in registers', `${data.rates.gflops.toFixed(1)} GFLOP/s`],
          ['reading memory', `${data.rates.gbytes.toFixed(1)} GB/s`],
        ]
        device.replaceChildren(...facts.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))))
      } else if (data.kind === 'peer') version = data.version
      else if (data.kind === 'row') {
        rows.push(data.row)
        status.textContent = `${rows.length} rows …`
        tables.replaceChildren(...tablesOf(rows, peak, version))
      } else if (data.kind === 'failed') failed(data.message)
      else {
        const ratios = rows.flatMap(({ ms, peerMs }) => (peerMs && ms > 0 ? [peerMs / ms] : []))
        const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / (ratios.length || 1))
        stop(
          ratios.length > 0
            ? `Done: ${mean.toFixed(2)} times as fast as onnxruntime-web ${version ?? ''}, the geometric mean of ${ratios.length} rows.`
            : 'Done.',
        )
      }
    })
    worker.postMessage(task)
  }
  place.append(
    h('h1', {}, 'Measure this device'),
    h(
      'p',
      { class: 'lead' },
      'What can the processor under this page do at most, and how much of that do kernels and models get? Each row runs here and in onnxruntime-web in turns, one thread each, so that what else the machine does falls on both.',
    ),
    h(
      'section',
      { class: 'panel', 'aria-label': 'Measuring' },
      h(
        'div',
        { class: 'buttons' },
        button,
        h('label', { for: 'peer' }, peer, ' beside onnxruntime-web, which is loaded for it'),
      ),
      status,
      device,
    ),
    tables,
    h(
      'section',
      { class: 'prose' },
      h('h2', {}, 'Reading the figures'),
      h(
        'p',
        {},
        'GFLOP/s count the multiplications and additions of the direct algorithm. Convolutions of 3 × 3 are done by Winograd’s, which needs fewer, and can pass the peak. A product of one row reads each weight once: memory is what limits it. Times are those of the fastest of many runs, which other work on the device disturbs least.',
      ),
    ),
  )
  return () => worker?.terminate()
}

function tablesOf(rows: readonly Measured[], peak: number | undefined, version: string | undefined): HTMLElement[] {
  return groups.flatMap(([group, title]) => {
    const mine = rows.filter((row) => row.group === group)
    if (mine.length === 0) return []
    const counted = mine.some(({ gflops }) => gflops !== undefined)
    const heads = [
      title,
      'here',
      ...(counted ? ['GFLOP/s', '% of peak'] : []),
      ...(version === undefined ? [] : [`onnxruntime-web ${version}`, 'times as fast']),
    ]
    return [
      h(
        'section',
        { class: 'panel', 'aria-label': title },
        h(
          'div',
          { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `${title}, measured` },
          h(
            'table',
            { class: 'measured' },
            h(
              'thead',
              {},
              h('tr', {}, ...heads.map((head, i) => h('th', { scope: 'col', class: i > 0 ? 'number' : '' }, head))),
            ),
            h(
              'tbody',
              {},
              ...mine.map(({ name, ms, gflops, peerMs }) =>
                h(
                  'tr',
                  {},
                  h('th', { scope: 'row' }, name),
                  h('td', { class: 'number' }, msText(ms)),
                  counted && h('td', { class: 'number' }, gflops?.toFixed(1)),
                  counted && h('td', { class: 'number' }, gflops && peak ? ((100 * gflops) / peak).toFixed(0) : ''),
                  version !== undefined && h('td', { class: 'number' }, peerMs === undefined ? '' : msText(peerMs)),
                  version !== undefined &&
                    h(
                      'td',
                      { class: 'number' },
                      peerMs === undefined || ms <= 0 ? '' : h('strong', {}, (peerMs / ms).toFixed(2)),
                    ),
                ),
              ),
            ),
          ),
        ),
      ),
    ]
  })
}
