// What is given to `InferenceSession.create` → a graph and the kernels for it.
import { Context } from '../../../bindings/context.js'
import { isThreaded } from '../../../bindings/module.js'
import { byteSize } from '../../core/dtype.js'
import { log } from '../../core/env.js'
import { LanewiseError } from '../../core/errors.js'
import { kindOf } from '../../core/options.js'
import { bytesIn, tagOf } from '../../core/realm.js'
import { waitFor, type Steps } from '../../core/steps.js'
import type { Graph } from '../../ir/graph.js'
import { isPrepared, type Prepared } from './prepared.js'
import { memoryExternalData, type ExternalData, type ExternalFile } from '../../onnx/external-data.js'
import { importModel, usesRareOps, type ImportedModel } from '../../onnx/import.js'
import { describeTensor } from '../../onnx/tensor-proto.js'
import type { ModelProto } from '../../onnx/schema/onnx.js'
import { readModel } from '../../onnx/wire.js'
import { extraPasses } from '../../passes/extra.js'
import { throwIfAborted } from '../../plan/executor.js'
import { download, isLocation, type ReadOptions, type ResponseLike } from '../../platform/download.js'
import { platform } from '../../platform/platform.js'
import { kernelsNow, loadKernels } from './kernels.js'
import { RARE, sayingWhatToImport } from './rare-ops.js'
import { lateParts } from '../late-parts.js'
import {
  logLevelOf,
  MEMORY_LIMIT,
  threadsOf,
  type ExternalFileSource,
  type SessionOptions,
} from '../session-options.js'

/** A model that has been read, and the memory and kernels that are to run it. */
interface LoadedModel {
  readonly imported: ImportedModel
  readonly context: Context
  /** What there is besides of a model that was prepared. */
  readonly prepared?: Prepared
}

/**
 * Reads a model.
 *
 * @param model - a path, a URL, a buffer or bytes; of a buffer, `byteOffset` and `byteLength` may say which part.
 * @throws LanewiseError as `InferenceSession.create` says.
 */
export function* loadModel(
  model: unknown,
  byteOffset: unknown,
  byteLength: unknown,
  options: SessionOptions,
): Steps<LoadedModel> {
  const {
    signal,
    memoryLimit = MEMORY_LIMIT,
    // Weights have to fit the memory limit; 16 MiB are for what a file has besides.
    downloadLimit: limit = memoryLimit + 2 ** 24,
    downloadTimeout: timeout,
    onProgress,
    externalData,
    cache,
  } = options
  const reading = { signal, limit, timeout }
  let external: (ExternalData & { close?(): void }) | undefined
  if (externalData) {
    const here = (file: ExternalFileSource): file is ExternalFile =>
      !isLocation(file) && typeof file?.path === 'string' && file.path !== '' && bytesIn(file.data) !== undefined
    const files = () => Promise.all(externalData.map((file) => loadExternalFile(file, reading)))
    const now = externalData.every(here) ? () => externalData : undefined
    external = memoryExternalData(yield* waitFor('reading external data', files, now))
  }
  const other = options.context?.context
  // What has to be waited for comes at once, the kernels while the model comes.
  let coming: ReturnType<typeof contexts> | undefined
  const withKernels = <T>(read: () => T): T => {
    const reading = read()
    if (!other) (coming = contexts(options)).catch(() => undefined)
    return reading
  }
  let bytes: Uint8Array
  const file = isLocation(model) ? platform().openPrepared?.(model) : undefined
  if (file) {
    bytes = new Uint8Array()
  } else if (/^(Response|Blob|File|ReadableStream)$/.test(tagOf(model))) {
    bytes = yield* waitFor('reading a stream', () =>
      withKernels(() => download(model as ResponseLike, { ...reading, onProgress })),
    )
  } else if (isLocation(model)) {
    bytes = yield* waitFor('reading a file', () =>
      withKernels(async () => {
        const read = platform().readModel
        const asked = { ...reading, onProgress }
        return cache
          ? (await lateParts.modelCache()).cachedModel(model, cache === true ? 'lanewise' : cache, read, asked)
          : read(model, asked)
      }),
    )
    const source = platform().externalData
    // Looked for only when the model asks, so that a model without external data may come from anywhere.
    external ??= source && lazily(() => source(model, { allowHardLinks: options.allowHardLinks }))
  } else {
    bytes = bytesOf(model, byteOffset, byteLength)
  }
  try {
    const source = file ?? (isPrepared(bytes) ? bytes : undefined)
    const made =
      source &&
      (yield* waitFor('reading a prepared model', async () => (await lateParts.prepared()).openPrepared(source, limit)))
    if (made) {
      const build = made.buildFor(other ? { ...options, build: other.build } : options)
      // What comes already may be the other one.
      if (build !== options.build) coming = undefined
      options = { ...options, build }
    }
    const build = options.deterministic ? 'simd' : (options.build ?? 'auto')
    if (other && build !== 'auto' && build !== other.build)
      throw new LanewiseError('E_VALUE', `the option context: that session runs the ${other.build} build`)
    const context =
      other ??
      (yield* waitFor(
        'starting threads',
        () => coming ?? contexts(options),
        // `auto` does without what it would have to wait for.
        Number(threadsOf(options)) > 1 ? undefined : () => contextsNow(options),
      ))(memoryLimit)
    context.check()
    if (options.signal) throwIfAborted(options.signal)
    if (made) {
      checkWeights(made.constantBytes(context.build), memoryLimit)
      const loaded = yield* made.load(context)
      overrideDimensions(loaded.imported.graph, options.freeDimensionOverrides)
      return { ...loaded, context }
    }
    const proto = readModel(bytes)
    const tensors = proto.graph?.initializer.map(describeTensor) ?? []
    checkWeights(
      tensors.reduce((sum, { dtype, size }) => sum + byteSize(dtype) * size, 0),
      memoryLimit,
    )
    const rare = () => usesRareOps(proto) || (!extraPasses().attention && mayFuse(proto))
    const missing = rare() ? yield* waitFor('', () => loadRareOps(rare), rareOpsNow) : undefined
    const imported = sayingWhatToImport(missing, () => importModel(proto, external, memoryLimit))
    overrideDimensions(imported.graph, options.freeDimensionOverrides)
    return { imported, context }
  } finally {
    external?.close?.()
  }
}

/** What makes the memory and kernels of a session. */
async function contexts(options: SessionOptions): Promise<(limit: number) => Context> {
  const threads = threadsOf(options)
  let alone = threads === 'auto' ? platform().oneThread?.() : undefined
  if (alone !== undefined) {
    log('verbose', `one thread is used: ${alone}`, logLevelOf(options))
  } else if (threads !== 1) {
    const threaded = await (await import('../threads.js')).contextWithThreads(threads, options)
    if (typeof threaded !== 'string') return threaded
    alone = threaded
  }
  const module = await loadKernels(options)
  return (limit) => new Context(module, limit, false, alone)
}

function contextsNow(options: SessionOptions): (limit: number) => Context {
  const module = kernelsNow(options)
  // Those of a session with threads work in shared memory, though nobody shares it here.
  const alone = threadsOf(options) === 1 ? undefined : 'createSync waits for none to start'
  return (limit) => new Context(module, limit, isThreaded(module), alone)
}

/**
 * Whether a Softmax stands in the middle, that is attention's as a rule, or there are means and roots, as of a
 * normalisation that is written out.
 */
function mayFuse({ graph }: ModelProto): boolean {
  const types = (graph?.node ?? []).map(({ opType }) => opType)
  return (
    types.slice(0, -1).includes('Softmax') ||
    (types.includes('ReduceMean') && types.some((type) => /^(Sqrt|Pow)$/.test(type)))
  )
}

/**
 * Loads the operators outside the common set. Returns what to say if they cannot be had and the model turns out to need
 * one.
 */
async function loadRareOps(missing: () => boolean): Promise<string | undefined> {
  const { moreOps } = platform()
  if (!moreOps) return RARE
  try {
    await moreOps(missing)
    return undefined
  } catch (cause) {
    return `; the rare ones could not be loaded (${(cause as Error).message}): import 'lanewise/ops/all'`
  }
}

/** The same where nothing can be waited for. */
function rareOpsNow(): string | undefined {
  platform().allOpsNow?.()
  return platform().allOpsNow ? undefined : RARE
}

/** An external file as bytes: onnxruntime-web takes names, URLs and Blobs, too. */
async function loadExternalFile(file: ExternalFileSource, reading: ReadOptions): Promise<ExternalFile> {
  const { path, data } = isLocation(file)
    ? { path: String(file), data: file }
    : (Object(file) as Exclude<typeof file, string | URL>)
  if (typeof path !== 'string' || path === '')
    throw new LanewiseError('E_VALUE', `externalData is a list of { path, data }, got ${kindOf(file)} in it`)
  if (isLocation(data))
    try {
      return { path, data: await platform().readModel(data, { ...reading, what: 'external data' }) }
    } catch (cause) {
      const { code, message } = cause as LanewiseError
      // What is no model where a model is read is no external data here.
      throw new LanewiseError(code === 'E_PARSE' ? 'E_EXTERNAL' : code, message, { cause })
    }
  return { path, data: /^(Blob|File)$/.test(tagOf(data)) ? await (data as Blob).arrayBuffer() : (data as Uint8Array) }
}

function bytesOf(model: unknown, second: unknown, third: unknown): Uint8Array {
  let bytes: Uint8Array | undefined
  try {
    bytes = bytesIn(model)
  } catch (cause) {
    throw new LanewiseError('E_VALUE', `the bytes of the model cannot be read: ${(cause as Error).message}`, { cause })
  }
  if (!bytes)
    throw new LanewiseError('E_VALUE', 'the model must be a path, a URL, bytes, a Response, a Blob or a stream')
  const offset = typeof second === 'number' ? second : 0
  const length = typeof third === 'number' ? third : bytes.length - offset
  if (
    !(
      Number.isSafeInteger(offset) &&
      Number.isSafeInteger(length) &&
      offset >= 0 &&
      length >= 0 &&
      offset + length <= bytes.length
    )
  ) {
    throw new LanewiseError(
      'E_VALUE',
      `bytes ${offset} to ${offset + length} are outside the buffer of ${bytes.length} bytes`,
    )
  }
  return bytes.subarray(offset, offset + length)
}

function checkWeights(bytes: number, limit: number): void {
  if (bytes > limit)
    throw new LanewiseError('E_BUDGET', `the weights take ${bytes} bytes, over the memory limit of ${limit}`, {
      expected: `<= ${limit}`,
      actual: String(bytes),
    })
}

/** External data that is opened at the first read. */
function lazily(open: () => ExternalData & { close(): void }): ExternalData & { close(): void } {
  let opened: ReturnType<typeof open> | undefined
  return {
    read: (...args) => (opened ??= open()).read(...args),
    close: () => opened?.close(),
  }
}

function overrideDimensions(graph: Graph, overrides: Readonly<Record<string, number>> | undefined): void {
  if (!overrides) return
  for (const value of [...graph.inputs, ...graph.outputs]) {
    const { declared } = value
    if (!declared?.shape) continue
    const shape = declared.shape.map((axis) =>
      typeof axis === 'string' && Object.hasOwn(overrides, axis) ? overrides[axis] : axis,
    )
    value.declared = { ...declared, shape }
  }
}
