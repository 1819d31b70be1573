/**
 * Names that may be meant by one that is not there, the nearest first: those that hold it or are held by it, and those
 * that differ in few characters (Levenshtein, 1966).
 */
export function nearNames(name: string, names: Iterable<string>, most = 3): string[] {
  const wanted = name.toLowerCase()
  const found: { name: string; distance: number }[] = []
  for (const other of new Set(names)) {
    const text = other.toLowerCase()
    if (text === '') continue
    const distance = editDistance(wanted, text)
    const within = [text, wanted].every(({ length }) => length > 2) && (text.includes(wanted) || wanted.includes(text))
    if (within || distance <= Math.max(1, Math.floor(wanted.length / 3))) found.push({ name: other, distance })
  }
  return found
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, most)
    .map((one) => one.name)
}

/** Characters to put in, leave out or change. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++) next.push(Math.min(row[j + 1] + 1, next[j] + 1, row[j] + Number(a[i] !== b[j])))
    row = next
  }
  return row[b.length]
}
