import { h } from '../../src/view/dom.js'

/** Shares of one as horizontal bars, the largest marked. */
export interface Bars {
  readonly element: HTMLElement
  /** @param shares - undefined empties the bars. */
  show(shares: ArrayLike<number> | undefined): void
}

export function bars(labels: readonly string[]): Bars {
  const rows = labels.map((label) => {
    const fill = h('span', { class: 'fill' })
    const value = h('span', { class: 'value' })
    return { fill, value, element: h('li', {}, h('b', {}, label), h('span', { class: 'bar' }, fill), value) }
  })
  return {
    element: h('ol', { class: 'bars', 'aria-label': 'Probabilities' }, ...rows.map(({ element }) => element)),
    show(shares) {
      const all = Array.from(shares ?? labels.map(() => 0))
      const most = Math.max(...all)
      rows.forEach(({ fill, value, element }, i) => {
        fill.style.width = `${(100 * all[i]).toFixed(1)}%`
        value.textContent = shares ? percent(all[i]) : ''
        element.classList.toggle('best', shares !== undefined && all[i] === most)
      })
    },
  }
}

export function percent(share: number): string {
  return share > 0.9995 ? '100 %' : `${(100 * share).toFixed(1)} %`
}
