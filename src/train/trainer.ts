import { join } from 'node:path'
import type { DataLoader, LoaderState } from '../data/loader.js'
import { fieldOf, type Fields } from '../data/dataset.js'
import { LanewiseError } from '../core/errors.js'
import type { Module } from '../nn/module.js'
import { clipGradNorm, gradNorm, type Optimizer, type OptimizerState } from '../optim/optimizer.js'
import type { Schedule } from '../optim/schedules.js'
import type { RandomState } from '../core/random.js'
import type { Tensor } from '../api/tensor.js'
import { lockFolder } from '../platform/run-lock.js'
import { CheckpointStore } from './checkpoint.js'
import { classesOf, classification, evaluate, onDevice, type Evaluation, type Task } from './evaluate.js'
import type { MetricsRecord } from './metrics-log.js'
import { ProgressBar, type ProgressStream } from './progress.js'
import { RunLog } from './run-log.js'

/** What `fit` trains with, how long, and what it notes. */
export interface FitOptions extends Partial<Task> {
  readonly optimizer: Optimizer
  /** Told of every step; its learning rates are those of the steps. */
  readonly schedule?: Schedule
  /** Passes over the data, counted from the start of the run, also when it goes on later. */
  readonly epochs: number
  /** Stop after so many steps, counted likewise. */
  readonly maxSteps?: number
  /** Measured after every epoch. */
  readonly validation?: AsyncIterable<Fields>
  /** The run is over as soon as a measure of the validation reaches this: an accuracy at least, a loss at most. */
  readonly target?: { readonly accuracy?: number; readonly loss?: number }
  /** The largest norm of all gradients together; larger ones are scaled down. */
  readonly clipNorm?: number
  /**
   * Where the run is kept: `metrics.jsonl`, `checkpoints/`, and what TensorBoard reads in `board/`. Without it nothing is written.
   */
  readonly folder?: string
  /** Go on from the folder's newest checkpoint, if there is one; otherwise the folder must hold none. */
  readonly resume?: boolean
  /** Steps between two checkpoints; one is saved after every epoch and when the run is stopped in any case. */
  readonly checkpointEvery?: number
  /** Steps between two records of the metrics; 50 by default. */
  readonly logEvery?: number
  /** Where progress is shown; nowhere by default. */
  readonly progress?: ProgressStream
  /** Stops the run after the step that is going on, saves it and returns. */
  readonly signal?: AbortSignal
  /** The same for Ctrl-C (SIGINT) and SIGTERM. A second one ends the process as usual. */
  readonly stopOnSignals?: boolean
}

/** What came of a training. */
export interface FitResult {
  /** Steps that the run has taken in all. */
  readonly steps: number
  /** What ended it. */
  readonly stopped: 'epochs' | 'steps' | 'target' | 'interrupted'
  /** What the last validation measured. */
  readonly validation: Evaluation | undefined
  /** The records of the metrics of this call (and, from the folder, of those before it). */
  readonly history: readonly MetricsRecord[]
}

/** Sums since the last record. */
interface Window {
  examples: number
  loss: number
  right: number
}

/** What a checkpoint keeps besides tensors. */
interface RunState {
  readonly loader: LoaderState
  readonly random: RandomState
  readonly optimizer: OptimizerState['settings']
  readonly schedule: number | null
  readonly window: Window
}

const MODEL = 'model.'
const OPTIMIZER = 'optimizer.'
/** How long JavaScript may be kept from everything else, in milliseconds: signals and timers get their turn then. */
const PATIENCE = 50

/**
 * Trains a model: for each batch one step of the device with loss, gradients, clipping and the optimiser's update.
 *
 * A run that is stopped and goes on with `resume` takes the same steps as one that never was: weights, optimiser, schedule, order of the
 * examples and random numbers are saved, and nothing else decides.
 *
 * @example
 * const result = await fit(model, train, { optimizer: new Adam(model.parameters()), epochs: 5, validation: test, folder: 'runs/first', progress: process.stderr })
 * @throws LanewiseError `E_VALUE` if the loss or a gradient is not finite, naming the operator; the weights are those before the step then. `E_STATE` if another run works in the folder; if
 * the folder holds another run, or one although `resume` was not asked for.
 */
export function fit(model: Module, data: DataLoader, options: FitOptions): Promise<FitResult> {
  return new Trainer(model, data, options).run()
}

/** One run of {@link fit}. */
export class Trainer {
  /** Steps taken. */
  step = 0
  private readonly task: Task
  private readonly store: CheckpointStore | undefined
  private window: Window = { examples: 0, loss: 0, right: 0 }
  private interrupted = false
  private saved = -1

  constructor(
    readonly model: Module,
    readonly data: DataLoader,
    private readonly options: FitOptions,
  ) {
    const { output, loss, label } = options
    this.task = {
      output: output ?? classification.output,
      loss: loss ?? classification.loss,
      label: 'label' in options ? label : classification.label,
    }
    if (options.folder !== undefined) this.store = new CheckpointStore(join(options.folder, 'checkpoints'))
  }

  /** Runs to the end; see {@link fit}. */
  async run(): Promise<FitResult> {
    const { folder } = this.options
    const unlock = folder === undefined ? undefined : lockFolder(folder)
    try {
      return await this.runAlone()
    } finally {
      unlock?.()
    }
  }

  private async runAlone(): Promise<FitResult> {
    const { epochs, folder, stopOnSignals, signal } = this.options
    const resumed = this.resume()
    const log = new RunLog(folder, resumed ? this.step : undefined)
    const stop = () => (this.interrupted = true)
    if (stopOnSignals) for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, stop)
    if (signal?.aborted) stop()
    signal?.addEventListener('abort', stop)
    let validation: Evaluation | undefined
    let stopped: FitResult['stopped'] = 'epochs'
    try {
      while (this.data.epoch < epochs) {
        const early = await this.epoch(log)
        if (early) {
          stopped = early
          break
        }
        if (this.options.validation) validation = await this.validate(log)
        this.save()
        if (validation && this.reached(validation)) {
          stopped = 'target'
          break
        }
      }
      this.save()
    } finally {
      if (stopOnSignals) for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, stop)
      signal?.removeEventListener('abort', stop)
      log.close()
    }
    return { steps: this.step, stopped, validation, history: log.history }
  }

  /** The rest of the current epoch. Returns why the run must end within it, if it must. */
  private async epoch(log: RunLog): Promise<'steps' | 'interrupted' | undefined> {
    const { epochs, maxSteps = Infinity, checkpointEvery = Infinity, logEvery = 50, progress } = this.options
    const { data, model } = this
    const bar =
      progress &&
      new ProgressBar({
        stream: progress,
        label: `epoch ${data.epoch + 1}/${epochs}`,
        total: data.examples,
        start: data.position,
      })
    let yielded = performance.now()
    let shown: Record<string, number> = {}
    model.train()
    if (this.step >= maxSteps) return 'steps'
    for await (const fields of data) {
      if (this.step === 0) log.graph(model, fields)
      const lr = this.options.optimizer.groups[0].lr
      this.train(fields)
      if (this.step % logEvery === 0) {
        shown = this.record()
        log.write(this.step, { epoch: data.epoch + 1, ...prefixed('train/', shown), lr })
      }
      const { examples, loss, right } = this.window
      bar?.update(data.position, examples === 0 ? shown : this.measures(examples, loss, right))
      if (this.step % checkpointEvery === 0) this.save()
      if (performance.now() - yielded > PATIENCE) {
        await new Promise((resolve) => setImmediate(resolve))
        yielded = performance.now()
      }
      if (this.interrupted || this.step >= maxSteps) {
        bar?.finish(data.position, shown)
        return this.interrupted ? 'interrupted' : 'steps'
      }
    }
    bar?.finish(data.examples ?? data.position, shown)
    return undefined
  }

  /** One step. */
  private train(fields: Fields): void {
    const { model, task } = this
    const { optimizer, schedule, clipNorm } = this.options
    const { device } = model
    const buffers = [...model.namedBuffers()].map(([, buffer]) => [buffer, buffer.data()] as const)
    const count = Object.values(fields)[0].dims[0]
    try {
      device.step(() => {
        const batch = onDevice(model, fields)
        const output = task.output(model, batch)
        const loss = task.loss(output, batch)
        const value = loss.item()
        if (!Number.isFinite(value)) throw this.notFinite(`the loss is ${value}`)
        loss.backward()
        const params = optimizer.groups.flatMap((group) => group.params)
        const norm = clipNorm === undefined ? gradNorm(params) : clipGradNorm(params, clipNorm)
        if (!Number.isFinite(norm)) throw this.notFinite('a gradient is not finite')
        optimizer.step()
        this.window.examples += count
        this.window.loss += value * count
        if (task.label !== undefined) {
          const truths = fieldOf(fields, task.label).data
          classesOf(output).forEach((prediction, i) => (this.window.right += Number(Number(truths[i]) === prediction)))
        }
      })
    } catch (error) {
      // Running statistics have seen the batch: they are put back, too.
      for (const [buffer, before] of buffers) buffer.assign(before)
      throw error
    } finally {
      optimizer.zeroGrad()
    }
    schedule?.step()
    this.step++
  }

  private notFinite(what: string): LanewiseError {
    const bad = this.model.device.firstNonFinite()
    const where =
      bad &&
      (bad.gradientOf === undefined
        ? `the first result that is not is that of ${bad.op}`
        : `the first on the way back is that of ${bad.op} by its input ${bad.gradientOf}`)
    return new LanewiseError(
      'E_VALUE',
      `step ${this.step + 1}: ${what}${where ? `; ${where}${bad.scope ? ` in "${bad.scope}"` : ''}` : ''}; the weights were not changed`,
      { op: bad?.op, node: bad?.scope || undefined },
    )
  }

  private measures(examples: number, loss: number, right: number): Record<string, number> {
    return { loss: loss / examples, ...(this.task.label !== undefined && { accuracy: right / examples }) }
  }

  /** Means since the last record; the sums begin again. */
  private record(): Record<string, number> {
    const { examples, loss, right } = this.window
    this.window = { examples: 0, loss: 0, right: 0 }
    return this.measures(examples, loss, right)
  }

  private async validate(log: RunLog): Promise<Evaluation> {
    const result = await evaluate(this.model, this.options.validation!, this.task)
    const { loss, accuracy } = result
    const measures = { loss, ...(accuracy !== undefined && { accuracy }) }
    log.write(this.step, { epoch: this.data.epoch, ...prefixed('validation/', measures) })
    this.options.progress?.write(
      `${' '.repeat(2)}validation after epoch ${this.data.epoch}: loss ${loss.toPrecision(4)}${accuracy === undefined ? '' : `, accuracy ${(100 * accuracy).toFixed(2)} %`}\n`,
    )
    return result
  }

  private reached({ accuracy, loss }: Evaluation): boolean {
    const { target } = this.options
    if (!target) return false
    const fine =
      (target.accuracy === undefined || (accuracy ?? 0) >= target.accuracy) &&
      (target.loss === undefined || loss <= target.loss)
    return fine && (target.accuracy !== undefined || target.loss !== undefined)
  }

  /** Saves the run as it stands, unless that was done already. */
  private save(): void {
    const { model, data, options, step } = this
    // An epoch that is over is another state than its last step.
    const place = 2 * step + Number(data.position === 0)
    if (!this.store || this.saved === place) return
    this.saved = place
    const { settings, tensors: moments } = options.optimizer.state()
    const tensors = new Map<string, Tensor>([
      ...prefixedMap(MODEL, model.stateDict()),
      ...prefixedMap(OPTIMIZER, moments),
    ])
    const state: RunState = {
      loader: data.state(),
      random: model.device.random.save(),
      optimizer: settings,
      schedule: options.schedule?.count ?? null,
      window: { ...this.window },
    }
    this.store.save({ step, tensors, state })
  }

  private resume(): boolean {
    const { folder, resume = false, optimizer, schedule } = this.options
    if (!this.store) {
      if (resume) throw new LanewiseError('E_STATE', 'a run can only go on from a folder')
      return false
    }
    if (!resume) {
      if (this.store.steps().length > 0)
        throw new LanewiseError('E_STATE', `${folder} holds a run already: resume it, or give another folder`)
      return false
    }
    const checkpoint = this.store.latest()
    if (!checkpoint) return false
    const state = checkpoint.state as RunState
    this.model.loadStateDict(withoutPrefix(MODEL, checkpoint.tensors))
    optimizer.load({ settings: state.optimizer, tensors: withoutPrefix(OPTIMIZER, checkpoint.tensors) })
    if ((schedule === undefined) !== (state.schedule === null))
      throw new LanewiseError(
        'E_STATE',
        `${folder}: the run that was saved had ${state.schedule === null ? 'no' : 'a'} schedule`,
      )
    schedule?.restore(state.schedule!)
    this.data.restore(state.loader)
    this.model.device.random.restore(state.random)
    this.window = { ...state.window }
    this.step = checkpoint.step
    this.store.rewind(this.step)
    return true
  }
}

function prefixed(prefix: string, values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]))
}

function prefixedMap<T>(prefix: string, map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].map(([name, value]) => [prefix + name, value])
}

function withoutPrefix<T>(prefix: string, map: ReadonlyMap<string, T>): Map<string, T> {
  return new Map(
    [...map].flatMap(([name, value]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [])),
  )
}
