import { basename, dirname, extname, join, resolve } from 'node:path'
import { LanewiseError } from '../../core/errors.js'
import type { ImageOptions } from '../../data/image-tensor.js'
import { externalLocations } from '../../api/external-locations.js'
import { sha256Of } from '../../platform/checksum.js'
import { readBytes } from '../../platform/node-files.js'
import { loadOptional } from '../../platform/optional.js'
import { takesBatches } from '../../api/worker/batches.js'
import { PlainSession, type SharedOptions } from '../session.js'
import { Items } from './items.js'
import type { Plan, StoredFile } from './shards.js'
import { cutSource, NAMES } from './source.js'
import type { ShardStore } from './store.js'

export interface PlanOptions {
  readonly model: string
  readonly input: string
  readonly shardSize: number
  readonly batch: number
  readonly outputs: readonly string[] | undefined
  readonly picture: ImageOptions
  readonly header: boolean | undefined
  readonly session: SharedOptions
}

const PLAN = 'plan.json'

/** The name of the model's object, or of one that holds its tensors, and of its file on every machine. */
export function modelName(sha256: string, ending: 'onnx' | 'data' = 'onnx'): string {
  return `models/${sha256}.${ending}`
}

export async function readPlan(store: ShardStore): Promise<Plan | undefined> {
  const bytes = await store.read(PLAN)
  return bytes && (JSON.parse(Buffer.from(bytes).toString('utf8')) as Plan)
}

/**
 * Makes the plan of a run and puts what it needs into the store.
 *
 * @param resume - whether the store may hold this very run already.
 * @param ready - looks whether the run can be done, before anything of a new one is written.
 * @throws LanewiseError what `ready` throws; `E_STATE` if the store holds a run and `resume` is not set, or another
 *   run; what {@link cutSource} and loading the model throw.
 */
export async function layPlan(
  options: PlanOptions,
  store: ShardStore,
  resume: boolean,
  ready: () => Promise<void> = () => Promise.resolve(),
): Promise<Plan> {
  const earlier = await readPlan(store)
  if (earlier && !resume)
    throw new LanewiseError('E_STATE', 'the output holds a run already: go on with it by --resume, or choose another')
  const model = await readBytes(options.model)
  const { source, names } = await cutSource(resolve(options.input), options.shardSize, options.picture, options.header)
  // Asked for before anything is begun: in a worker every picture would seem to be at fault.
  if (source.kind === 'pictures') await loadOptional('sharp', 'a picture as input')
  const session = await PlainSession.open(options.model, options.session)
  const external: StoredFile[] = []
  let rest
  try {
    const known = session.description.outputs.map(({ name }) => name)
    for (const name of options.outputs ?? [])
      if (!known.includes(name))
        throw new LanewiseError('E_VALUE', `the model has no output "${name}" (outputs: ${known.join(', ')})`)
    const batches = await takesBatches(session)
    await new Items({ source, shardSize: options.shardSize, batches }, session.description, store).check()
    if (!earlier) await ready()
    for (const path of externalLocations(model)) {
      const bytes = await readBytes(join(dirname(options.model), path))
      const sha256 = sha256Of(bytes)
      // Read once: what is stored is what has this checksum, and without a plan nobody looks at it.
      if (!earlier) await store.write(modelName(sha256, 'data'), [bytes])
      external.push({ path, sha256, bytes: bytes.length })
    }
    const outputs = options.outputs ?? known
    const rows = session.description.outputs.filter(({ shape }) => batches || shape[0] === 1).map(({ name }) => name)
    rest = {
      format: 1 as const,
      model: {
        name: basename(options.model, extname(options.model)),
        sha256: sha256Of(model),
        bytes: model.length,
        ...(external.length > 0 && { external }),
      },
      source,
      shardSize: options.shardSize,
      shards: Math.ceil(source.items / options.shardSize),
      batch: batches ? options.batch : 1,
      batches,
      rows: outputs.filter((name) => rows.includes(name)),
      outputs,
      session: options.session,
    }
  } finally {
    await session.release()
  }
  const id = sha256Of(JSON.stringify(rest)).slice(0, 20)
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
