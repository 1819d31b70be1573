import type { ProfileEntry } from '../../api/profile.js'

/** Levels of bars. */
const MOST_LEVELS = 64

/** A bar of a timeline: a module with what is in it, or a node. */
export interface Frame {
  readonly name: string
  ms: number
  readonly children: Frame[]
  readonly entry?: ProfileEntry
}

/** Modules as bars over the bars of their nodes. */
export function framesOf(title: string, nodes: readonly ProfileEntry[]): Frame {
  const root: Frame = { name: title, ms: 0, children: [] }
  for (const entry of nodes) {
    const parts = entry.node.split('/').filter((part) => part !== '')
    const path = parts.slice(0, -1)
    // A name may have as many parts as its model likes: what is deeper stands in one bar.
    if (path.length > MOST_LEVELS) path.splice(MOST_LEVELS - 1, Infinity, '…')
    root.ms += entry.ms
    let at = root
    for (const part of path) {
      // Only what runs one after another is one bar: a module that is entered again later gets another.
      let next = at.children.at(-1)
      if (!next || next.name !== part || next.entry) at.children.push((next = { name: part, ms: 0, children: [] }))
      next.ms += entry.ms
      at = next
    }
    const name = `${entry.op} · ${entry.kernel}`
    at.children.push({ name, ms: entry.ms, children: [], entry })
  }
  return root
}
