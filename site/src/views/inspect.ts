import { InferenceSession } from '../../../src/browser.js'
import { bytesText, short } from '../../../src/core/table.js'
import { formatShape } from '../../../src/core/shape.js'
import {
  hyperparameters,
  isSupported,
  loadForReport,
  modelReport,
  type ModelReport,
} from '../../../src/inspect/model-report.js'
import type { DeclaredType, Node } from '../../../src/ir/graph.js'
import { readModel } from '../../../src/onnx/wire.js'
import { h } from '../../../src/view/dom.js'
import { dropZone, fetched } from '../files.js'
import { graphView } from '../graph-view.js'
import { runPanel } from '../run-panel.js'
import digits from '../../../models/mnist/small.onnx?url'
import numbers from '../../../models/house-numbers/reader-best.onnx?url'
import captions from '../../../models/captions/scenes.onnx?url'

/** More rows make a page slow. */
const MOST_ROWS = 2000

const examples = [
  ['The digit reader', 'mnist-small.onnx', digits],
  ['A reader of house numbers', 'house-numbers.onnx', numbers],
  ['A captioner with attention', 'captions-scenes.onnx', captions],
] as const

/** What is being looked at; it stays when another view is opened. */
let current: { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> } | undefined

/** Any ONNX file, from its graph to its profile. */
export function inspect(place: HTMLElement): () => void {
  const about = h('div', { class: 'about' })
  const status = h('p', { class: 'facts', role: 'status' })
  let session: InferenceSession | undefined
  let turn = 0

  const failed = (error: unknown) => {
    about.replaceChildren(
      h('p', { class: 'problem', role: 'alert' }, error instanceof Error ? error.message : String(error)),
    )
    status.textContent = ''
  }
  const look = async (name: string, bytes: Uint8Array<ArrayBuffer>) => {
    const mine = ++turn
    status.textContent = `Reading ${name} …`
    current = { name, bytes }
    const proto = readModel(bytes)
    const loaded = await loadForReport(proto, () => InferenceSession.create(bytes, { lenient: true }))
    if (mine !== turn) return void loaded.session.release()
    await session?.release()
    session = loaded.session
    const { unsupported } = loaded
    const sizes = new Map<string, number>()
    const show = async () => {
      const report = await modelReport(loaded.session, proto, unsupported, sizes)
      if (mine !== turn) return
      about.replaceChildren(
        ...reportPanels(loaded.session, report, name, bytes.length, sizes, () => void show().catch(failed)),
      )
      if (unsupported.size === 0) about.append(runPanel(loaded.session, name, bytes, sizes))
    }
    await show()
    status.textContent = ''
  }
  const start = (name: string, bytes: Promise<Uint8Array<ArrayBuffer>>) =>
    void bytes.then((data) => look(name, data)).catch(failed)
  const take = (file: File) =>
    start(
      file.name,
      file.arrayBuffer().then((buffer) => new Uint8Array(buffer)),
    )

  place.append(
    h('h1', {}, 'Inspect a model'),
    h(
      'p',
      { class: 'lead' },
      'Drop any ONNX file to see its graph, what it computes and what memory that takes, to run it, and to see where the time goes. The file stays on this device.',
    ),
    h(
      'section',
      { class: 'panel', 'aria-label': 'Choose a model' },
      dropZone('an ONNX file', '.onnx', take),
      h(
        'div',
        { class: 'buttons' },
        'Or look at one of these:',
        ...examples.map(([title, name, url]) =>
          h('button', { type: 'button', class: 'quiet', click: () => start(name, fetched(url)) }, title),
        ),
      ),
      status,
    ),
    about,
  )
  if (current) start(current.name, Promise.resolve(current.bytes))
  return () => {
    turn++
    void session?.release()
  }
}

function reportPanels(
  session: InferenceSession,
  report: ModelReport,
  name: string,
  bytes: number,
  sizes: Map<string, number>,
  again: () => void,
): HTMLElement[] {
  const { totals, opsets, producer, problems, unsupported, rows, types } = report
  const facts: readonly (readonly [string, string])[] = [
    ['file', bytesText(bytes)],
    ['nodes', String(totals.nodes)],
    ['parameters', short(totals.parameters)],
    ['multiply-adds', short(totals.macs)],
    ['weights in memory', bytesText(totals.weightBytes)],
    [
      'planned arena',
      `${bytesText(totals.arenaBytes)}${totals.complete ? '' : ' (as far as it can be planned without data)'}`,
    ],
  ]
  const open = [
    ...new Set(
      session.inputMetadata.flatMap((input) =>
        input.isTensor ? input.shape.filter((axis) => typeof axis === 'string') : [],
      ),
    ),
  ].filter((axis) => axis !== '')
  const summary = h(
    'section',
    { class: 'panel' },
    h('h2', {}, name),
    h(
      'p',
      { class: 'facts' },
      `Operator set ${Object.entries(opsets)
        .map(([domain, version]) => `${domain} ${version}`)
        .join(', ')}${producer ? `, made by ${producer}` : ''}.`,
    ),
    h(
      'dl',
      { class: 'figures' },
      ...facts.map(([title, value]) => h('div', {}, h('dt', {}, title), h('dd', {}, value))),
    ),
    open.length > 0 &&
      h(
        'div',
        { class: 'buttons' },
        'Open sizes:',
        ...open.map((axis) => {
          const input = h('input', { type: 'number', min: 1, step: 1, value: sizes.get(axis) ?? 1, id: `size-${axis}` })
          input.addEventListener('change', () => {
            const size = Math.max(1, Math.floor(Number(input.value) || 1))
            sizes.set(axis, size)
            again()
          })
          return h('label', {}, `${axis} `, input)
        }),
      ),
    ...(['inputs', 'outputs'] as const).map((kind) =>
      h(
        'div',
        { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': kind },
        h(
          'table',
          {},
          h(
            'thead',
            {},
            h('tr', {}, ...[kind, 'declared', 'with these sizes'].map((title) => h('th', { scope: 'col' }, title))),
          ),
          h(
            'tbody',
            {},
            ...session.model[kind].map((value) => {
              const type = types.get(value)
              return h(
                'tr',
                {},
                h('th', { scope: 'row' }, value.name),
                h('td', {}, declaredText(value.declared)),
                h('td', {}, type ? `${type.dtype} ${formatShape(type.shape)}` : ''),
              )
            }),
          ),
        ),
      ),
    ),
    ...problems.slice(0, 5).map((problem) => h('p', { class: 'facts' }, problem)),
  )
  const panels = [summary]
  if (unsupported.size > 0)
    panels.push(
      h(
        'section',
        { class: 'panel', role: 'alert' },
        h('h2', {}, 'Operators that are not supported'),
        h(
          'ul',
          {},
          ...[...unsupported.values()].map(({ op, nodes, reason }) =>
            h(
              'li',
              {},
              h('strong', {}, op),
              ` in ${nodes.length} node${nodes.length === 1 ? '' : 's'}: ${nodes.slice(0, 5).join(', ')}${nodes.length > 5 ? ' …' : ''}`,
              reason && `. ${reason}`,
            ),
          ),
        ),
        h(
          'p',
          { class: 'facts' },
          'The model can be looked at, but not run. ',
          h('a', { href: './docs/operators.html' }, 'Every operator there is'),
        ),
      ),
    )
  else panels[0].append(h('p', { class: 'fine' }, 'Every operator is supported.'))
  const node = h('div', { class: 'node', role: 'status' })
  const choose = (index: number) => {
    const chosen = session.model.nodes[index]
    const row = rows.find((one) => one.node === chosen)
    node.replaceChildren(nodeFacts(chosen, row))
  }
  panels.push(
    h(
      'section',
      { class: 'panel' },
      h('h2', {}, 'Graph'),
      graphView({ graph: session.model, types, supported: (index) => isSupported(session.model.nodes[index]), choose }),
      node,
    ),
    h(
      'details',
      { class: 'panel' },
      h('summary', {}, `All ${rows.length} nodes as a table`),
      h(
        'div',
        { class: 'scroll nodes', tabindex: 0, role: 'region', 'aria-label': 'All nodes' },
        h(
          'table',
          {},
          h(
            'thead',
            {},
            h(
              'tr',
              {},
              ...['operator', 'name', 'output', 'attributes'].map((title) => h('th', { scope: 'col' }, title)),
              ...['parameters', 'multiply-adds'].map((title) => h('th', { scope: 'col', class: 'number' }, title)),
            ),
          ),
          h(
            'tbody',
            {},
            ...rows
              .slice(0, MOST_ROWS)
              .map((row) =>
                h(
                  'tr',
                  {},
                  h(
                    'td',
                    {},
                    `${'· '.repeat(row.depth)}${row.node.op.name}${isSupported(row.node) ? '' : ' (not supported)'}`,
                  ),
                  h('td', {}, row.node.name),
                  h(
                    'td',
                    {},
                    row.outputs.map((type) => (type ? `${type.dtype} ${formatShape(type.shape)}` : '?')).join(', '),
                  ),
                  h('td', {}, attributesText(row.node)),
                  h('td', { class: 'number' }, row.parameters ? short(row.parameters) : ''),
                  h('td', { class: 'number' }, row.macs ? short(row.macs) : ''),
                ),
              ),
          ),
        ),
      ),
      rows.length > MOST_ROWS && h('p', { class: 'facts' }, `${rows.length - MOST_ROWS} more are not listed.`),
    ),
  )
  return panels
}

function nodeFacts(node: Node, row: ModelReport['rows'][number] | undefined): HTMLElement {
  const facts: [string, string][] = [
    [
      'inputs',
      node.inputs
        .map((value) => (value ? `${value.name}${value.constant ? ` ${formatShape(value.constant.shape)}` : ''}` : '–'))
        .join(', '),
    ],
    [
      'outputs',
      node.outputs
        .map((value, i) => {
          const type = row?.outputs[i]
          return `${value?.name ?? '–'}${type ? ` ${type.dtype} ${formatShape(type.shape)}` : ''}`
        })
        .join(', '),
    ],
    ['attributes', attributesText(node) || 'all as by default'],
    ['parameters', row ? short(row.parameters) : '0'],
    ['multiply-adds', row ? short(row.macs) : '0'],
  ]
  return h(
    'div',
    {},
    h('h3', {}, `${node.op.name} ${node.name}`),
    h('dl', {}, ...facts.map(([title, value]) => h('div', {}, h('dt', {}, title), h('dd', {}, value)))),
  )
}

function attributesText(node: Node): string {
  return hyperparameters(node)
    .map(([name, value]) => `${name} ${Array.isArray(value) ? value.join(' × ') : String(value)}`)
    .join(', ')
}

function declaredText(declared: DeclaredType | undefined): string {
  if (!declared) return '?'
  const type = `${declared.dtype ?? '?'} ${declared.shape ? formatShape(declared.shape.map((axis) => axis ?? '?')) : ''}`
  return declared.kind === 'tensor' ? type : `${declared.kind} of ${type}`
}
