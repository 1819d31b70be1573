// Where the nodes of a graph stand on a picture: ranks from top to bottom by the longest way from an input, in each
// rank an order that crosses few lines (Sugiyama, Tagawa and Toda, 1981).

/** A box that is to be placed: where its lines come from, by index. */
export interface Box {
  readonly width: number
  readonly height: number
  /** Boxes that it reads, all of them before it. */
  readonly from: readonly number[]
}

/** A place, and the bends of the line to each box that reads it. */
export interface Layout {
  readonly places: readonly { readonly x: number; readonly y: number }[]
  readonly lines: readonly {
    readonly from: number
    readonly to: number
    readonly points: readonly (readonly [number, number])[]
  }[]
  readonly width: number
  readonly height: number
}

/** Between boxes of a rank, and between ranks. */
const [BESIDE, BELOW] = [26, 42]
/** How wide a line is that passes a rank. */
const PASSING = 14
/** More passes over the ranks do not move much. */
const SWEEPS = 8
/** A line over more ranks goes straight: places of its own in each would be most of the picture. */
const LONG = 120

interface Cell {
  /** The box, or −1 for a line on its way. */
  readonly box: number
  readonly width: number
  readonly above: Cell[]
  readonly below: Cell[]
  order: number
  x: number
}

/** Ranks, order and places of boxes. Boxes come after what they read. */
export function layOut(boxes: readonly Box[]): Layout {
  const rank: number[] = []
  boxes.forEach(({ from }, i) => (rank[i] = from.reduce((most, at) => Math.max(most, rank[at] + 1), 0)))
  // What nothing reads before a later rank stands right above its first reader: constants and inputs do not pull long
  // lines.
  const readers: number[][] = boxes.map(() => [])
  boxes.forEach(({ from }, i) => from.forEach((at) => readers[at].push(i)))
  for (let i = boxes.length - 1; i >= 0; i--)
    if (boxes[i].from.length === 0 && readers[i].length > 0)
      rank[i] = Math.max(0, readers[i].reduce((least, at) => Math.min(least, rank[at]), Infinity) - 1)

  const rows: Cell[][] = Array.from({ length: Math.max(-1, ...rank) + 1 }, () => [])
  const put = (row: number, box: number, width: number): Cell => {
    const cell: Cell = { box, width, above: [], below: [], order: rows[row].length, x: 0 }
    rows[row].push(cell)
    return cell
  }
  const cells = boxes.map(({ width }, i) => put(rank[i], i, width))
  const ways: { from: number; to: number; cells: Cell[] }[] = []
  boxes.forEach(({ from }, to) => {
    for (const at of new Set(from)) {
      const way = [cells[at]]
      if (rank[to] - rank[at] <= LONG)
        for (let row = rank[at] + 1; row < rank[to]; row++) way.push(put(row, -1, PASSING))
      way.push(cells[to])
      for (let i = 1; i < way.length; i++) {
        way[i].above.push(way[i - 1])
        way[i - 1].below.push(way[i])
      }
      ways.push({ from: at, to, cells: way })
    }
  })
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const down = sweep % 2 === 0
    for (const row of down ? rows : [...rows].reverse()) {
      const middles = new Map(
        row.map((cell) => [cell, mean(down ? cell.above : cell.below, ({ order }) => order) ?? cell.order]),
      )
      row.sort((a, b) => (middles.get(a) ?? 0) - (middles.get(b) ?? 0) || a.order - b.order)
      row.forEach((cell, i) => (cell.order = i))
    }
  }
  for (const row of rows) pack(row, () => 0)
  // Each cell goes towards the middle of its neighbours; those beside it make room.
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const down = sweep % 2 === 0
    for (const row of down ? rows : [...rows].reverse())
      pack(
        row,
        (cell) =>
          mean(down ? cell.above : cell.below, ({ x }) => x) ??
          mean(down ? cell.below : cell.above, ({ x }) => x) ??
          cell.x,
      )
  }
  let left = Infinity
  let right = -Infinity
  for (const row of rows)
    for (const { x, width } of row) {
      left = Math.min(left, x - width / 2)
      right = Math.max(right, x + width / 2)
    }
  const heights = rows.map((row) => row.reduce((most, { box }) => Math.max(most, box < 0 ? 0 : boxes[box].height), 0))
  const tops: number[] = []
  let height = 0
  heights.forEach((high, i) => {
    tops[i] = height
    height += high + BELOW
  })
  const places = cells.map((cell, i) => ({ x: cell.x - cell.width / 2 - left, y: tops[rank[i]] }))
  const lines = ways.map(({ from, to, cells: way }) => ({
    from,
    to,
    points: way.flatMap((cell, i): (readonly [number, number])[] => {
      const x = cell.x - left
      if (i === 0) return [[x, tops[rank[from]] + boxes[from].height]]
      if (i === way.length - 1) return [[x, tops[rank[to]]]]
      const row = rank[from] + i
      return [
        [x, tops[row]],
        [x, tops[row] + heights[row]],
      ]
    }),
  }))
  return { places, lines, width: Math.max(0, right - left), height: Math.max(0, height - BELOW) }
}

function mean(cells: readonly Cell[], of: (cell: Cell) => number): number | undefined {
  return cells.length === 0 ? undefined : cells.reduce((sum, cell) => sum + of(cell), 0) / cells.length
}

/**
 * Puts the cells of a row as near to where they want to be as their order and their widths allow: neighbours that want
 * the same place share it about its middle (pool adjacent violators, the least squares of an ordered fit).
 */
function pack(row: readonly Cell[], wanted: (cell: Cell) => number): void {
  const groups: { sum: number; count: number; cells: { cell: Cell; offset: number }[]; width: number }[] = []
  for (const cell of row) {
    let group = { sum: wanted(cell), count: 1, cells: [{ cell, offset: 0 }], width: 0 }
    for (;;) {
      const before = groups.at(-1)
      if (!before) break
      const last = before.cells[before.cells.length - 1]
      const gap = (last.cell.width + group.cells[0].cell.width) / 2 + BESIDE
      if (before.sum / before.count + last.offset + gap <= group.sum / group.count) break
      groups.pop()
      const shift = last.offset + gap
      const moved = group.cells.map(({ cell: one, offset }) => ({ cell: one, offset: offset + shift }))
      group = {
        sum: before.sum + group.sum - shift * group.count,
        count: before.count + group.count,
        cells: before.cells.concat(moved),
        width: 0,
      }
    }
    groups.push(group)
  }
  for (const { sum, count, cells } of groups) for (const { cell, offset } of cells) cell.x = sum / count + offset
}
