/**
 * What a training run keeps and shows: checkpoints, metrics, progress, reports.
 *
 * @packageDocumentation
 */
export { CheckpointStore, type Checkpoint, type CheckpointOptions } from './checkpoint.js'
export { MetricsLog, readMetrics, type MetricsRecord } from './metrics-log.js'
export { metricText, ProgressBar, timeText, type ProgressOptions, type ProgressStream } from './progress.js'
export { htmlReport, type SamplePrediction, type TrainingReport } from './report.js'
export { decodeSafetensors, encodeSafetensors, type Safetensors } from './safetensors.js'
export { boardNodes, TensorBoardWriter, type BoardNode, type BoardOptions } from './tensorboard.js'
