// A session that lives in a worker, or several of them that take runs in turn, with the API of one that lives here.
import { LanewiseError } from '../../core/errors.js'
import { bytesIn, tagOf } from '../../core/realm.js'
import { registeredOps } from '../../ir/registry.js'
import { download, isLocation, type ResponseLike } from '../../platform/download.js'
import { platform, type SessionPort, type ThreadHost } from '../../platform/platform.js'
import { downloaded, fed, type Feeds } from '../feeds.js'
import { readArguments, type Fetches } from '../fetches.js'
import type { ProfileEntry } from '../profile.js'
import type { InferenceSession } from '../session.js'
import { SessionBase, type SessionMemory } from '../session-base.js'
import { checkSessionOptions, threadsOf, type RunOptions, type SessionOptions } from '../session-options.js'
import { writeBack, type Tensor } from '../tensor.js'
import type { TensorType } from '../../ir/op.js'
import { hostOf, isElsewhere, type TensorLike } from '../value.js'
import { joined, type Tensors } from './batches.js'
import { Divided } from './divided.js'
import {
  receivedError,
  receivedValue,
  sentSettings,
  sentValue,
  type Answer,
  type Described,
  type Request,
  type SentValue,
} from './messages.js'

type Asked = Request extends infer R ? (R extends { readonly id: number } ? Omit<R, 'id'> : never) : never
type Replies = Extract<Answer, { readonly id: number }>

/** One worker, and what it has been asked. */
class Remote {
  private readonly port: SessionPort
  private readonly asked = new Map<number, { done(answer: Replies): void; failed(error: unknown): void }>()
  private asks = 0
  private dead: LanewiseError | undefined
  memory: SessionMemory | undefined
  onProgress: SessionOptions['onProgress']

  constructor(start: NonNullable<ThreadHost['startSession']>) {
    this.port = start(
      (message) => this.hear(message as Answer),
      (why) => this.end(`the worker of the session has ended${why ? `: ${why}` : ''}`),
    )
  }

  get pending(): number {
    return this.asked.size
  }

  get alive(): boolean {
    return !this.dead
  }

  /** @throws LanewiseError `E_STATE` if the worker ends before it answers, and whatever it answers with. */
  async ask(request: Asked, transfer: readonly ArrayBuffer[] = [], signal?: AbortSignal): Promise<Replies> {
    if (signal?.aborted) throw new LanewiseError('E_STATE', 'the run was aborted', { cause: signal.reason })
    if (this.dead) throw new LanewiseError('E_STATE', this.dead.message)
    const id = ++this.asks
    const abort = () => this.port.post({ kind: 'abort', id } satisfies Request, [])
    try {
      return await new Promise<Replies>((done, failed) => {
        this.asked.set(id, { done, failed })
        this.port.busy(true)
        this.port.post({ ...request, id }, transfer)
        signal?.addEventListener('abort', abort)
      })
    } finally {
      signal?.removeEventListener('abort', abort)
      this.asked.delete(id)
      if (this.asked.size === 0) this.port.busy(false)
    }
  }

  private hear(answer: Answer): void {
    if ('progress' in answer) return this.onProgress?.(answer.progress)
    const { done, failed } = this.asked.get(answer.id) ?? {}
    if ('memory' in answer) this.memory = answer.memory
    if ('error' in answer) failed?.(receivedError(answer.error))
    else done?.(answer)
  }

  /** Whatever has been asked fails, and whatever will be. */
  end(message: string): void {
    if (this.dead) return
    this.dead = new LanewiseError('E_STATE', message)
    for (const { failed } of this.asked.values()) failed(new LanewiseError('E_STATE', message))
    this.port.end()
  }
}

/**
 * Makes a session in a worker, or in several.
 *
 * @throws LanewiseError as `InferenceSession.create`; `E_UNSUPPORTED` where there are no workers, and for what cannot
 *   be sent to one.
 */
export async function createElsewhere(
  model: unknown,
  others: readonly (SessionOptions | number | undefined)[],
): Promise<InferenceSession> {
  const given = others.find((one): one is SessionOptions => typeof one === 'object')
  const { worker: _, workers = 1, signal, onProgress, ...options } = checkSessionOptions(given)
  const refuse = (what: string): never => {
    throw new LanewiseError('E_UNSUPPORTED', `a session in a worker cannot have ${what}`)
  }
  if (typeof options.states === 'function') refuse('a function that says its states: name them')
  if (workers > 1 && options.states && Object.keys(options.states).length > 0)
    refuse('states if there are several workers: each would have its own')
  if (given?.context) refuse('the memory of another')
  const host = await platform().threads?.()
  if (!host?.startSession) return refuse('a worker here: there are none')
  const { startSession } = host
  const base = globalThis.document?.baseURI
  const [first, second] = others.filter((one) => typeof one === 'number')
  const sent = await sentModel(model, first, second, base, options)
  const externalData = options.externalData?.map((file) => (isLocation(file) ? place(file, base) : file))
  const remotes = Array.from({ length: workers }, () => new Remote(startSession))
  remotes[0].onProgress = onProgress
  try {
    const request = {
      kind: 'create',
      model: sent,
      options: {
        ...options,
        // Several share the cores by themselves.
        ...(workers > 1 && { threads: threadsOf(options, 1) }),
        ...(externalData && { externalData }),
      },
      settings: sentSettings(base),
      ownOps: [...registeredOps.values()],
      progress: onProgress !== undefined,
    } as const
    const [answer] = await Promise.all(remotes.map((remote) => remote.ask(request, [], signal)))
    if (!('described' in answer)) throw new LanewiseError('E_STATE', 'the worker did not make a session')
    const session: PublicSession = new RemoteSession(remotes, answer.described, options)
    return session as InferenceSession
  } catch (error) {
    for (const remote of remotes) remote.end('the session could not be made')
    throw error
  }
}

/** An address that means the same in a worker, whose own are relative to its file. */
function place(location: string | URL, base: string | undefined): string {
  return base === undefined || typeof location !== 'string' ? String(location) : new URL(location, base).href
}

/** The model as it can be sent: bytes by themselves, or where they are. */
async function sentModel(
  model: unknown,
  offset: number | undefined,
  length: number | undefined,
  base: string | undefined,
  { downloadLimit, downloadTimeout }: SessionOptions,
): Promise<unknown> {
  if (/^(Response|ReadableStream)$/.test(tagOf(model)))
    return download(model as ResponseLike, { limit: downloadLimit ?? 2 ** 32, timeout: downloadTimeout })
  if (isLocation(model)) return place(model, base)
  const bytes = bytesIn(model)
  if (!bytes) return model
  return bytes.slice(offset ?? 0, length === undefined ? undefined : (offset ?? 0) + length)
}

type PublicSession = Pick<InferenceSession, keyof InferenceSession>

class RemoteSession extends SessionBase implements PublicSession {
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  readonly inputMetadata: InferenceSession['inputMetadata']
  readonly outputMetadata: InferenceSession['outputMetadata']
  readonly metadata: InferenceSession['metadata']
  readonly states: InferenceSession['states']
  readonly build: 'simd' | 'relaxed'
  readonly threads: number
  readonly oneThread: string | undefined
  lastProfile: readonly ProfileEntry[] | undefined
  private readonly divided: Divided
  private released: Promise<void> | undefined

  constructor(
    private readonly remotes: readonly Remote[],
    described: Described,
    options: SessionOptions,
  ) {
    super(options)
    const { inputMetadata, outputMetadata, metadata, states, build, threads, oneThread } = described
    this.inputMetadata = inputMetadata
    this.outputMetadata = outputMetadata
    this.inputNames = inputMetadata.map(({ name }) => name)
    this.outputNames = outputMetadata.map(({ name }) => name)
    this.metadata = metadata
    this.states = states
    this.build = build
    this.threads = threads
    this.oneThread = oneThread
    this.divided = new Divided(inputMetadata, outputMetadata, remotes.length, async (feeds, names, signal) => {
      const fetches = names && Object.fromEntries(names.map((name) => [name, null]))
      return (await this.ask(feeds, fetches, signal)).results as Tensors
    })
  }

  /** Of all workers together, as of the last run of each. */
  get memory(): SessionMemory {
    const sum = { weights: 0, arena: 0, scratch: 0, states: 0, threads: 0, peak: 0 }
    for (const { memory } of this.remotes)
      for (const name of Object.keys(sum) as (keyof SessionMemory)[]) sum[name] += memory?.[name] ?? 0
    return sum
  }

  async run(feeds: Feeds, second?: Fetches | RunOptions, third?: RunOptions): Promise<Record<string, Tensor>> {
    if (this.released) throw new LanewiseError('E_STATE', 'the session was released')
    const { fetched, options } = readArguments(feeds, second, third, this.outputNames)
    const { signal, profile = this.profiling, transferFeeds } = options
    const into = new Map(fetched)
    const elsewhere = this.inputNames.filter((name) => isElsewhere(fed(feeds, name)))
    const here = elsewhere.length > 0 ? await downloaded(feeds, elsewhere) : feeds
    const transfer = transferFeeds ? new Set<ArrayBuffer>() : undefined
    const sent = Object.fromEntries(
      Object.keys(here)
        .filter((name) => fed(here, name) !== undefined)
        .map((name): [string, SentValue] => [name, sentValue(name, fed(here, name), transfer)]),
    )
    const publish = (results: Readonly<Record<string, SentValue>>): Record<string, Tensor> => {
      const published = Object.entries(results).map(([name, value]): [string, unknown] => {
        const target = into.get(name)
        return [name, target ? written(name, target, value) : receivedValue(value)]
      })
      return Object.fromEntries(published) as Record<string, Tensor>
    }
    const names = fetched?.map(([name]) => name)
    const parts = profile || transfer ? undefined : this.divided.partsOf(sent, names)
    const divided = parts && (await this.divided.results(parts, names, signal))
    if (divided) return publish(divided)
    const fetches =
      fetched && Object.fromEntries(fetched.map(([name, target]) => [name, target && typeOf(name, target)]))
    const answer = await this.ask(parts ? joined(parts) : sent, fetches, signal, profile, transfer)
    if (profile) this.lastProfile = answer.profile
    return publish(answer.results)
  }

  /** One run in one worker. */
  private async ask(
    feeds: Readonly<Record<string, SentValue>>,
    fetches: Readonly<Record<string, TensorType | null>> | undefined,
    signal?: AbortSignal,
    profile = false,
    transfer?: ReadonlySet<ArrayBuffer>,
  ): Promise<Extract<Replies, { readonly results: unknown }>> {
    const request = { kind: 'run', feeds, fetches, profile, stoppable: signal !== undefined } as const
    const answer = await this.idle().ask(request, transfer && [...transfer], signal)
    if (!('results' in answer)) throw new LanewiseError('E_STATE', 'the worker did not run')
    return answer
  }

  /** The worker that has the least to do. */
  private idle(): Remote {
    const alive = this.remotes.filter((remote) => remote.alive)
    return alive.reduce((a, b) => (b.pending < a.pending ? b : a), alive[0] ?? this.remotes[0])
  }

  release(): Promise<void> {
    this.released ??= Promise.all(
      this.remotes.map((remote) =>
        remote
          .ask({ kind: 'release' })
          .catch(() => undefined)
          .finally(() => remote.end('the session was released')),
      ),
    ).then(() => undefined)
    return this.released
  }

  runSync(): never {
    return notHere('runSync')
  }

  input(): never {
    return notHere('input')
  }

  output(): never {
    return notHere('output')
  }

  get context(): never {
    return notHere('its memory')
  }

  get model(): never {
    return notHere('the graph')
  }

  prepare(): never {
    return notHere('prepare')
  }

  insides(): never {
    return notHere('insides')
  }

  optimized(): never {
    return notHere('optimized')
  }
}

/** @throws LanewiseError `E_STATE` always. */
function notHere(what: string): never {
  throw new LanewiseError('E_STATE', `${what} is not to be had of a session in a worker`)
}

/** The type of the tensor that a result is to be written to: what is wrong with it has to be known before the run. */
function typeOf(name: string, target: TensorLike): TensorType {
  const { dtype, shape } = hostOf(target, name)
  return { dtype, shape }
}

/** Writes a result into the caller's tensor. @throws LanewiseError `E_TENSOR` if it is of another type or shape. */
function written(name: string, target: TensorLike, value: SentValue): TensorLike {
  const host = hostOf(target, name)
  const tensor = value as Exclude<SentValue, null | readonly unknown[] | ReadonlyMap<unknown, unknown>>
  const say = (dtype: string, shape: readonly number[]) => `${dtype} [${shape.join(', ')}]`
  const [expected, actual] = [say(tensor.dtype, tensor.shape), say(host.dtype, host.shape)]
  if (expected !== actual)
    throw new LanewiseError('E_TENSOR', `the tensor for "${name}" is ${actual}, the result is ${expected}`, {
      tensor: name,
      expected,
      actual,
    })
  const { data } = host
  if (Array.isArray(data)) data.splice(0, data.length, ...(tensor.data as string[]))
  else (data as Float32Array).set(tensor.data as Float32Array)
  writeBack(target, host)
  return target
}
