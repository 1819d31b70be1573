import { createHash } from 'node:crypto'
import { LanewiseError } from '../../core/errors.js'
import { rowsOfShard, shardName, type Plan } from './plan.js'
import type { ShardStore } from './store.js'

/** What a run has come to: `manifest.json`, which is there when all the rest is. */
export interface Manifest {
  /** The id of the plan. */
  readonly run: string
  readonly model: { readonly name: string; readonly sha256: string }
  /** Of the source: its file, or the list of its names. */
  readonly source: { readonly kind: string; readonly sha256: string }
  readonly items: number
  readonly scored: number
  readonly failed: number
  readonly shards: number
  /** `output.jsonl` and `failed.jsonl`. */
  readonly files: readonly {
    readonly name: string
    readonly lines: number
    readonly bytes: number
    readonly sha256: string
  }[]
}

const MANIFEST = 'manifest.json'

export async function readManifest(store: ShardStore): Promise<Manifest | undefined> {
  const bytes = await store.read(MANIFEST)
  return bytes && (JSON.parse(Buffer.from(bytes).toString('utf8')) as Manifest)
}

/**
 * Puts the shards together, in their order: `output.jsonl` has a line for each item that was scored, `failed.jsonl` one for each that could not be.
 *
 * @throws LanewiseError `E_EXTERNAL` if a shard is missing or does not have a line for each of its items.
 */
export async function joinShards(plan: Plan, store: ShardStore): Promise<Manifest> {
  const files = []
  for (const [name, failures] of [
    ['output.jsonl', false],
    ['failed.jsonl', true],
  ] as const) {
    const hash = createHash('sha256')
    let bytes = 0
    let lines = 0
    await store.write(
      name,
      (async function* () {
        for (let index = 0; index < plan.shards; index++) {
          const mine = (await linesOf(plan, store, index)).filter((line) => line.startsWith('{"error"') === failures)
          if (mine.length === 0) continue
          const text = Buffer.from(mine.join(''), 'utf8')
          hash.update(text)
          bytes += text.length
          lines += mine.length
          yield text
        }
      })(),
    )
    files.push({ name, lines, bytes, sha256: hash.digest('hex') })
  }
  const [output, failed] = files
  const manifest: Manifest = {
    run: plan.id,
    model: { name: plan.model.name, sha256: plan.model.sha256 },
    source: { kind: plan.source.kind, sha256: plan.source.sha256 },
    items: plan.source.items,
    scored: output.lines,
    failed: failed.lines,
    shards: plan.shards,
    files,
  }
  await store.write(MANIFEST, [Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)])
  return manifest
}

async function linesOf(plan: Plan, store: ShardStore, index: number): Promise<string[]> {
  const name = shardName(index)
  const bytes = await store.read(name)
  const lines = bytes
    ? Buffer.from(bytes)
        .toString('utf8')
        .split(/(?<=\n)/)
    : []
  const { from, to } = rowsOfShard(plan, index)
  if (lines.length !== to - from || !lines.every((line) => line.endsWith('\n')))
    throw new LanewiseError(
      'E_EXTERNAL',
      `${name} ${bytes ? `has ${lines.length} lines for ${to - from} items` : 'is missing'}: remove it and go on with --resume`,
    )
  return lines
}
