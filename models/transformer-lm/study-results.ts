import { readFileSync } from 'node:fs'

/** One fine-tuning of the study. */
export interface StudyRun {
  readonly set: string
  /** Texts to learn from, or "all". */
  readonly size: number | 'all'
  readonly scratch: boolean
  readonly seed: number
  /** On the validation part. */
  readonly accuracy: number
}

/** What was measured, beside the models. */
export const STUDY = 'models/transformer-lm/study.json'

/** The runs of a study's file. */
export function readStudy(file: string): StudyRun[] {
  return JSON.parse(readFileSync(file, 'utf8')) as StudyRun[]
}

/** Mean, and deviation of single runs, of the accuracies of a size. */
export interface SizeAccuracy {
  readonly size: string
  readonly scratch: boolean
  readonly mean: number
  readonly deviation: number
  readonly seeds: number
}

/** The runs by size, those with pre-training first. */
export function bySizes(runs: readonly StudyRun[]): SizeAccuracy[] {
  const order = (size: number | 'all') => (size === 'all' ? Infinity : size)
  const sizes = [...new Set(runs.map(({ size }) => size))].sort((a, b) => order(a) - order(b))
  return [false, true].flatMap((scratch) =>
    sizes.flatMap((size) => {
      const found = runs.filter((run) => run.size === size && run.scratch === scratch).map(({ accuracy }) => accuracy)
      if (found.length === 0) return []
      const mean = found.reduce((a, b) => a + b, 0) / found.length
      const squares = found.reduce((sum, accuracy) => sum + (accuracy - mean) ** 2, 0)
      return [
        {
          size: String(size),
          scratch,
          mean,
          deviation: found.length > 1 ? Math.sqrt(squares / (found.length - 1)) : 0,
          seeds: found.length,
        },
      ]
    }),
  )
}

/** Mean accuracies by size. */
export function accuracyBySize(runs: readonly StudyRun[]): {
  pretrained: Record<string, number>
  scratch: Record<string, number>
} {
  const rows = bySizes(runs)
  const of = (scratch: boolean) =>
    Object.fromEntries(rows.filter((row) => row.scratch === scratch).map(({ size, mean }) => [size, mean]))
  return { pretrained: of(false), scratch: of(true) }
}

const [WIDTH, HEIGHT] = [640, 400]
const [LEFT, RIGHT, TOP, BOTTOM] = [56, 16, 24, 48]

/** The study as a picture (SVG): accuracies by size, with one deviation up and down. */
export function studyChart(runs: readonly StudyRun[]): string {
  const rows = bySizes(runs)
  const sizes = [...new Set(rows.map(({ size }) => size))]
  const lowest = Math.min(0.5, ...rows.map(({ mean, deviation }) => mean - deviation))
  const least = Math.floor(20 * lowest) / 20
  const most = Math.min(1, Math.ceil(20 * Math.max(0.6, ...rows.map(({ mean, deviation }) => mean + deviation))) / 20)
  const x = (size: string) => LEFT + ((sizes.indexOf(size) + 0.5) * (WIDTH - LEFT - RIGHT)) / Math.max(1, sizes.length)
  const y = (share: number) => TOP + ((most - share) / (most - least)) * (HEIGHT - TOP - BOTTOM)
  const grid: string[] = []
  for (let share = Math.round(20 * least); share <= Math.round(20 * most); share++)
    grid.push(
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(share / 20).toFixed(1)}" y2="${y(share / 20).toFixed(1)}" stroke="#ddd"/>`,
      `<text x="${LEFT - 6}" y="${(y(share / 20) + 4).toFixed(1)}" text-anchor="end">${share * 5} %</text>`,
    )
  const lines = ([false, true] as const).map((scratch) => {
    const own = rows.filter((row) => row.scratch === scratch)
    const colour = scratch ? '#c60' : '#06c'
    const points = own.map(({ size, mean }) => `${x(size).toFixed(1)},${y(mean).toFixed(1)}`)
    return [
      `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...own.flatMap(({ size, mean, deviation }) => [
        `<line x1="${x(size).toFixed(1)}" x2="${x(size).toFixed(1)}" y1="${y(mean - deviation).toFixed(1)}" y2="${y(mean + deviation).toFixed(1)}" stroke="${colour}"/>`,
        `<circle cx="${x(size).toFixed(1)}" cy="${y(mean).toFixed(1)}" r="3" fill="${colour}"/>`,
      ]),
      `<text x="${LEFT + 12}" y="${TOP + 14 + 18 * Number(scratch)}" fill="${colour}">${scratch ? 'from random weights' : 'pre-trained'}</text>`,
    ].join('\n')
  })
  const marks = sizes.map(
    (size) => `<text x="${x(size).toFixed(1)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${size}</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>
${[...grid, ...lines, ...marks].join('\n')}
<text x="${WIDTH / 2}" y="${HEIGHT - 10}" text-anchor="middle">texts to learn from; right answers of the validation part</text>
</svg>
`
}
