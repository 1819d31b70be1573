import { afterEach, describe, expect, test, vi } from 'vitest'
import '../../src/node.js'
import { Random } from '../../src/core/random.js'
import { clockStep } from '../../src/inspect/clock-step.js'
import { measureDevice } from '../../src/inspect/peaks.js'
import { parseProfile } from '../../src/inspect/profile-file.js'
import { digitImage, SIDE } from '../../site/src/digit-image.js'
import { layOut, type Box } from '../../site/src/graph-layout.js'
import { timesInTurns } from '../../site/src/turns.js'
import { expectError } from '../support/expect-error.js'

// Parts of the page that need no browser.

describe('the picture of a drawing', () => {
  const middleOf = (image: Float32Array) => {
    let [mass, x, y] = [0, 0, 0]
    image.forEach((ink, i) => {
      mass += ink
      x += ink * (i % SIDE)
      y += ink * Math.floor(i / SIDE)
    })
    return { mass, x: x / mass, y: y / mass }
  }

  test('is centred by mass, fills the box of MNIST, and stays within the picture', () => {
    const image = digitImage([
      [
        [0.1, 0.1],
        [0.4, 0.1],
        [0.2, 0.9],
      ],
    ])
    const { mass, x, y } = middleOf(image)
    expect(mass).toBeGreaterThan(20)
    expect(Math.abs(x - 13.5)).toBeLessThan(0.3)
    expect(Math.abs(y - 13.5)).toBeLessThan(0.3)
    const rows = Array.from({ length: SIDE }, (_, row) =>
      image.subarray(row * SIDE, (row + 1) * SIDE).some((ink) => ink > 0.2),
    )
    const height = rows.lastIndexOf(true) - rows.indexOf(true) + 1
    expect(height).toBeGreaterThanOrEqual(18)
    expect(height).toBeLessThanOrEqual(21)
    expect(image.every((ink) => ink >= 0 && ink <= 1)).toBe(true)
  })

  test('is the same wherever and however large something was drawn', () => {
    const stroke = [
      [0.2, 0.1],
      [0.5, 0.4],
      [0.3, 0.8],
    ] as const
    const image = digitImage([stroke])
    const other = digitImage([stroke.map(([x, y]) => [0.3 + x / 2, 0.1 + y / 2] as const)])
    image.forEach((ink, i) => expect(Math.abs(ink - other[i])).toBeLessThan(1e-4))
  })

  test('of a dot is a dot, and of nothing empty', () => {
    expect(middleOf(digitImage([[[0.9, 0.9]]])).mass).toBeLessThan(8)
    expect(digitImage([]).every((ink) => ink === 0)).toBe(true)
  })
})

describe('the places of a graph', () => {
  /** A random graph in which each box reads up to three before it. */
  const graph = (count: number, seed: number): Box[] => {
    const random = Random.at(seed)
    return Array.from({ length: count }, (_, i) => ({
      width: 60 + random.integer(160),
      height: 38,
      from: i === 0 ? [] : Array.from({ length: random.integer(4) }, () => Math.max(0, i - 1 - random.integer(12))),
    }))
  }

  test.each([
    [1, 1],
    [12, 2],
    [200, 3],
    [200, 4],
  ])('%i boxes (seed %i): readers stand below, nothing overlaps, all is within the picture', (count, seed) => {
    const boxes = graph(count, seed)
    const { places, lines, width, height } = layOut(boxes)
    boxes.forEach(({ from }, i) => {
      for (const at of from) expect(places[at].y + boxes[at].height).toBeLessThan(places[i].y)
    })
    for (const [i, a] of places.entries()) {
      expect(a.x).toBeGreaterThanOrEqual(-1e-6)
      expect(a.x + boxes[i].width).toBeLessThanOrEqual(width + 1e-6)
      expect(a.y + boxes[i].height).toBeLessThanOrEqual(height)
      for (const [j, b] of places.entries())
        if (j > i && a.y === b.y) expect(a.x + boxes[i].width <= b.x || b.x + boxes[j].width <= a.x).toBe(true)
    }
    // A line begins under the box that makes the value and ends over the one that reads it.
    for (const { from, to, points } of lines) {
      const [[x0, y0], [x1, y1]] = [points[0], points[points.length - 1]]
      expect(x0).toBeCloseTo(places[from].x + boxes[from].width / 2, 6)
      expect(y0).toBe(places[from].y + boxes[from].height)
      expect(x1).toBeCloseTo(places[to].x + boxes[to].width / 2, 6)
      expect(y1).toBe(places[to].y)
    }
    expect(lines.length).toBe(boxes.reduce((sum, { from }) => sum + new Set(from).size, 0))
  })

  test('a chain stands in one column', () => {
    const { places } = layOut(
      Array.from({ length: 5 }, (_, i) => ({ width: 80, height: 38, from: i > 0 ? [i - 1] : [] })),
    )
    for (const { x } of places) expect(x).toBeCloseTo(places[0].x, 6)
  })
})

describe('a profile that is read', () => {
  const node = { node: 'a', op: 'Conv', kernel: 'direct', ms: 2, bytes: 10, flops: 4e6 }

  test('has its rates and its sum', () => {
    const text = JSON.stringify({
      model: 'm.onnx',
      engine: 'e',
      build: 'relaxed',
      threads: 2,
      runs: 7,
      nodes: [node, node],
    })
    const { totalMs, nodes, threads, runs, build } = parseProfile(text, 'file')
    expect({ totalMs, threads, runs, build }).toEqual({ totalMs: 4, threads: 2, runs: 7, build: 'relaxed' })
    expect(nodes[0].gflops).toBe(2)
  })

  test('of several runs is the first', () => {
    const profiles = [{ nodes: [node] }, { nodes: [] }]
    expect(parseProfile(JSON.stringify({ nodes: [], profiles }), 'file').nodes.length).toBe(1)
  })

  test.each([
    '',
    'null',
    '[]',
    '{"nodes":1}',
    '{"nodes":[null]}',
    '{"nodes":[{"node":"a","op":"b","kernel":"c","ms":-1,"bytes":0}]}',
    '{"nodes":[{"node":"a","op":"b","kernel":"c","ms":1e999,"bytes":0}]}',
  ])('%s is refused', (text) => {
    expectError('E_PARSE', () => parseProfile(text, 'file.json'), /file\.json is no profile/)
  })
})

describe('a clock of whole milliseconds, as Firefox has', () => {
  /** Goes on by so much whenever it is looked at, and by what a run takes. */
  let time = 0
  const look = (ms: number) =>
    vi.spyOn(performance, 'now').mockImplementation(() => {
      time += ms
      return Math.floor(time)
    })
  afterEach(() => vi.restoreAllMocks())

  test('tells how large its steps are', () => {
    look(0.1)
    expect(clockStep()).toBe(1)
  })

  test('measures what the device can do', async () => {
    look(1.5)
    const { gflops, gbytes } = await measureDevice('simd')
    // A call of a kernel takes as long as one look at the clock, which counts 39,999,960 operations and 48 MiB.
    expect(Math.abs(gflops / (39_999_960 / 1.5e6) - 1)).toBeLessThan(0.1)
    expect(Math.abs(gbytes / ((48 * 2 ** 20) / 1.5e6) - 1)).toBeLessThan(0.1)
  })

  test('tells runs in turns that are shorter than a step', async () => {
    look(0.001)
    const taking = (ms: number) => () => Promise.resolve((time += ms))
    const [short, long] = await timesInTurns([taking(0.25), taking(30)], (rounds) => rounds < 3)
    expect([short.length, long.length]).toEqual([3, 3])
    for (const ms of short) expect(Math.abs(ms / 0.25 - 1)).toBeLessThan(0.06)
    for (const ms of long) expect(Math.abs(ms - 30)).toBeLessThanOrEqual(1)
  })
})
