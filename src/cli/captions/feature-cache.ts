import { Tensor } from '../../api/tensor.js'
import { LanewiseError } from '../../core/errors.js'
import { decodePicture, type Picture } from '../../data/picture.js'
import { fileExists, removeFile, writeAtomically } from '../../platform/node-files.js'
import { safetensorsPieces } from '../../train/checkpoints/safetensors.js'
import { openCache, writeCache } from '../../train/dataset-cache.js'
import type { Fields } from '../../data/dataset.js'
import { ProgressBar, type ProgressStream } from '../../train/progress.js'
import type { FeatureNetwork, PictureFeatures } from './features.js'
import type { PictureFile } from './pictures.js'

/** Pictures in a part: what a run that is broken off loses at most. */
const PART = 256
const BATCH = 4

/** Features of many pictures. A byte stands for 1/255 of the largest value of its picture. */
export interface FeatureCache {
  /**
   * By the order of the names: `features` uint8 [N, places, channels] and `scale` float32 [N]; `mirrored` and
   * `mirroredScale` where they were asked for.
   */
  readonly fields: Fields
  readonly names: readonly string[]
  /** Pictures that could not be decoded, with the reason. */
  readonly skipped: readonly { readonly name: string; readonly reason: string }[]
  /** Of the network that made them. */
  readonly print: string
}

/** How features are collected. */
export interface FeatureCacheOptions {
  /** Also those of the mirrored picture. */
  readonly mirrored?: boolean
  readonly progress?: ProgressStream
  /** How many pictures there are, for the progress. */
  readonly total?: number
}

/** @throws LanewiseError `E_PARSE` if the file is none. */
async function openFeatures(path: string): Promise<FeatureCache> {
  const { dataset, metadata } = await openCache(path)
  const text = metadata.get('lanewise.features')
  if (text === undefined) throw new LanewiseError('E_PARSE', `${path}: this cache holds no features of pictures`)
  const { names, skipped, print } = JSON.parse(text) as Omit<FeatureCache, 'fields'>
  return { fields: dataset.fields, names, skipped, print }
}

/**
 * Features of pictures in one file. What is there already is not made again: neither the file, nor the parts of a run
 * that was broken off.
 *
 * @throws LanewiseError `E_VALUE` if no picture can be decoded, `E_STATE` if the file holds those of another network.
 */
export async function cacheFeatures(
  network: FeatureNetwork,
  pictures: AsyncIterable<PictureFile>,
  path: string,
  { mirrored = false, progress, total }: FeatureCacheOptions = {},
): Promise<FeatureCache> {
  const fits = (found: FeatureCache, where: string): FeatureCache => {
    if (found.print === network.print && (!mirrored || 'mirrored' in found.fields)) return found
    throw new LanewiseError(
      'E_STATE',
      `${where} holds features that were made otherwise: remove it, or name another file`,
    )
  }
  if (fileExists(path)) return fits(await openFeatures(path), path)
  const bar = progress && new ProgressBar({ stream: progress, label: 'features', total })
  const parts: string[] = []
  let [waiting, done] = [[] as PictureFile[], 0]
  const flush = async () => {
    const part = `${path}.part-${String(parts.length).padStart(4, '0')}`
    const known = fileExists(part) ? fits(await openFeatures(part), part) : undefined
    const same = known && [...known.names, ...known.skipped.map(({ name }) => name)].sort().join('\n')
    if (
      same !==
      waiting
        .map(({ name }) => name)
        .sort()
        .join('\n')
    )
      await writePart(network, waiting, part, mirrored, (more) => bar?.update(done + more))
    parts.push(part)
    done += waiting.length
    waiting = []
    bar?.update(done)
  }
  for await (const picture of pictures) {
    waiting.push(picture)
    if (waiting.length === PART) await flush()
  }
  if (waiting.length > 0) await flush()
  bar?.finish(done)
  const whole = await joined(parts)
  writeAtomically(path, safetensorsPieces(Object.entries(whole.fields), metadataOf(whole)))
  for (const part of parts) removeFile(part)
  return whole
}

function metadataOf({ names, skipped, print }: Omit<FeatureCache, 'fields'>): Record<string, string> {
  return { 'lanewise.cache': '1', 'lanewise.features': JSON.stringify({ names, skipped, print }) }
}

async function writePart(
  network: FeatureNetwork,
  pictures: readonly PictureFile[],
  path: string,
  mirrored: boolean,
  progress: (done: number) => void,
): Promise<void> {
  const names: string[] = []
  const skipped: { name: string; reason: string }[] = []
  const examples: Fields[] = []
  for (let start = 0; start < pictures.length; start += BATCH) {
    const decoded: Picture[] = []
    for (const { name, path: file, bytes } of pictures.slice(start, start + BATCH)) {
      try {
        decoded.push(await decodePicture(bytes, 3, file))
        names.push(name)
      } catch (error) {
        if (!(error instanceof LanewiseError) || error.code === 'E_UNSUPPORTED') throw error
        skipped.push({ name, reason: error.message })
      }
    }
    if (decoded.length === 0) continue
    const plain = await network.of(decoded)
    const other = mirrored ? await network.of(decoded, true) : undefined
    plain.forEach((features, i) => {
      const [codes, scale] = coded(features)
      const [mirror, mirrorScale] = other ? coded(other[i]) : []
      examples.push({
        features: codes,
        scale,
        ...(mirror && mirrorScale && { mirrored: mirror, mirroredScale: mirrorScale }),
      })
    })
    progress(start + BATCH)
  }
  if (examples.length === 0)
    throw new LanewiseError('E_VALUE', `none of ${pictures.length} pictures can be decoded: ${skipped[0].reason}`)
  await writeCache(path, examples, metadataOf({ names, skipped, print: network.print }))
}

/** A byte for each value, and what 1 stands for. */
function coded({ data, rows, columns, channels }: PictureFeatures): [codes: Tensor, scale: Tensor] {
  let most = 0
  for (const value of data) if (value > most) most = value
  const step = most === 0 ? 1 : most / 255
  const codes = new Uint8Array(data.length)
  for (let i = 0; i < data.length; i++) codes[i] = Math.round(Math.max(0, data[i]) / step)
  return [new Tensor('uint8', codes, [rows * columns, channels]), new Tensor('float32', [step], [])]
}

async function joined(parts: readonly string[]): Promise<FeatureCache> {
  const caches = []
  for (const part of parts) caches.push(await openFeatures(part))
  const names = caches.flatMap((cache) => cache.names)
  const fields: Record<string, Tensor> = {}
  for (const [name, { type, dims }] of Object.entries(caches[0].fields)) {
    const size = dims.slice(1).reduce((product, length) => product * length, 1)
    const all = new (type === 'uint8' ? Uint8Array : Float32Array)(names.length * size)
    let at = 0
    for (const cache of caches) {
      const { data } = cache.fields[name]
      all.set(data as Uint8Array, at)
      at += (data as Uint8Array).length
    }
    fields[name] = new Tensor(type as 'uint8', all as Uint8Array, [names.length, ...dims.slice(1)])
  }
  return { fields, names, skipped: caches.flatMap((cache) => cache.skipped), print: caches[0].print }
}
