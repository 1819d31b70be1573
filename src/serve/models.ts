import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { externalLocations } from '../api/external-locations.js'
import { LanewiseError } from '../core/errors.js'
import { log } from '../core/env.js'
import { readBytes, reasonOf } from '../platform/node-files.js'
import type { Batch, BatchResult, ModelThread, Ready } from './messages.js'
import { ThreadPool } from './pool.js'
import type { ModelDescription } from './protocol.js'
import { BatchQueue, type QueueOptions } from './queue.js'
import type { SharedOptions } from './session.js'

export interface ModelsOptions extends QueueOptions {
  /** Threads of each model. */
  readonly threads: number
  /** The most bytes of an answer. */
  readonly answerLimit: number
  /** Milliseconds that a run may take. */
  readonly timeout: number
  readonly session: SharedOptions
  /** Milliseconds between two looks at the files; 0: they are never loaded again. */
  readonly poll: number
}

/** A model that is loaded. */
export interface ServedModel {
  readonly name: string
  readonly file: string
  readonly description: ModelDescription
  /** Whether requests are run together. */
  readonly batches: boolean
  readonly queue: BatchQueue
  /** Changes with the file, and with the files that hold its tensors. */
  readonly stamp: string
}

/** What has been observed, for metrics. */
export interface ModelsEvents {
  batch(model: string, rows: number): void
  reload(model: string, ok: boolean): void
}

/** The version that every model has: of a file there is one. */
export const VERSION_OF_MODELS = '1'

/** A model is called as its file without the ending. */
function nameOf(file: string): string {
  return basename(file, extname(file))
}

/** The models of a server: of files, and of a folder. */
export class Models {
  private readonly served = new Map<string, ServedModel>()
  private timer: NodeJS.Timeout | undefined
  private closing: Promise<unknown>[] = []
  /** What a file was when it was looked at last: one that is being written is left alone until it is the same twice. */
  private readonly seen = new Map<string, string>()
  /** The files of tensors beside a file, which has to be read for them: for what it was when it was read last. */
  private readonly beside = new Map<string, { readonly own: string; readonly paths: readonly string[] }>()
  /** Of files that could not be loaded, so that they are tried once. */
  private readonly refused = new Map<string, string>()

  /** Whether some are not there yet. */
  loading = true

  constructor(
    private readonly files: readonly string[],
    private readonly folder: string | undefined,
    private readonly options: ModelsOptions,
    private readonly events: ModelsEvents,
  ) {}

  /**
   * Loads all of them.
   *
   * @throws LanewiseError what loading one of the files throws that were named, naming it; `E_VALUE` if two have one
   *   name, `E_EXTERNAL` if a file or the folder is not there.
   */
  async open(): Promise<void> {
    for (const [name, file] of await this.present()) await this.begin(name, file)
    this.loading = false
    if (this.options.poll > 0) this.watch()
  }

  get(name: string): ServedModel | undefined {
    return this.served.get(name)
  }

  [Symbol.iterator](): IterableIterator<ServedModel> {
    return this.served.values()
  }

  /** Finishes what was taken. */
  async close(): Promise<void> {
    clearTimeout(this.timer)
    this.timer = undefined
    const all = [...this.served.values()].map(({ queue }) => queue.close())
    await Promise.all([...all, ...this.closing])
  }

  /** The files that there are now, by the names of their models. */
  private async present(): Promise<Map<string, string>> {
    const inFolder = this.folder === undefined ? [] : await modelsIn(this.folder)
    const found = new Map<string, string>()
    for (const file of [...this.files, ...inFolder]) {
      const name = nameOf(file)
      const other = found.get(name)
      if (other !== undefined && other !== file)
        throw new LanewiseError('E_VALUE', `${other} and ${file} would both be the model "${name}"`)
      found.set(name, file)
    }
    return found
  }

  /**
   * A file of the folder that cannot be loaded is told, and keeps no other from being served; one that was asked for by
   * its name does.
   */
  private async begin(name: string, file: string): Promise<void> {
    // Of before it is loaded: what comes meanwhile is tried again.
    const stamp = await this.stampOf(file).catch(() => undefined)
    try {
      this.served.set(name, await this.load(name, file))
    } catch (error) {
      const { message, code, node, tensor } = error as LanewiseError
      const text = message.includes(file) ? message : `${file} cannot be loaded: ${message}`
      if (this.files.includes(file)) {
        if (!(error instanceof LanewiseError)) throw error
        throw new LanewiseError(code, text, { node, tensor, cause: error })
      }
      if (stamp !== undefined) this.refused.set(file, stamp)
      this.events.reload(name, false)
      log('error', `${text} (the others are served)`)
    }
  }

  private async load(name: string, file: string): Promise<ServedModel> {
    const { threads, timeout, session, answerLimit } = this.options
    const stamp = await this.stampOf(file)
    const pool = await ThreadPool.open<{ batch: Batch }, BatchResult>(
      threads,
      (first): ModelThread => ({
        kind: 'model',
        model: file,
        options: session,
        answerLimit,
        batches: this.options.maxBatch === 1 ? false : (first as Ready | undefined)?.batches,
      }),
      timeout,
    )
    const { description, batches } = pool.ready as Ready
    const events = { batch: (rows: number) => this.events.batch(name, rows) }
    return { name, file, description, batches, stamp, queue: new BatchQueue(pool, batches, this.options, events) }
  }

  private watch(): void {
    this.timer = setTimeout(() => {
      void this.look().finally(() => {
        if (this.timer !== undefined) this.watch()
      })
    }, this.options.poll)
    this.timer.unref()
  }

  /**
   * Loads what is new or has changed, and lets go of what is no longer there. Requests that were taken are finished by
   * the session that took them.
   */
  private async look(): Promise<void> {
    let files
    try {
      files = await this.present()
    } catch (error) {
      log('warning', `the models cannot be listed: ${(error as Error).message}`)
      return
    }
    for (const [name, file] of files) {
      const stamp = await this.stampOf(file).catch(() => undefined)
      const last = this.seen.get(file)
      if (stamp === undefined || stamp === this.served.get(name)?.stamp || stamp === this.refused.get(file)) continue
      this.seen.set(file, stamp)
      if (stamp === last) await this.reload(name, file, stamp)
    }
    for (const [name, model] of this.served) {
      // A file that was named on the command line may be on its way.
      if (files.has(name) || this.files.includes(model.file)) continue
      this.served.delete(name)
      this.retire(model)
    }
  }

  private async reload(name: string, file: string, stamp: string): Promise<void> {
    try {
      const fresh = await this.load(name, file)
      if (this.timer === undefined) return await fresh.queue.close()
      const old = this.served.get(name)
      this.served.set(name, fresh)
      if (old) this.retire(old)
      this.events.reload(name, true)
    } catch (error) {
      this.refused.set(file, stamp)
      this.events.reload(name, false)
      log('error', `${file} cannot be loaded, what was loaded before goes on: ${(error as Error).message}`)
    }
  }

  /** @throws LanewiseError `E_EXTERNAL` if the file is not there. */
  private async stampOf(file: string): Promise<string> {
    const own = await fileStamp(file)
    let known = this.beside.get(file)
    if (known?.own !== own) this.beside.set(file, (known = { own, paths: await tensorFiles(file) }))
    const others = await Promise.all(known.paths.map((path) => fileStamp(path).catch(() => 'none')))
    return [own, ...others].join(', ')
  }

  private retire(model: ServedModel): void {
    const done = model.queue.close().finally(() => {
      this.closing = this.closing.filter((each) => each !== done)
    })
    this.closing.push(done)
  }
}

async function modelsIn(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder)
    return names
      .filter((name) => name.endsWith('.onnx') && !name.startsWith('.'))
      .sort()
      .map((name) => join(folder, name))
  } catch (cause) {
    throw new LanewiseError('E_EXTERNAL', `cannot list ${folder}: ${reasonOf(cause)}`, { cause })
  }
}

/** The files beside a model that hold its tensors; none if it is no model (yet). */
async function tensorFiles(file: string): Promise<string[]> {
  try {
    return externalLocations(await readBytes(file)).map((location) => join(dirname(file), location))
  } catch {
    return []
  }
}

/** @throws LanewiseError `E_EXTERNAL` if it is not there. */
async function fileStamp(file: string): Promise<string> {
  try {
    const { size, mtimeMs, ino } = await stat(file)
    return `${size} ${mtimeMs} ${ino}`
  } catch (cause) {
    throw new LanewiseError('E_EXTERNAL', `cannot read ${file}: ${reasonOf(cause)}`, { cause })
  }
}
