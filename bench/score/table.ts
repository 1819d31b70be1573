/** A way to score: milliseconds of a shard. */
export interface ScoreRow {
  readonly label: string
  /** Items of a shard. */
  readonly rows: number
  /** The best of the rounds. */
  readonly wall: number
  /** Processor time of those who score, a median. */
  readonly cpu: number
  /** Of that, what threads spent beside those that run the model: the queue, files, collections. */
  readonly beside: number
}

export interface ScoreReport {
  readonly environment: { readonly engine: string; readonly cpu: string; readonly processors: number }
  readonly rounds: number
  readonly shards: number
  /** Without a queue, by one worker, by two. */
  readonly rows: readonly ScoreRow[]
}

/** The report as Markdown. */
export function scoreTable({ environment, rounds, shards, rows }: ScoreReport): string {
  const { engine, cpu, processors } = environment
  const [here, one, two] = rows
  const percent = (value: number): string => `${(100 * value).toFixed(1)} %`
  return [
    `${engine}, ${cpu}, ${processors} processors. ${shards} shards of ${here.rows} items, from the first that is done to the last: the best of ${rounds}, and the median of the processor time of those who score.`,
    '',
    '| | ms a shard | CPU ms a shard | of them beside the model |',
    '|---|--:|--:|--:|',
    ...rows.map(
      ({ label, wall, cpu: spent, beside }) =>
        `| ${label} | ${wall.toFixed(1)} | ${spent.toFixed(1)} | ${beside.toFixed(1)} |`,
    ),
    '',
    `The queue costs ${percent((one.beside - here.beside) / here.cpu)} of processor time: what the threads beside those that run the model spend more. (Of all threads ${percent(one.cpu / here.cpu - 1)}, of time ${percent(one.wall / here.wall - 1)}, with what neighbours on the machine do to the model's own.) Two workers are ${(one.wall / two.wall).toFixed(2)} times as fast as one.`,
  ].join('\n')
}
