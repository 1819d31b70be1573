import type { Graph, Value } from '../../src/ir/graph.js'
import type { TensorType } from '../../src/ir/op.js'
import { formatShape } from '../../src/core/shape.js'
import { h, hueOf, s } from '../../src/view/dom.js'
import { layOut, type Box } from './graph-layout.js'

/** More boxes are a picture that nobody can read and few machines can draw. */
const MOST_BOXES = 2500
const HEIGHT = 38
const [LEAST_ZOOM, MOST_ZOOM] = [0.02, 4]

interface Item {
  readonly title: string
  readonly below: string
  readonly kind: 'node' | 'input' | 'output'
  readonly unsupported: boolean
  readonly index: number | undefined
}

/** What the view is told of a graph. */
export interface GraphViewOptions {
  readonly graph: Graph
  readonly types: ReadonlyMap<Value, TensorType>
  /** Whether the node at an index has an operator that is known. */
  readonly supported: (index: number) => boolean
  readonly choose: (index: number) => void
}

/**
 * A graph as a picture that is moved by dragging, arrow keys and scrolling, and zoomed by buttons, + and −, and the
 * wheel with Ctrl.
 */
export function graphView({ graph, types, supported, choose }: GraphViewOptions): HTMLElement {
  const items: Item[] = []
  const boxes: Box[] = []
  const madeBy = new Map<Value, number>()
  const add = (item: Item, from: readonly number[]) => {
    const longest = Math.max(item.title.length * 7.6, item.below.length * 6.4)
    boxes.push({ width: Math.min(240, Math.max(64, longest + 20)), height: HEIGHT, from })
    return items.push(item) - 1
  }
  if (graph.nodes.length + graph.inputs.length + graph.outputs.length > MOST_BOXES)
    return h(
      'p',
      { class: 'facts' },
      `This graph has ${graph.nodes.length} nodes. More than ${MOST_BOXES} are not drawn; the table below lists them all.`,
    )
  const typeText = (value: Value | undefined) => {
    const type = value && types.get(value)
    return type ? `${type.dtype} ${formatShape(type.shape)}` : ''
  }
  for (const value of graph.inputs) {
    const item = {
      title: value.name,
      below: typeText(value),
      kind: 'input',
      unsupported: false,
      index: undefined,
    } as const
    madeBy.set(value, add(item, []))
  }
  graph.nodes.forEach((node, index) => {
    const from = node.inputs.flatMap((value) =>
      value && madeBy.get(value) !== undefined ? [madeBy.get(value) ?? 0] : [],
    )
    const at = add(
      { title: node.op.name, below: typeText(node.outputs[0]), kind: 'node', unsupported: !supported(index), index },
      from,
    )
    for (const value of node.outputs) if (value) madeBy.set(value, at)
  })
  for (const value of graph.outputs) {
    const from = madeBy.get(value)
    add(
      { title: value.name, below: typeText(value), kind: 'output', unsupported: false, index: undefined },
      from === undefined ? [] : [from],
    )
  }
  const { places, lines, width, height } = layOut(boxes)
  const pad = 16
  const groups = items.map((item, i) => {
    const { x, y } = places[i]
    const group = s(
      'g',
      {
        class: `box ${item.kind}${item.unsupported ? ' unsupported' : ''}`,
        transform: `translate(${x.toFixed(1)} ${y})`,
        style: `--hue: ${hueOf(item.title)}`,
      },
      s('title', {}, `${item.title} ${item.below}${item.unsupported ? ' (not supported)' : ''}`),
      s('rect', { width: boxes[i].width, height: HEIGHT, rx: item.kind === 'node' ? 6 : 19 }),
      s('text', { x: boxes[i].width / 2, y: 16, class: 'name' }, cut(item.title, 28)),
      s('text', { x: boxes[i].width / 2, y: 30 }, cut(item.below, 34)),
    )
    const { index } = item
    if (index !== undefined) group.addEventListener('click', () => pick(index))
    return group
  })
  const picture = s(
    'svg',
    { role: 'img', 'aria-label': `Graph of ${graph.nodes.length} nodes` },
    s(
      'g',
      { transform: `translate(${pad} ${pad})` },
      ...lines.map(({ points }) => s('path', { class: 'line', d: curve(points) })),
      ...groups,
    ),
  )
  const box = h(
    'div',
    { class: 'graph', tabindex: 0, role: 'region', 'aria-label': 'The graph: arrow keys move it, + and − zoom' },
    picture,
  )
  let zoom = 1
  const setZoom = (next: number, clientX?: number, clientY?: number) => {
    const room = box.getBoundingClientRect()
    const [x, y] = [
      (clientX ?? room.left + room.width / 2) - room.left,
      (clientY ?? room.top + room.height / 2) - room.top,
    ]
    const before = zoom
    zoom = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, next))
    const [wide, high] = [width + 2 * pad, height + 2 * pad]
    for (const [name, value] of Object.entries({
      viewBox: `0 0 ${wide} ${high}`,
      width: wide * zoom,
      height: high * zoom,
    }))
      picture.setAttribute(name, String(value))
    box.scrollLeft = ((box.scrollLeft + x) * zoom) / before - x
    box.scrollTop = ((box.scrollTop + y) * zoom) / before - y
  }
  const pick = (index: number) => {
    items.forEach((item, i) => groups[i].classList.toggle('picked', item.index === index))
    choose(index)
  }
  const fit = () => setZoom(Math.min(1, (box.clientWidth - 4) / (width + 2 * pad)))
  box.addEventListener(
    'wheel',
    (event) => {
      if (!event.ctrlKey) return
      event.preventDefault()
      setZoom(zoom * Math.exp(-event.deltaY / 300), event.clientX, event.clientY)
    },
    { passive: false },
  )
  box.addEventListener('keydown', (event) => {
    if (event.key === '+' || event.key === '=') setZoom(zoom * 1.3)
    else if (event.key === '-') setZoom(zoom / 1.3)
    else return
    event.preventDefault()
  })
  let dragged: readonly [number, number] | undefined
  box.addEventListener('pointerdown', (event) => {
    if (event.pointerType === 'mouse' && event.button === 0) dragged = [event.clientX, event.clientY]
  })
  box.addEventListener('pointermove', (event) => {
    if (!dragged || event.buttons === 0) return
    box.scrollBy(dragged[0] - event.clientX, dragged[1] - event.clientY)
    dragged = [event.clientX, event.clientY]
  })
  box.addEventListener('pointerup', () => (dragged = undefined))
  setZoom(1)
  // A wide graph begins large enough to be read.
  requestAnimationFrame(() => {
    fit()
    if (zoom < 0.45) setZoom(0.45)
  })
  return h(
    'div',
    {},
    box,
    h(
      'div',
      { class: 'buttons' },
      h('button', { type: 'button', class: 'quiet', click: () => setZoom(zoom * 1.3), 'aria-label': 'Zoom in' }, '+'),
      h('button', { type: 'button', class: 'quiet', click: () => setZoom(zoom / 1.3), 'aria-label': 'Zoom out' }, '−'),
      h('button', { type: 'button', class: 'quiet', click: fit }, 'Fit the width'),
      h('span', { class: 'facts' }, 'Drag to move, Ctrl and the wheel zoom, a click shows a node.'),
    ),
  )
}

function curve(points: readonly (readonly [number, number])[]): string {
  const [[x0, y0], ...rest] = points
  let [x, y] = [x0, y0]
  let path = `M${x.toFixed(1)} ${y}`
  for (const [nextX, nextY] of rest) {
    const middle = (y + nextY) / 2
    path += `C${x.toFixed(1)} ${middle} ${nextX.toFixed(1)} ${middle} ${nextX.toFixed(1)} ${nextY}`
    ;[x, y] = [nextX, nextY]
  }
  return path
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
}
