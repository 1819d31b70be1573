import type { Fields } from '../data/dataset.js'
import { inferTypes } from '../ir/infer.js'
import { toGraph } from '../nn/export.js'
import type { Module } from '../nn/module.js'
import { joinPath, makeFolder, writeAtomically } from '../platform/node-files.js'
import type { Tensor } from '../api/tensor.js'
import { CheckpointStore } from './checkpoints/checkpoint.js'
import { encodeSafetensors } from './checkpoints/safetensors.js'
import { MetricsLog, readMetrics, type MetricsRecord } from './metrics-log.js'
import type { RunLog } from './run-log.js'
import { boardNodes, TensorBoardWriter } from './tensorboard.js'

/**
 * The metrics of a run in its folder: a file of JSON lines and one for TensorBoard. Loaded only where there is a
 * folder. @internal
 */
export class FolderLog implements RunLog {
  readonly history: MetricsRecord[] = []
  private readonly metrics: MetricsLog
  private readonly board: TensorBoardWriter

  /** @param resumeAt - the step after which the folder's run goes on. */
  constructor(folder: string, resumeAt: number | undefined) {
    makeFolder(folder)
    const path = joinPath(folder, 'metrics.jsonl')
    this.metrics = resumeAt === undefined ? MetricsLog.create(path) : MetricsLog.resume(path, resumeAt)
    if (resumeAt !== undefined) this.history.push(...readMetrics(path))
    try {
      const board = joinPath(folder, 'board')
      makeFolder(board)
      this.board = new TensorBoardWriter(board, { resumeAt })
    } catch (error) {
      this.metrics.close()
      throw error
    }
  }

  write(step: number, values: Readonly<Record<string, number>>): void {
    const record = { step, ...values }
    this.history.push(record)
    this.metrics.write(record)
    this.board.scalars(step, values)
  }

  /** Shows the model's graph, if it takes one tensor and can be written as a graph. */
  graph(model: Module, fields: Fields): void {
    const [name, { type, dims }] = Object.entries(fields)[0]
    try {
      const graph = toGraph(model, [{ name, dtype: type, shape: [{ name: 'N', size: 2 }, ...dims.slice(1)] }])
      // Edges are labelled with the sizes of a batch.
      const types = inferTypes(graph, new Map([[graph.inputs[0], { dtype: type, shape: dims }]]), () => undefined)
      this.board.graph(boardNodes(graph, new Map([...types].map(([value, inferred]) => [value, inferred.type]))))
    } catch {
      // A model that is no graph of operators, or takes several tensors, can be trained nevertheless: what its code
      // throws without them is anybody's guess.
    }
  }

  close(): void {
    this.metrics.close()
    this.board.close()
  }
}

/** @internal */
export function checkpointsIn(folder: string): CheckpointStore {
  return new CheckpointStore(joinPath(folder, 'checkpoints'))
}

/** The weights of the best validation so far. @internal */
export function keepBest(folder: string, weights: ReadonlyMap<string, Tensor>): void {
  writeAtomically(joinPath(folder, 'best.safetensors'), [encodeSafetensors(weights)])
}
