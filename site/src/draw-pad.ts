import type { Point } from '../../src/data/strokes.js'
import { h } from '../../src/view/dom.js'

/** A square to draw on, by pointer or by keys. */
export interface DrawPad {
  readonly element: HTMLElement
  /** In shares of the square, y downwards. */
  readonly strokes: readonly (readonly Point[])[]
  clear(): void
  dispose(): void
}

/** How far an arrow key moves the pen, as a share of the side. */
const MOVE = 1 / 28
/** Half the pen's width, as a share of the side. */
const PEN = 0.032

/** @param change - is told after every stretch of a line, at most once a frame. */
export function drawPad(label: string, change: () => void): DrawPad {
  const canvas = h('canvas', {
    class: 'pad',
    tabindex: 0,
    role: 'application',
    'aria-label': `${label}. Draw with a pointer, or with keys: arrows move the pen, space puts it down and lifts it, delete clears.`,
  })
  let strokes: Point[][] = []
  let pen: Point = [0.5, 0.5]
  let [down, waiting] = [false, false]

  const paint = () => {
    const side = Math.round(canvas.clientWidth * devicePixelRatio)
    if (side === 0) return
    if (canvas.width !== side) canvas.width = canvas.height = side
    const context = canvas.getContext('2d')
    if (!context) return
    context.clearRect(0, 0, side, side)
    const { color } = getComputedStyle(canvas)
    Object.assign(context, { strokeStyle: color, fillStyle: color, lineWidth: 2 * PEN * side })
    Object.assign(context, { lineCap: 'round', lineJoin: 'round' })
    for (const stroke of strokes) {
      context.beginPath()
      // A dot is a line of no length, which only a round cap shows.
      for (const [x, y] of [stroke[0], ...stroke]) context.lineTo(x * side, y * side)
      context.stroke()
    }
    if (document.activeElement === canvas && canvas.matches(':focus-visible')) {
      context.beginPath()
      context.lineWidth = 2 * devicePixelRatio
      context.arc(pen[0] * side, pen[1] * side, PEN * side, 0, 2 * Math.PI)
      if (down) context.fill()
      else context.stroke()
    }
  }
  const changed = () => {
    if (waiting) return
    waiting = true
    requestAnimationFrame(() => {
      waiting = false
      paint()
      change()
    })
  }
  const placeOf = (event: PointerEvent): Point => {
    const { left, top, width, height } = canvas.getBoundingClientRect()
    return [(event.clientX - left) / width, (event.clientY - top) / height]
  }
  const clear = () => {
    strokes = []
    down = false
    changed()
  }
  canvas.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return
    canvas.setPointerCapture(event.pointerId)
    strokes.push([placeOf(event)])
    changed()
  })
  canvas.addEventListener('pointermove', (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return
    for (const part of event.getCoalescedEvents?.() ?? []) strokes.at(-1)?.push(placeOf(part))
    strokes.at(-1)?.push(placeOf(event))
    changed()
  })
  canvas.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key]
    if (step) {
      pen = [bounded(pen[0] + step[0] * MOVE), bounded(pen[1] + step[1] * MOVE)]
      if (down) strokes.at(-1)?.push(pen)
    } else if (event.key === ' ') {
      down = !down
      if (down) strokes.push([pen])
    } else if (event.key === 'Delete' || event.key === 'Backspace') clear()
    else return
    event.preventDefault()
    changed()
  })
  for (const name of ['focus', 'blur']) canvas.addEventListener(name, paint)
  const observer = new ResizeObserver(paint)
  observer.observe(canvas)
  addEventListener('colours', paint)
  return {
    element: canvas,
    get strokes() {
      return strokes
    },
    clear,
    dispose() {
      observer.disconnect()
      removeEventListener('colours', paint)
    },
  }
}

function bounded(x: number): number {
  return Math.min(1, Math.max(0, x))
}
