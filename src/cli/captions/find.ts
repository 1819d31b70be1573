import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { LanewiseError } from '../../core/errors.js'

/**
 * What lies beside the repository for all that work with it: in `$LANEWISE_SHARED`, or `../shared`. Undefined if it is
 * not there.
 */
export function sharedPath(...parts: readonly string[]): string | undefined {
  const path = join(process.env.LANEWISE_SHARED ?? '../shared', ...parts)
  return existsSync(path) ? path : undefined
}

/** Where a file of one's own is looked for. */
const OWN = 'models/mobilenet-v2'

/**
 * The file of MobileNetV2 that features are made by: the one that is named, `$LANEWISE_MOBILENET`, an ONNX file in
 * `models/mobilenet-v2/`, or the shared one.
 *
 * @throws LanewiseError `E_EXTERNAL` saying where it was looked for.
 */
export function featureModel(named?: string): string {
  const given = named ?? process.env.LANEWISE_MOBILENET
  const own = existsSync(OWN)
    ? readdirSync(OWN)
        .filter((name) => name.endsWith('.onnx'))
        .map((name) => join(OWN, name))
    : []
  const found = given ?? own[0] ?? sharedPath('models', 'mobilenetv2-qdq', 'model.onnx')
  if (found !== undefined && existsSync(found)) return found
  throw new LanewiseError(
    'E_EXTERNAL',
    `${found === undefined ? 'photographs are described' : `there is no file ${JSON.stringify(found)}: photographs are described`} by what MobileNetV2 sees in them: name its ONNX file (torchvision's export, for one) by --features or LANEWISE_MOBILENET, or put it into ${OWN}/`,
  )
}

const captionFiles = ['Flickr8k.token.txt', 'captions.txt', 'dataset_flickr8k.json', 'captions.csv', 'captions.json']

/** The file with the captions in a folder. @throws LanewiseError `E_EXTERNAL` naming what is looked for. */
export function captionFile(folder: string): string {
  const found = captionFiles.map((name) => join(folder, name)).find((path) => existsSync(path))
  if (found !== undefined) return found
  throw new LanewiseError('E_EXTERNAL', `${folder} has no captions: expected is one of ${captionFiles.join(', ')}`)
}
