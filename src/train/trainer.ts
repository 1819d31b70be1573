import { checkArguments } from '../core/arguments.js'
import type { Fields } from '../data/dataset.js'
import { LanewiseError } from '../core/errors.js'
import type { Module } from '../nn/module.js'
import * as F from '../nn/functional.js'
import { clipGradNorm, gradNorm, scaleGradients } from '../optim/optimizer.js'
import type { Tensor } from '../api/tensor.js'
import { lockFolder } from '../platform/run-lock.js'
import { AverageWeights } from './averages.js'
import { epochsOf, type Batches, type EpochSource } from './batches.js'
import type { Checkpoints } from './checkpoints/checkpoint-file.js'
import {
  AVERAGE,
  BEST,
  MODEL,
  noWindow,
  OPTIMIZER,
  prefixedMap,
  withoutPrefix,
  type RunState,
} from './checkpoints/run-state.js'
import { measure, measuresOf, type Evaluation } from './evaluate.js'
import { checkFitOptions, type FitOptions, type FitResult } from './fit-options.js'
import { Pace } from '../core/pace.js'
import { checkKnown, notFinite } from './faults.js'
import { metricText, ProgressBar } from './progress.js'
import { ListLog, type RunLog } from './run-log.js'
import { StopSignals } from './stop-signals.js'
import { argmaxRows, examplesIn, judge, onDevice, resolveTask, totalLoss, type ResolvedTask } from './task.js'
import { higherIsBetter, Watch } from './watch.js'

type Stopped = FitResult['stopped']

/**
 * Trains a model: for each batch one step of the device with loss, gradients, clipping and the optimiser's update.
 * Events (signals, timers) get their turn at least every 50 ms, unless a single step takes longer.
 *
 * A run that is stopped and goes on with `resume` takes the same steps as one that never was: weights, optimiser,
 * schedule, order of the examples and random numbers are saved, and nothing else decides. The modules of the model are
 * in the mode afterwards that they were in before.
 *
 * @param data - a loader; or batches that can be looped over once for every epoch (a list, an object with an async
 *   iterator), or a function that starts over.
 *
 * @example
 * import { Adam, DataLoader, Device, fit, Flatten, generateDigits, Linear, Sequential } from 'lanewise/train'
 *
 * await Device.create({ seed: 1 })
 * const model = new Sequential(new Flatten(), new Linear(784, 10))
 * const result = await fit(model, new DataLoader(generateDigits(500, 1), { batchSize: 50, shuffle: true, seed: 1 }), {
 *   optimizer: new Adam(model.parameters()),
 *   epochs: 2,
 *   validation: new DataLoader(generateDigits(100, 2), { batchSize: 50 }),
 *   folder: 'runs/first', // checkpoints and logs; the same call with resume: true goes on
 *   progress: process.stderr,
 * })
 * console.log(result.validation?.accuracy)
 * @throws LanewiseError `E_VALUE` for options that do not exist or make no sense, data without a batch, a parameter
 *   that is used but that the model does not know; if the loss or a gradient is not finite, naming the operator: the
 *   weights are those before the step then. `E_STATE` if another run works in the folder; if the folder holds another
 *   run, or one although `resume` was not asked for.
 */
export async function fit(model: Module, data: Batches, options: FitOptions): Promise<FitResult> {
  return await new Trainer(model, data, options).run()
}

/** One run of {@link fit}. */
export class Trainer {
  /** Steps taken. */
  step = 0
  private readonly data: EpochSource
  private readonly task: ResolvedTask
  private store: Checkpoints | undefined
  /** What a run with a folder needs, loaded only for one. */
  private files: typeof import('./folder-log.js') | undefined
  private readonly averages: AverageWeights | undefined
  private readonly best: Watch | undefined
  private readonly stopping: Watch | undefined
  private bestWeights: Map<string, Tensor> | undefined
  private bestValidation: Evaluation | undefined
  private validation: Evaluation | undefined
  private window = noWindow()
  private firstEpoch = 0
  private waiting = 0
  /** Examples of the batches that wait for their step. */
  private gathered = 0
  private stoppedByHook = false
  private saved = -1
  private readonly pace = new Pace()
  private readonly signals: StopSignals

  /** @throws LanewiseError `E_VALUE` for options that do not exist or make no sense. */
  constructor(
    /** The model that is trained. */
    readonly model: Module,
    data: Batches,
    private readonly options: FitOptions,
  ) {
    checkArguments('fit', { model, options }, 'module', 'object')
    checkFitOptions(options)
    this.data = epochsOf(data)
    this.task = resolveTask(options)
    const { ema, swa, keepBest, earlyStopping, metrics = {} } = options
    this.store = options.checkpoints
    if (ema !== undefined || swa) this.averages = new AverageWeights(model, ema)
    if (keepBest) this.best = new Watch(keepBest === true ? {} : keepBest, metrics)
    if (earlyStopping) this.stopping = new Watch(earlyStopping, metrics, earlyStopping.minDelta)
    this.signals = new StopSignals(options.stopOnSignals === true, options.signal)
  }

  /** Runs to the end; see {@link fit}. */
  async run(): Promise<FitResult> {
    const { folder } = this.options
    const modes = [...this.model.modules()].map((inner) => [inner, inner.training] as const)
    const unlock = folder === undefined ? undefined : lockFolder(folder)
    try {
      return await this.runAlone()
    } finally {
      for (const [inner, training] of modes) inner.training = training
      this.averages?.dispose()
      unlock?.()
    }
  }

  private async runAlone(): Promise<FitResult> {
    const { epochs, folder } = this.options
    this.firstEpoch = this.data.epoch
    if (folder !== undefined) {
      this.files = await import('./folder-log.js')
      this.store = this.files.checkpointsIn(folder)
    }
    const resumed = await this.resume()
    const begun = this.step
    const log: RunLog =
      this.files && folder !== undefined
        ? new this.files.FolderLog(folder, resumed ? this.step : undefined)
        : new ListLog()
    this.signals.listen()
    let stopped: Stopped = 'epochs'
    try {
      while (this.data.epoch < this.firstEpoch + epochs) {
        const early = (await this.epoch(log)) ?? (await this.endEpoch(log))
        if (early) {
          stopped = early
          break
        }
      }
      // A run that was finished before has no epoch left in which to measure, and nothing to note.
      const { validation, metrics = {} } = this.options
      if (this.step === begun && stopped !== 'interrupted' && validation)
        this.validation ??= await measure(
          this.model,
          validation,
          this.task,
          metrics,
          this.pace,
          () => this.signals.stopped,
        )
      await this.save()
    } finally {
      this.signals.close()
      log.close()
    }
    if (this.best && this.bestWeights) this.model.loadStateDict(this.bestWeights)
    else this.averages?.swap()
    return {
      steps: this.step,
      stopped,
      ...(stopped === 'interrupted' && this.signals.name && { signal: this.signals.name }),
      validation: this.validation,
      ...(this.bestValidation && { best: this.bestValidation }),
      history: log.history,
    }
  }

  /** The rest of the current epoch. Returns why the run must end within it, if it must. */
  private async epoch(log: RunLog): Promise<Stopped | undefined> {
    const { epochs, maxSteps = Infinity, accumulate = 1, progress } = this.options
    const { data } = this
    const last = this.firstEpoch + epochs
    const bar =
      progress &&
      new ProgressBar({
        stream: progress,
        // Of a run that ends by its steps nobody knows the last epoch.
        label: `epoch ${data.epoch + 1}${last < Number.MAX_SAFE_INTEGER ? `/${last}` : ''}`,
        total: data.examples,
        start: data.position,
      })
    const number = data.epoch + 1
    this.model.train()
    if (this.step >= maxSteps) return 'steps'
    const begun = data.position
    let batches = 0
    for await (const fields of data) {
      if (this.step === 0 && batches === 0) log.graph(this.model, fields)
      batches++
      this.forwardBackward(fields)
      bar?.update(data.position, this.measures())
      if (++this.waiting >= accumulate) {
        const early = await this.finishStep(log, number)
        if (early) {
          bar?.finish(data.position, this.measures())
          return early
        }
      }
      await this.pace.turn()
      if (this.signals.stopped && this.waiting === 0) {
        bar?.finish(data.position, this.measures())
        return 'interrupted'
      }
    }
    if (batches === 0 && begun === 0) throw new LanewiseError('E_VALUE', `epoch ${number}: the data has no batches`)
    const early = this.waiting > 0 ? await this.finishStep(log, number) : undefined
    bar?.finish(data.examples ?? data.position, this.measures())
    return early
  }

  /** After the last batch of an epoch. */
  private async endEpoch(log: RunLog): Promise<Stopped | undefined> {
    const { validation, swa, onEpoch, maxSteps = Infinity } = this.options
    const epoch = this.data.epoch
    if (swa && epoch - this.firstEpoch >= swa.fromEpoch) this.averages?.update()
    const early = validation ? await this.validate(log) : undefined
    await this.save()
    if (early) return early
    const answer = await onEpoch?.({ step: this.step, epoch, validation: this.validation })
    if (answer === 'stop') return 'hook'
    if (this.signals.stopped) return 'interrupted'
    return this.step >= maxSteps && epoch < this.firstEpoch + this.options.epochs ? 'steps' : undefined
  }

  /** Loss and gradients of one batch. */
  private forwardBackward(fields: Fields): void {
    const { model, task } = this
    const { accumulate = 1 } = this.options
    const { device } = model
    const count = examplesIn(fields)
    const buffers = [...model.namedBuffers()].map(([, buffer]) => [buffer, buffer.data()] as const)
    try {
      device.step(() => {
        const batch = onDevice(model, fields)
        const output = task.output(model, batch)
        const { total } = totalLoss(task, output, batch)
        const value = total.item()
        if (!Number.isFinite(value)) throw notFinite(device, this.step + 1, `the loss is ${value}`)
        if (this.step === 0) checkKnown(model, this.parameters())
        // Sums over examples here, the mean in finishStep(): batches may be of different sizes, and the last ones too
        // few.
        ;(accumulate === 1 ? total : F.mul(total, count)).backward()
        this.gathered += count
        // The operator is named while its record is there.
        if (!Number.isFinite(gradNorm(this.parameters())))
          throw notFinite(device, this.step + 1, 'a gradient is not finite')
        this.window.examples += count
        this.window.loss += value * count
        if (task.label === undefined) return
        const { classes, rows, truths, counted } = judge(task, output, batch)
        argmaxRows(rows, classes).forEach((prediction, i) => {
          if (!counted[i]) return
          this.window.labels = (this.window.labels ?? 0) + 1
          this.window.right += Number(prediction === truths[i])
        })
      })
    } catch (error) {
      // Running statistics have seen the batch: they are put back, too.
      for (const [buffer, before] of buffers) buffer.assign(before)
      this.options.optimizer.zeroGrad()
      this.waiting = 0
      this.gathered = 0
      throw error
    }
  }

  /** The update by the gradients there are, and what is due after it. */
  private async finishStep(log: RunLog, epoch: number): Promise<Stopped | undefined> {
    const {
      optimizer,
      schedule,
      clipNorm,
      maxSteps = Infinity,
      checkpointEvery = Infinity,
      logEvery = 50,
      accumulate = 1,
    } = this.options
    const { evaluateEvery = Infinity, onStep, ema } = this.options
    const { device } = this.model
    const lr = optimizer.groups[0].lr
    let norm = 0
    try {
      norm = device.step(() => {
        if (accumulate > 1) scaleGradients(this.parameters(), 1 / this.gathered)
        const before = clipNorm === undefined ? gradNorm(this.parameters()) : clipGradNorm(this.parameters(), clipNorm)
        optimizer.step()
        return before
      })
    } finally {
      optimizer.zeroGrad()
      this.waiting = 0
      this.gathered = 0
    }
    schedule?.step()
    this.step++
    if (ema !== undefined) this.averages?.update()
    this.window.gradNorm = (this.window.gradNorm ?? 0) + norm
    this.window.steps = (this.window.steps ?? 0) + 1
    const loss = this.window.loss / this.window.examples
    if (this.step % logEvery === 0) {
      const measured = { ...this.measures(), gradNorm: this.window.gradNorm / this.window.steps }
      this.window = noWindow()
      log.write(this.step, { epoch, ...prefixed('train/', measured), lr })
    }
    if (this.step % checkpointEvery === 0) await this.save()
    const answer = await onStep?.({ step: this.step, epoch, loss, gradNorm: norm, lr })
    if (answer === 'stop') this.stoppedByHook = true
    if (this.step % evaluateEvery === 0) {
      const early = await this.validate(log)
      if (early) return early
      this.model.train()
    }
    if (this.stoppedByHook) return 'hook'
    if (this.signals.stopped) return 'interrupted'
    return this.step >= maxSteps ? 'steps' : undefined
  }

  private parameters() {
    return this.options.optimizer.groups.flatMap((group) => group.params)
  }

  private learnedNames(): string[] {
    const names = new Map([...this.model.namedParameters()].map(([name, parameter]) => [parameter, name]))
    return this.parameters().map((parameter) => names.get(parameter) ?? '')
  }

  /** Means since the last record. */
  private measures(): Record<string, number> {
    const { examples, loss, right, labels = examples } = this.window
    if (examples === 0) return {}
    return { loss: loss / examples, ...(this.task.label !== undefined && { accuracy: right / labels }) }
  }

  /** Measures the model (with an exponential mean, that) and says whether that ends the run. */
  private async validate(log: RunLog): Promise<Stopped | undefined> {
    const { validation, metrics = {}, ema, progress, earlyStopping } = this.options
    if (!validation) return undefined
    const average = ema === undefined ? undefined : this.averages
    average?.swap()
    try {
      const result = await measure(this.model, validation, this.task, metrics, this.pace, () => this.signals.stopped)
      if (!result) return 'interrupted'
      this.validation = result
      const measures = measuresOf(result)
      log.write(this.step, { epoch: this.data.epoch, ...prefixed('validation/', measures) })
      const text = Object.entries(measures).map(([name, value]) => `${name} ${metricText(name, value)}`)
      progress?.write(`  validation after epoch ${this.data.epoch}: ${text.join(', ')}\n`)
      if (this.best?.improves(measures)) {
        this.bestWeights = this.model.stateDict()
        this.bestValidation = result
        const { folder } = this.options
        if (folder !== undefined) this.files?.keepBest(folder, this.bestWeights)
      }
      if (this.reached(measures)) return 'target'
      this.stopping?.improves(measures)
      return this.stopping && this.stopping.since >= (earlyStopping?.patience ?? 3) ? 'early' : undefined
    } finally {
      average?.swap()
    }
  }

  /** @throws LanewiseError `E_VALUE` for a target that is not measured. */
  private reached(measures: Readonly<Record<string, number>>): boolean {
    const { target = {}, metrics = {} } = this.options
    const wanted = Object.entries(target).filter((entry): entry is [string, number] => entry[1] !== undefined)
    return (
      wanted.length > 0 &&
      wanted.every(([name, value]) => {
        if (!Object.hasOwn(measures, name))
          throw new LanewiseError(
            'E_VALUE',
            `the target "${name}" was not measured, only ${Object.keys(measures).join(', ')}`,
          )
        return higherIsBetter(name, metrics) ? measures[name] >= value : measures[name] <= value
      })
    )
  }

  /** Saves the run as it stands, unless that was done already. */
  private async save(): Promise<void> {
    const { model, data, options, step } = this
    // An epoch that is over is another state than its last step.
    const place = 2 * step + Number(data.position === 0)
    if (!this.store || this.saved === place) return
    this.saved = place
    const { settings, tensors: moments } = options.optimizer.state()
    const tensors = new Map<string, Tensor>([
      ...prefixedMap(MODEL, model.stateDict()),
      ...prefixedMap(OPTIMIZER, moments),
      ...prefixedMap(AVERAGE, this.averages?.state() ?? new Map<string, Tensor>()),
      ...prefixedMap(BEST, this.bestWeights ?? new Map<string, Tensor>()),
    ])
    const state: RunState = {
      loader: data.state(),
      random: model.device.random.save(),
      optimizer: settings,
      learned: this.learnedNames(),
      schedule: options.schedule?.count ?? null,
      window: { ...this.window },
      firstEpoch: this.firstEpoch,
      averages: this.averages?.count,
      best: this.best?.state(),
      bestValidation: this.bestValidation ?? null,
      stopping: this.stopping?.state(),
    }
    await this.store.save({ step, tensors, state })
  }

  /** Where the run is kept, for messages. */
  private get place(): string {
    return this.options.folder ?? this.store?.place ?? ''
  }

  private async resume(): Promise<boolean> {
    const { resume = false, optimizer, schedule } = this.options
    if (!this.store) {
      if (resume) throw new LanewiseError('E_STATE', 'a run can only go on from a folder, or from checkpoints')
      return false
    }
    if (!resume) {
      if ((await this.store.steps()).length > 0)
        throw new LanewiseError('E_STATE', `${this.place} holds a run already: resume it, or give another`)
      return false
    }
    const checkpoint = await this.store.latest()
    if (!checkpoint) return false
    const state = checkpoint.state as RunState
    if ((schedule === undefined) !== (state.schedule === null))
      throw new LanewiseError(
        'E_STATE',
        `${this.place}: the run that was saved had ${state.schedule === null ? 'no' : 'a'} schedule`,
      )
    const names = this.learnedNames()
    const moved = state.learned?.findIndex((name, i) => name !== names[i]) ?? -1
    if (moved >= 0 && state.learned?.length === names.length)
      throw new LanewiseError(
        'E_STATE',
        `${this.place}: parameter ${moved} of the optimiser was "${state.learned[moved]}" and is "${names[moved]}" now`,
        { expected: state.learned[moved], actual: names[moved] },
      )
    optimizer.load({ settings: state.optimizer, tensors: withoutPrefix(OPTIMIZER, checkpoint.tensors) })
    this.model.loadStateDict(withoutPrefix(MODEL, checkpoint.tensors))
    if (state.schedule !== null) schedule?.restore(state.schedule)
    this.data.restore(state.loader)
    this.model.device.random.restore(state.random)
    this.window = { ...noWindow(), ...state.window }
    this.firstEpoch = state.firstEpoch ?? 0
    if (state.averages !== undefined) this.averages?.load(withoutPrefix(AVERAGE, checkpoint.tensors), state.averages)
    if (state.best) this.best?.restore(state.best)
    if (state.stopping) this.stopping?.restore(state.stopping)
    const best = withoutPrefix(BEST, checkpoint.tensors)
    if (best.size > 0) this.bestWeights = best
    this.bestValidation = state.bestValidation ?? undefined
    this.step = checkpoint.step
    await this.store.rewind(this.step)
    return true
  }
}

function prefixed(prefix: string, values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]))
}
