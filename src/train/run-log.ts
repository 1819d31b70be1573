import type { Fields } from '../data/dataset.js'
import type { Module } from '../nn/module.js'
import type { MetricsRecord } from './metrics-log.js'

/** Where the metrics of a run go. @internal */
export interface RunLog {
  /** The list for its report. */
  readonly history: readonly MetricsRecord[]
  write(step: number, values: Readonly<Record<string, number>>): void
  /** Shows the model's graph, if it takes one tensor and can be written as a graph. */
  graph(model: Module, fields: Fields): void
  close(): void
}

/** Nowhere but into the list. @internal */
export class ListLog implements RunLog {
  readonly history: MetricsRecord[] = []

  write(step: number, values: Readonly<Record<string, number>>): void {
    this.history.push({ step, ...values })
  }

  graph(): void {}

  close(): void {}
}
