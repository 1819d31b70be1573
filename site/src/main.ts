import { registerFrequentOps } from '../../src/api/register-frequent.js'
import { h } from '../../src/view/dom.js'
import { draw } from './views/draw.js'

// Operators that many models have are here at once: a view waits for nothing that it does not name.
registerFrequentOps()

/** A view of the page: fills the main element, and returns what ends it. */
export type View = (place: HTMLElement) => void | (() => void)

interface Entry {
  readonly name: string
  readonly title: string
  readonly load: () => View | Promise<View>
}

const entries: readonly Entry[] = [
  { name: 'draw', title: 'Draw', load: () => draw },
  { name: 'teach', title: 'Teach', load: async () => (await import('./views/teach.js')).teach },
  { name: 'picture', title: 'Picture', load: async () => (await import('./views/picture.js')).picture },
  { name: 'inspect', title: 'Inspect', load: async () => (await import('./views/inspect.js')).inspect },
  { name: 'profile', title: 'Profile', load: async () => (await import('./views/profile.js')).profile },
  { name: 'measure', title: 'Measure', load: async () => (await import('./views/measure.js')).measure },
]

const main = document.querySelector<HTMLElement>('#main')
const pages = document.querySelector<HTMLElement>('#pages')
const theme = document.querySelector<HTMLSelectElement>('#theme')
if (!main || !pages || !theme) throw new Error('index.html has lost a part')

const links = entries.map(({ name, title }) => h('a', { href: `#/${name}` }, title))
pages.append(...links, h('a', { href: './docs/guides/first-model.html' }, 'Docs'))

let end: (() => void) | void
let shown: string | undefined

async function show(): Promise<void> {
  if (!main || location.hash === '#main') return
  const wanted = location.hash.replace(/^#\/?/, '')
  const at = Math.max(
    0,
    entries.findIndex(({ name }) => name === wanted),
  )
  const { name, title, load } = entries[at]
  if (name === shown) return
  const first = shown === undefined
  shown = name
  links.forEach((link, i) =>
    i === at ? link.setAttribute('aria-current', 'page') : link.removeAttribute('aria-current'),
  )
  // On a phone the links are wider than the window.
  links[at].scrollIntoView({ block: 'nearest', inline: 'nearest' })
  end?.()
  end = undefined
  const place = h('div', { class: `view ${name}` })
  try {
    const view = await load()
    // Another link may have been followed meanwhile.
    if (shown !== name) return
    main.replaceChildren(place)
    end = view(place)
  } catch (error) {
    main.replaceChildren(h('p', { class: 'problem', role: 'alert' }, `This page could not be loaded: ${String(error)}`))
  }
  document.title = `${title} · Lanewise`
  if (!first) {
    main.focus({ preventScroll: true })
    scrollTo(0, 0)
  }
}

theme.value = localStorage.getItem('colours') ?? 'light dark'
const setColours = () => (document.documentElement.style.colorScheme = theme.value)
theme.addEventListener('change', () => {
  localStorage.setItem('colours', theme.value)
  setColours()
  dispatchEvent(new Event('colours'))
})
setColours()
addEventListener('hashchange', () => void show())
void show()
