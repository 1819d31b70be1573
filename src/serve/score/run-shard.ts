import { basename, join } from 'node:path'
import { isBig, isFloat } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import type { HostTensor } from '../../core/host.js'
import { numbersOf } from '../../ops/shared/scalar-floats.js'
import { sha256Of } from '../../platform/checksum.js'
import { fileExists, fileSize, makeFolder, readBytes, writeAtomically } from '../../platform/node-files.js'
import { batchKey, joined, rowsOf, separated, type Tensors } from '../../api/worker/batches.js'
import { sentError } from '../messages.js'
import { PlainSession } from '../session.js'
import { atLine, Items, type Item } from './items.js'
import { modelName, readPlan } from './plan.js'
import { shardLines, shardName, type Plan } from './shards.js'
import type { ShardStore } from './store.js'

/** What came of a shard. */
export interface ShardResult {
  readonly scored: number
  readonly failed: number
}

/** Errors of a disk or a network that may be gone when it is tried again: not the fault of an item. */
const passing =
  /^(EIO|EAGAIN|EBUSY|EMFILE|ENFILE|ENOMEM|ENOSPC|ESTALE|ETIMEDOUT|ECONN\w+|ENET\w+|EHOST\w+|ENOTCONN|EREMOTEIO)$/

function isPassing(error: unknown): boolean {
  const { code, cause } = error as { code?: unknown; cause?: unknown }
  return (typeof code === 'string' && passing.test(code)) || (cause !== undefined && cause !== null && isPassing(cause))
}

/** A run as a worker has it: the plan, the model in a session, the source. */
export class Run {
  private constructor(
    readonly plan: Plan,
    private readonly session: PlainSession,
    private readonly items: Items,
    private readonly store: ShardStore,
  ) {}

  /**
   * @param cache - a folder of this machine, where models are kept under their checksums.
   * @throws LanewiseError `E_STATE` if the store has no such run, `E_EXTERNAL` if the model is not what its checksum
   *   says.
   */
  static async open(store: ShardStore, id: string, cache: string): Promise<Run> {
    const plan = await readPlan(store)
    if (plan?.id !== id)
      throw new LanewiseError(
        'E_STATE',
        plan ? `the store holds the run ${plan.id}, not ${id}` : 'the store holds no run',
      )
    const { file, externalData } = await fetchModel(store, plan, cache)
    const session = await PlainSession.open(file, plan.session, externalData)
    return new Run(plan, session, new Items(plan, session.description, store), store)
  }

  /** Bytes of WebAssembly memory. */
  get bytes(): number {
    return this.session.bytes
  }

  /**
   * Scores a shard and puts its lines into the store, unless they are there: the same bytes, whoever does it and
   * however often.
   *
   * @throws LanewiseError for what is not the fault of an item: the source or the store cannot be reached.
   */
  async shard(index: number): Promise<ShardResult> {
    const { batch } = this.plan
    const earlier = await this.resultOf(index)
    if (earlier) return earlier
    const items = await this.items.of(index)
    const lines: string[] = []
    let failed = 0
    let next = readAll(items.slice(0, batch))
    for (let at = 0; at < items.length; at += batch) {
      const given = await next
      // Pictures are decoded by other threads while this one runs the model.
      next = readAll(items.slice(at + batch, at + 2 * batch))
      next.catch(() => undefined)
      for (const [i, result] of (await this.scoreBatch(given)).entries()) {
        const { index: place, id, line } = items[at + i]
        const head = `"index":${place}${id === undefined ? '' : `,"id":${JSON.stringify(id)}`}`
        if (result instanceof Error) {
          failed++
          // Of reading it is said already.
          const { code, message } = sentError(given[i] instanceof Error ? result : atLine(result, line))
          lines.push(`{"error":${JSON.stringify({ code, message })},${head}}\n`)
        } else {
          const outputs = this.plan.outputs.map(
            (name) => `${JSON.stringify(name)}:${jsonOfRow(result[name], this.plan.rows.includes(name))}`,
          )
          lines.push(`{${head},"outputs":{${outputs.join(',')}}}\n`)
        }
      }
    }
    await this.store.write(shardName(index), [Buffer.from(lines.join(''), 'utf8')])
    return { scored: items.length - failed, failed }
  }

  /** The result of a shard that another worker has put into the store already, e.g. one that counted as dead. */
  private async resultOf(index: number): Promise<ShardResult | undefined> {
    const lines = shardLines(this.plan, index, await this.store.read(shardName(index)))
    if (!lines) return undefined
    const failed = lines.filter((line) => line.startsWith('{"error"')).length
    return { scored: lines.length - failed, failed }
  }

  /** Rows of the same sizes together, in their order; if that fails each alone, so that only what is at fault fails. */
  private async scoreBatch(given: readonly (Tensors | Error)[]): Promise<(Tensors | Error)[]> {
    const results = [...given]
    const groups = new Map<string, number[]>()
    given.forEach((tensors, i) => {
      if (tensors instanceof Error) return
      // A line of one item that brings several rows has no place for their results.
      if (this.plan.batches && rowsOf(tensors) !== 1) {
        results[i] = new LanewiseError('E_TENSOR', 'an item is one row of each input')
        return
      }
      const key = this.plan.batch > 1 ? batchKey(tensors) : String(i)
      const group = groups.get(key) ?? []
      group.push(i)
      groups.set(key, group)
    })
    for (const group of groups.values()) {
      const rows = group.map((i) => given[i] as Tensors)
      if (rows.length > 1) {
        try {
          const apart = separated(
            await this.session.run(joined(rows), this.plan.outputs),
            rows.map(() => 1),
          )
          group.forEach((i, k) => (results[i] = apart[k]))
          continue
        } catch (error) {
          if (!(error instanceof LanewiseError)) throw error
        }
      }
      for (const [k, i] of group.entries()) {
        try {
          results[i] = await this.session.run(rows[k], this.plan.outputs)
        } catch (error) {
          if (!(error instanceof LanewiseError)) throw error
          results[i] = error
        }
      }
    }
    return results
  }

  release(): Promise<void> {
    return this.session.release()
  }
}

/** What each item is, or why it is nothing. */
async function readAll(items: readonly Item[]): Promise<(Tensors | Error)[]> {
  return Promise.all(
    items.map(async (item) => {
      try {
        return await item.read()
      } catch (error) {
        if (isPassing(error)) throw error
        if (error instanceof LanewiseError) return error
        // Whatever a decoder throws of one item says nothing of the others.
        const why = error instanceof Error ? error.message : String(error)
        return new LanewiseError('E_TENSOR', `the item cannot be read: ${why}`, { cause: error })
      }
    }),
  )
}

/**
 * An output as JSON: nested as its axes are, without that of the batch. Which outputs have one is the same for all
 * items.
 */
function jsonOfRow(tensor: HostTensor, batched: boolean): string {
  const { dtype, shape, data } = tensor
  const sizes = batched && shape[0] === 1 ? shape.slice(1) : shape
  const numbers = isFloat(dtype) ? numbersOf(tensor) : data
  const element = (i: number): string => {
    const value = numbers[i]
    if (typeof value === 'string') return JSON.stringify(value)
    if (dtype === 'bool') return String(value !== 0)
    if (Object.is(value, -0)) return '-0'
    return isBig(dtype) || Number.isFinite(value) ? String(data === numbers ? data[i] : value) : `"${value}"`
  }
  const nested = (axis: number, from: number, length: number): string => {
    if (axis === sizes.length) return element(from)
    const each = length / sizes[axis]
    const parts = Array.from({ length: sizes[axis] }, (_, i) => nested(axis + 1, from + i * each, each))
    return `[${parts.join(',')}]`
  }
  return nested(0, 0, data.length)
}

/** The model's file on this machine, and those that hold its tensors. */
async function fetchModel(
  store: ShardStore,
  { model: { sha256, bytes, external = [] } }: Plan,
  cache: string,
): Promise<{ file: string; externalData: readonly { path: string; data: string }[] }> {
  const file = await fetchFile(store, modelName(sha256), sha256, bytes, cache)
  const externalData = []
  for (const { path, sha256: sum, bytes: size } of external)
    externalData.push({ path, data: await fetchFile(store, modelName(sum, 'data'), sum, size, cache) })
  return { file, externalData }
}

/** A file of the store on this machine: fetched once, under its checksum. */
async function fetchFile(store: ShardStore, name: string, sha256: string, bytes: number, cache: string) {
  const path = join(cache, basename(name))
  if (fileExists(path) && fileSize(path) === bytes && sha256Of(await readBytes(path)) === sha256) return path
  const content = await store.read(name)
  if (!content || sha256Of(content) !== sha256)
    throw new LanewiseError('E_EXTERNAL', `the store ${content ? 'has another object than' : 'does not have'} ${name}`)
  makeFolder(cache)
  writeAtomically(path, [content])
  return path
}
