import { checkArguments } from '../core/arguments.js'
/** Where a progress bar is drawn: `process.stderr`, for one. */
export interface ProgressStream {
  /** Writes text as it is. */
  write(text: string): unknown
  /** Whether a line can be drawn over; elsewhere lines are written, less often. */
  readonly isTTY?: boolean
  /** Width of the terminal in characters. */
  readonly columns?: number
}

/** How progress is shown. */
export interface ProgressOptions {
  /** Where the bar is drawn. */
  readonly stream: ProgressStream
  /** Stands before the bar, e.g. "epoch 3/10". */
  readonly label?: string
  /** Examples in all; undefined if that is not known. */
  readonly total?: number
  /** Examples that were done before: they do not count for the speed. */
  readonly start?: number
  /** Milliseconds; `performance.now` by default. */
  readonly now?: () => number
}

/** How often a terminal is written to, and how often a file, in milliseconds. */
const TERMINAL_INTERVAL = 100
const PLAIN_INTERVAL = 10_000

/**
 * Shows how a run goes on: a bar, metrics, examples a second and the time left. On a terminal one line that is written
 * over, anywhere else a plain line every ten seconds and at the end.
 */
export class ProgressBar {
  private readonly began: number
  private written = -Infinity
  private width = 0

  constructor(private readonly options: ProgressOptions) {
    checkArguments(
      new.target.name,
      { options },
      { stream: 'object', label: 'string', total: 'number', start: 'number', now: 'function' },
    )

    this.began = this.now()
  }

  /**
   * Tells how far it is.
   *
   * @param done - examples done in all.
   * @param metrics - what is shown: names with "accuracy" in them as per cent.
   */
  update(done: number, metrics: Readonly<Record<string, number>> = {}): void {
    const now = this.now()
    const { isTTY } = this.options.stream
    if (now - this.written < (isTTY ? TERMINAL_INTERVAL : PLAIN_INTERVAL)) return
    // The first plain line comes after the interval: before that there is nothing to tell.
    if (!isTTY && this.written === -Infinity && now - this.began < PLAIN_INTERVAL) return
    this.written = now
    this.draw(this.line(done, metrics, false))
  }

  /** The last line; it stays. */
  finish(done: number, metrics: Readonly<Record<string, number>> = {}): void {
    this.draw(this.line(done, metrics, true))
    if (this.options.stream.isTTY) this.options.stream.write('\n')
  }

  /** Takes the line off the terminal, so that something else can be written; the next update draws it again. */
  clear(): void {
    if (this.options.stream.isTTY && this.width > 0) this.options.stream.write(`\r${' '.repeat(this.width)}\r`)
    this.width = 0
    this.written = -Infinity
  }

  private draw(line: string): void {
    const { stream } = this.options
    if (!stream.isTTY) return void stream.write(`${line}\n`)
    // A line that wraps could not be written over.
    const most = (stream.columns ?? 80) - 1
    const cut = line.length > most ? line.slice(0, most) : line
    stream.write(`\r${cut}${' '.repeat(Math.max(0, this.width - cut.length))}`)
    this.width = cut.length
  }

  private line(done: number, metrics: Readonly<Record<string, number>>, last: boolean): string {
    const { label, total, start = 0, stream } = this.options
    const seconds = (this.now() - this.began) / 1000
    const speed = seconds > 0 ? (done - start) / seconds : 0
    const parts: string[] = []
    if (label) parts.push(label)
    if (total !== undefined) {
      const share = total === 0 ? 1 : Math.min(1, done / total)
      if (stream.isTTY) parts.push(`${'━'.repeat(Math.round(20 * share))}${'╌'.repeat(20 - Math.round(20 * share))}`)
      parts.push(`${String(Math.floor(100 * share)).padStart(3)} %`)
    } else parts.push(`${done} samples`)
    for (const [name, value] of Object.entries(metrics)) parts.push(`${name} ${metricText(name, value)}`)
    if (speed > 0) parts.push(`${speed >= 100 ? Math.round(speed) : speed.toPrecision(3)} samples/s`)
    if (last) parts.push(`${timeText(seconds)} in all`)
    else if (total !== undefined && speed > 0) parts.push(`${timeText((total - done) / speed)} left`)
    return parts.join('  ')
  }

  private now(): number {
    return this.options.now ? this.options.now() : performance.now()
  }
}

/** A metric for people: accuracies as per cent, others with four digits. */
export function metricText(name: string, value: number): string {
  checkArguments('metricText', { name, value }, 'string', 'number')

  if (!Number.isFinite(value)) return String(value)
  if (/accuracy/i.test(name)) return `${(100 * value).toFixed(2)} %`
  const size = Math.abs(value)
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(3) : value.toPrecision(4)
}

/** 3725 → "1:02:05". */
export function timeText(seconds: number): string {
  checkArguments('timeText', { seconds }, 'number')

  const whole = Math.max(0, Math.round(seconds))
  const two = (value: number) => String(value).padStart(2, '0')
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}
