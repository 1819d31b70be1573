/**
 * What a training run keeps and shows: checkpoints, metrics, progress, reports.
 *
 * @packageDocumentation
 */
export { classesOf, classification, evaluate, type Batch, type Evaluation, type Task } from './evaluate.js'
export { CheckpointStore, type Checkpoint, type CheckpointOptions } from './checkpoint.js'
export { MetricsLog, readMetrics, type MetricsRecord } from './metrics-log.js'
export { metricText, ProgressBar, timeText, type ProgressOptions, type ProgressStream } from './progress.js'
export { htmlReport, type SamplePrediction, type TrainingReport } from './report.js'
export type { Recipe } from './recipe.js'
export { fit, Trainer, type FitOptions, type FitResult } from './trainer.js'
export { decodeSafetensors, encodeSafetensors, type Safetensors } from './safetensors.js'
export { boardNodes, TensorBoardWriter, type BoardNode, type BoardOptions } from './tensorboard.js'
