import { createHash } from 'node:crypto'
import { LanewiseError } from '../../core/errors.js'
import { sha256Of } from '../../platform/checksum.js'
import { shardLines, shardName, type Plan } from './shards.js'
import type { ShardStore } from './store.js'

/** What a run has come to: `manifest.json`, which is there when all the rest is. */
export interface Manifest {
  /** The id of the plan. */
  readonly run: string
  /** The model's name and the hash of its file. */
  readonly model: { readonly name: string; readonly sha256: string }
  /** Of the source: its file, or the list of its names. */
  readonly source: { readonly kind: string; readonly sha256: string }
  /** How many items the source has. */
  readonly items: number
  /** How many of them have a result. */
  readonly scored: number
  /** How many of them have none; `failed.jsonl` says why. */
  readonly failed: number
  /** How many parts the source was divided into. */
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

/** Larger results are not read again only to be checked: a store reads an object whole. */
const MAX_CHECKED = 2 ** 31 - 1

/** Whether the files of a manifest are what it says of them. */
export async function isWhole({ files }: Manifest, store: ShardStore): Promise<boolean> {
  for (const { name, bytes, sha256 } of files) {
    if (bytes > MAX_CHECKED) continue
    const content = await store.read(name)
    if (content?.length !== bytes || sha256Of(content) !== sha256) return false
  }
  return true
}

/**
 * Puts the shards together, in their order: `output.jsonl` has a line for each item that was scored, `failed.jsonl` one
 * for each that could not be.
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
  const lines = shardLines(plan, index, bytes)
  if (lines) return lines
  throw new LanewiseError(
    'E_EXTERNAL',
    `${name} ${bytes ? 'is cut off or of another run' : 'is missing'}: go on with --resume`,
  )
}
