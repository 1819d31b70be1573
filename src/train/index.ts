/**
 * What a training run keeps and shows: checkpoints, metrics, progress, reports.
 *
 * @packageDocumentation
 */
export { openCache, writeCache, type Cache } from './dataset-cache.js'
export { classesOf, evaluate, type EvaluateOptions, type Evaluation } from './evaluate.js'
export {
  batchField,
  classAxisOf,
  classification,
  type Batch,
  type Task,
  type TaskLoss,
  type TaskOutput,
} from './task.js'
export {
  accuracy,
  bleu,
  exactMatch,
  meanOf,
  perplexity,
  topK,
  type BleuOptions,
  type Metric,
  type MetricState,
} from './metrics.js'
export { bleuShares, CiderD, ciderD, corpusBleu, rougeL, sentenceBleu, type Judged, type Words } from './text-scores.js'
export type { Batches } from './batches.js'
export type { EarlyStopping, Watched } from './watch.js'
export { BlobCheckpoints } from './checkpoints/blob-checkpoints.js'
export { indexedDbStore, opfsStore, type BlobStore } from '../platform/blob-store.js'
export { CheckpointStore } from './checkpoints/checkpoint.js'
export { type Checkpoint, type CheckpointOptions, type Checkpoints } from './checkpoints/checkpoint-file.js'
export { MetricsLog, readMetrics, type MetricsRecord } from './metrics-log.js'
export { metricText, ProgressBar, timeText, type ProgressOptions, type ProgressStream } from './progress.js'
export { htmlReport, type SamplePrediction, type TrainingReport } from './report.js'
export type {
  PictureRecipe,
  Recipe,
  RecipeContext,
  RecipeEvaluation,
  RecipeEvaluationOptions,
  RecipeFit,
  RecipeOption,
  TaskData,
  TaskRecipe,
} from './recipe.js'
export type { EpochReport, FitOptions, FitResult, StepReport } from './fit-options.js'
export { fit, Trainer } from './trainer.js'
export { decodeSafetensors, encodeSafetensors, type Safetensors } from './checkpoints/safetensors.js'
export { boardNodes, TensorBoardWriter, type BoardNode, type BoardOptions } from './tensorboard.js'
