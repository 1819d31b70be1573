import type { ProfileEntry } from '../api/profile.js'

/** Levels of bars. */
const MOST_LEVELS = 64

interface Frame {
  readonly name: string
  ms: number
  readonly children: Frame[]
  readonly entry?: ProfileEntry
}

/**
 * A self-contained page with one run as an icicle: width is time, from left to right in the order of execution, and the levels are the
 * parts of the nodes' names between slashes.
 */
export function flamePage(title: string, entries: readonly ProfileEntry[]): string {
  const root: Frame = { name: title, ms: 0, children: [] }
  for (const entry of entries) {
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
    at.children.push({
      name: `${entry.op} ${entry.node.split('/').at(-1) ?? ''}`.trim(),
      ms: entry.ms,
      children: [],
      entry,
    })
  }
  const bars: string[] = []
  let depth = 0
  const draw = (frame: Frame, left: number, level: number) => {
    depth = Math.max(depth, level)
    const { entry } = frame
    const facts = [frame.name, `${frame.ms.toFixed(3)} ms (${((100 * frame.ms) / root.ms).toFixed(1)} %)`]
    if (entry) facts.push(entry.node, entry.kernel, ...(entry.gflops ? [`${entry.gflops.toFixed(1)} GFLOP/s`] : []))
    const width = (100 * frame.ms) / root.ms
    const hue = entry ? hueOf(entry.op) : 210
    const style = `left:${left.toFixed(4)}%;width:${width.toFixed(4)}%;top:${level * 22}px;background:hsl(${hue} ${entry ? 65 : 15}% 78%)`
    bars.push(`<div style="${style}" title="${escape(facts.join('\n'))}">${escape(frame.name)}</div>`)
    let x = left
    for (const child of frame.children) {
      draw(child, x, level + 1)
      x += (100 * child.ms) / root.ms
    }
  }
  if (root.ms > 0) draw(root, 0, 0)
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escape(title)}</title>
<style>
  body { font: 13px system-ui, sans-serif; margin: 16px; color: #222; background: #fff }
  #flame { position: relative; height: ${(depth + 1) * 22}px }
  #flame div { position: absolute; height: 21px; line-height: 21px; overflow: hidden; white-space: nowrap; box-sizing: border-box; border-right: 1px solid #fff; padding-left: 3px; cursor: default }
  #flame div:hover { filter: brightness(.85) }
</style>
<h1>${escape(title)}</h1>
<p>${entries.length} steps, ${root.ms.toFixed(3)} ms. Width is time; point at a bar for its figures.</p>
<div id="flame">
${bars.join('\n')}
</div>
</html>
`
}

/** The same colour for the same operator in every page. */
function hueOf(op: string): number {
  let hash = 0
  for (const char of op) hash = (Math.imul(hash, 31) + char.charCodeAt(0)) >>> 0
  return hash % 360
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
