import { createHash } from 'node:crypto'
import { basename, extname, resolve } from 'node:path'
import { LanewiseError } from '../../core/errors.js'
import type { ImageOptions } from '../../data/image-tensor.js'
import { readBytes } from '../../platform/node-files.js'
import { loadOptional } from '../../platform/optional.js'
import { PlainSession, type SharedOptions } from '../session.js'
import { cutSource, NAMES, type Source } from './source.js'
import type { ShardStore } from './store.js'

/** Everything that decides the bytes of a result. The same model, source and options have the same plan, with the same id. */
export interface Plan {
  readonly format: 1
  /** Of all the rest; jobs are called by it and the number of their shard. */
  readonly id: string
  readonly model: { readonly name: string; readonly sha256: string; readonly bytes: number }
  readonly source: Source
  readonly shardSize: number
  readonly shards: number
  /** Rows that are run as one; 1 if the model takes none together. */
  readonly batch: number
  /** The outputs that are kept. */
  readonly outputs: readonly string[]
  readonly session: SharedOptions
}

export interface PlanOptions {
  readonly model: string
  readonly input: string
  readonly shardSize: number
  readonly batch: number
  readonly outputs: readonly string[] | undefined
  readonly picture: ImageOptions
  readonly session: SharedOptions
}

const PLAN = 'plan.json'

export function shardName(index: number): string {
  return `shards/${String(index).padStart(7, '0')}.jsonl`
}

/** The name of the model's object. */
export function modelName(sha256: string): string {
  return `models/${sha256}.onnx`
}

/** Rows of a shard. */
export function rowsOfShard({ source, shardSize }: Plan, index: number): { from: number; to: number } {
  return { from: index * shardSize, to: Math.min(source.items, (index + 1) * shardSize) }
}

export async function readPlan(store: ShardStore): Promise<Plan | undefined> {
  const bytes = await store.read(PLAN)
  return bytes && (JSON.parse(Buffer.from(bytes).toString('utf8')) as Plan)
}

/**
 * Makes the plan of a run and puts what it needs into the store.
 *
 * @param resume - whether the store may hold this very run already.
 * @throws LanewiseError `E_STATE` if the store holds a run and `resume` is not set, or another run; what {@link cutSource} and loading the model throw.
 */
export async function layPlan(options: PlanOptions, store: ShardStore, resume: boolean): Promise<Plan> {
  const earlier = await readPlan(store)
  if (earlier && !resume)
    throw new LanewiseError('E_STATE', 'the output holds a run already: go on with it by --resume, or choose another')
  const model = await readBytes(options.model)
  const { source, names } = await cutSource(resolve(options.input), options.shardSize, options.picture)
  // Asked for before anything is begun: in a worker every picture would seem to be at fault.
  if (source.kind === 'pictures') await loadOptional('sharp', 'a picture as input')
  const session = await PlainSession.open(options.model, options.session)
  let rest
  try {
    const known = session.description.outputs.map(({ name }) => name)
    for (const name of options.outputs ?? [])
      if (!known.includes(name))
        throw new LanewiseError('E_VALUE', `the model has no output "${name}" (outputs: ${known.join(', ')})`)
    const batch = options.batch > 1 && (await session.takesBatches()) ? options.batch : 1
    rest = {
      format: 1 as const,
      model: {
        name: basename(options.model, extname(options.model)),
        sha256: createHash('sha256').update(model).digest('hex'),
        bytes: model.length,
      },
      source,
      shardSize: options.shardSize,
      shards: Math.ceil(source.items / options.shardSize),
      batch,
      outputs: options.outputs ?? known,
      session: options.session,
    }
  } finally {
    await session.release()
  }
  const id = createHash('sha256').update(JSON.stringify(rest)).digest('hex').slice(0, 20)
  if (earlier) {
    if (earlier.id !== id)
      throw new LanewiseError('E_STATE', 'the output holds another run: model, input or options are not the same')
    return earlier
  }
  const plan: Plan = { id, ...rest }
  await store.write(modelName(plan.model.sha256), [model])
  if (names) await store.write(NAMES, [Buffer.from(JSON.stringify(names))])
  // Last: whoever finds it finds the rest.
  await store.write(PLAN, [Buffer.from(JSON.stringify(plan))])
  return plan
}
