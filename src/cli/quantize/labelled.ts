import { dirname, extname } from 'node:path'
import { readFile } from 'node:fs/promises'
import type { InferenceSession } from '../../api/session.js'
import { fromHost, type Tensor } from '../../api/tensor.js'
import { LanewiseError } from '../../core/errors.js'
import { joinPath, fileExists, readBytes } from '../../platform/node-files.js'
import { readNpz } from '../../data/formats/npz.js'
import { readPictureLabels } from '../../data/picture-labels.js'
import { numbersOf } from '../../ops/shared/scalar-floats.js'
import { Items, type Item } from '../../serve/score/items.js'
import { cutSource } from '../../serve/score/source.js'
import { describeModel } from '../../serve/session.js'
import type { ImageOptions } from '../../data/image-tensor.js'

/** What a model is given, and the class that it should say, if that is known. */
export interface Labelled {
  readonly feeds: Readonly<Record<string, Tensor>>
  readonly label?: number
}

/**
 * Examples of a folder of pictures, `.npy`, `.npz`, `.jsonl` or `.csv`, one row each. Labels are `labels.csv` or
 * `labels.json` of a folder, else its folders; an array or field `label` or `labels`.
 *
 * @param classes - names of the classes in their order; without, labels are numbers, or the folders in the order of
 *   their names.
 * @throws LanewiseError as reading does; `E_VALUE` for a label that is no class.
 */
export async function labelledExamples(
  path: string,
  session: InferenceSession,
  { picture, most = Infinity, classes }: { picture: ImageOptions; most?: number; classes?: readonly string[] },
): Promise<Labelled[]> {
  const model = describeModel(session)
  const { source, names } = await cutSource(path, Number.MAX_SAFE_INTEGER, picture, true)
  const store = {
    read: async () => Buffer.from(JSON.stringify(names ?? [])),
    write: async () => undefined,
    list: async () => [],
  }
  const items = new Items({ source, shardSize: Number.MAX_SAFE_INTEGER }, model, store)
  await items.check()
  const all = await items.of(0)
  const labels = await labelsOf(path, all, classes)
  // Evenly from the whole, so that every folder has its part.
  const count = Math.min(most, all.length)
  const examples: Labelled[] = []
  for (let i = 0; i < count; i++) {
    const item = all[Math.floor((i * all.length) / count)]
    const tensors = await item.read()
    examples.push({
      feeds: Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, fromHost(tensor)])),
      label: labels?.[item.index],
    })
  }
  return examples
}

/** The class of each row by its number; undefined where nothing says one. */
async function labelsOf(
  path: string,
  items: readonly Item[],
  classes: readonly string[] | undefined,
): Promise<readonly number[] | undefined> {
  const extension = extname(path).toLowerCase()
  if (extension === '.npz') {
    const arrays = readNpz(await readBytes(path), path)
    const found = (arrays.get('label') ?? arrays.get('labels'))?.()
    return found && Array.from(numbersOf(found), (value) => classOf(value, classes, path))
  }
  if (extension === '.jsonl' || extension === '.ndjson') {
    const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line.trim() !== '')
    const fields = lines.map((line) => {
      const value = JSON.parse(line) as { label?: unknown; labels?: unknown } | null
      return typeof value === 'object' ? (value?.label ?? value?.labels) : undefined
    })
    return fields.every((field) => field !== undefined)
      ? fields.map((field) => classOf(field, classes, path))
      : undefined
  }
  if (items.some(({ id }) => id === undefined)) return undefined
  const names = items.map(({ id }) => id ?? '')
  if (['labels.csv', 'labels.json'].some((name) => fileExists(joinPath(path, name)))) {
    const rows = new Map((await readPictureLabels(path)).map(({ path: file, label }) => [file, label]))
    return names.map((name) => {
      const label = rows.get(joinPath(path, name))
      if (label === undefined)
        throw new LanewiseError('E_VALUE', `the list of labels says nothing of ${joinPath(path, name)}`)
      return classOf(label, classes, path)
    })
  }
  const folders = names.map((name) => dirname(name))
  if (folders.includes('.')) return undefined
  const known = classes ?? [...new Set(folders)].sort()
  return folders.map((folder) => classOf(folder, known, path))
}

function classOf(label: unknown, classes: readonly string[] | undefined, path: string): number {
  const place = classes?.indexOf(String(label)) ?? -1
  if (place >= 0) return place
  const number = typeof label === 'string' && label.trim() === '' ? NaN : Number(label)
  if (Number.isInteger(number) && number >= 0 && typeof label !== 'boolean') return number
  throw new LanewiseError(
    'E_VALUE',
    `${path}: the label ${JSON.stringify(label)} is ${classes ? 'none of the classes' : 'no number of a class, and no classes are given'}`,
    { actual: String(label) },
  )
}

/** The share of examples whose largest number of the first output is at their label's place. */
export async function accuracyOf(session: InferenceSession, examples: readonly Labelled[]): Promise<number> {
  let right = 0
  for (const { feeds, label } of examples) {
    const [name] = session.outputNames
    const result = (await session.run(feeds, [name]))[name]
    const scores = result.data as Float32Array
    if (label === undefined || label >= scores.length)
      throw new LanewiseError('E_VALUE', `the label ${label} is beyond the ${scores.length} classes of "${name}"`, {
        tensor: name,
      })
    let top = 0
    for (let i = 1; i < scores.length; i++) if (scores[i] > scores[top]) top = i
    if (top === label) right++
  }
  return right / examples.length
}
