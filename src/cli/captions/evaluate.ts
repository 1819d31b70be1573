import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Tensor } from '../../api/tensor.js'
import { LanewiseError } from '../../core/errors.js'
import { captionWords, readCaptions, readPictureList } from '../../data/captions.js'
import { decodePicture } from '../../data/picture.js'
import { DrawnScenes, SCENE_SIDE, sceneCaption } from '../../data/scenes.js'
import { writeAtomically } from '../../platform/node-files.js'
import { ProgressBar } from '../../train/progress.js'
import { ciderD, corpusBleu, rougeL, type Judged } from '../../train/text-scores.js'
import { numberFlag, textFlag, UsageError, type Command, type Flags, type Invocation } from '../command.js'
import { PictureCaptioner, type DescribeOptions } from './captioner.js'
import { captionFile, sharedPath, featureModel } from './find.js'
import { pictureFiles, type PictureFile } from './pictures.js'

/** Pictures whose features are made at once. */
const BATCH = 4
/** Scenes of the test part, and the seed that they are drawn by. */
const SCENES = 1000
const SCENE_SEED = 13

/** Flags of commands that describe pictures. */
export const captionFlags: Command['flags'] = {
  features: {
    type: 'string',
    value: 'FILE.onnx',
    help: 'captioners: MobileNetV2, by whose features photographs are described (default: models/mobilenet-v2/*.onnx, or the shared one)',
  },
  beams: { type: 'string', value: 'N', help: 'captioners: how many captions are followed side by side (default 3)' },
  'length-penalty': {
    type: 'string',
    value: 'X',
    help: 'captioners: log probabilities are divided by the length to this power (default 0.4); more favours longer captions',
  },
}

/** How captions are searched, by the flags of a command. */
export function describeOptions(flags: Flags): Pick<DescribeOptions, 'beams' | 'lengthPenalty'> {
  return {
    beams: numberFlag(flags, 'beams', { least: 1, whole: true }),
    lengthPenalty: numberFlag(flags, 'length-penalty', {}),
  }
}

/**
 * Measures a captioner on the pictures of a folder with captions; one of drawn scenes on scenes that it has not seen.
 */
export async function evaluateCaptioner(file: string, { flags, print, result }: Invocation): Promise<void> {
  const captioner = await PictureCaptioner.load(file, { features: () => featureModel(textFlag(flags, 'features')) })
  try {
    const folder = textFlag(flags, 'data')
    const scenes = captioner.seesPictures && folder === undefined
    print(`lanewise ${captioner.build}, Node ${process.versions.node}; ${captioner.title}`)
    if (captioner.warning !== undefined) print(captioner.warning)
    const found = scenes ? await ofScenes(captioner, flags) : await ofFolder(captioner, folder, flags, print)
    const predictions = textFlag(flags, 'predictions')
    if (predictions !== undefined) {
      const lines = found.map(({ file: name, caption }) => `${JSON.stringify({ file: name, caption })}\n`)
      writeAtomically(predictions, [new TextEncoder().encode(lines.join(''))])
    }
    const figures = figuresOf(found)
    for (const line of linesOf(figures)) print(line)
    if (predictions !== undefined) print(predictions)
    result({
      model: file,
      data: folder ?? (scenes ? 'drawn scenes' : 'flickr8k'),
      ...figures,
      ...(predictions !== undefined && { predictions }),
    })
  } finally {
    await captioner.release()
  }
}

/** A picture with what was said of it, and what people say. */
interface Described {
  readonly file: string
  readonly caption: string
  readonly right: readonly string[]
}

/** BLEU and ROUGE in per cent, as captioning publishes them; CIDEr-D as it is. */
interface Figures {
  readonly count: number
  readonly bleu1: number
  readonly bleu2: number
  readonly bleu3: number
  readonly bleu4: number
  readonly rougeL: number
  readonly cider: number
  /** Share of the captions that are one of the right ones, word for word. */
  readonly exact: number
}

function figuresOf(found: readonly Described[]): Figures {
  const pairs: Judged[] = found.map(({ caption, right }) => ({
    said: captionWords(caption),
    right: right.map(captionWords),
  }))
  const [bleu1, bleu2, bleu3, bleu4] = corpusBleu(pairs).map((share) => 100 * share)
  const exact = pairs.filter(({ said, right }) => right.some((one) => one.join(' ') === said.join(' '))).length
  return {
    count: found.length,
    bleu1,
    bleu2,
    bleu3,
    bleu4,
    rougeL: 100 * rougeL(pairs),
    cider: ciderD(pairs),
    exact: exact / found.length,
  }
}

function linesOf({ count, bleu1, bleu2, bleu3, bleu4, rougeL: rouge, cider, exact }: Figures): string[] {
  const [one, two, three, four, lcs] = [bleu1, bleu2, bleu3, bleu4, rouge].map((value) => value.toFixed(1))
  return [
    `${count} pictures: BLEU-1 ${one}, BLEU-2 ${two}, BLEU-3 ${three}, BLEU-4 ${four}; ROUGE-L ${lcs}, CIDEr-D ${cider.toFixed(3)}; ${(100 * exact).toFixed(1)} % exactly as a person said it`,
  ]
}

async function ofScenes(captioner: PictureCaptioner, flags: Flags): Promise<Described[]> {
  const count = numberFlag(flags, 'count', { least: 1, whole: true }) ?? SCENES
  const scenes = new DrawnScenes(count, SCENE_SEED, true)
  const found: Described[] = []
  for (let i = 0; i < count; i++) {
    const { scene, picture } = scenes.at(i)
    const begun = await captioner.beginWith(new Tensor('float32', picture, [1, 3, SCENE_SIDE, SCENE_SIDE]))
    const [{ caption }] = await captioner.describe(begun, { beams: 1, ...definedOf(describeOptions(flags)) })
    found.push({ file: `scene ${i}`, caption, right: [sceneCaption(scene)] })
  }
  return found
}

function definedOf<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>
}

async function ofFolder(
  captioner: PictureCaptioner,
  given: string | undefined,
  flags: Flags,
  print: (line: string) => void,
): Promise<Described[]> {
  const folder = given ?? sharedPath('data', 'flickr8k')
  if (folder === undefined)
    throw new UsageError(
      '--data is missing: a folder with pictures (or a .tar of them) and their captions, Flickr8k.token.txt for one',
    )
  const captioned = await readCaptions(captionFile(folder))
  const learned = await learnedNames(folder, captioned)
  const captions = new Map(captioned.map((picture) => [picture.file, picture.captions]))
  const count = numberFlag(flags, 'count', { least: 1, whole: true }) ?? Infinity
  const found: Described[] = []
  const [bare, broken]: [string[], string[]] = [[], []]
  const bar = new ProgressBar({ stream: process.stderr, label: 'pictures' })
  let waiting: { file: PictureFile; right: readonly string[] }[] = []
  const flush = async () => {
    const decoded = []
    for (const { file, right } of waiting) {
      try {
        decoded.push({ name: file.name, right, picture: await decodePicture(file.bytes, 3, file.path) })
      } catch (error) {
        if (!(error instanceof LanewiseError) || error.code === 'E_UNSUPPORTED') throw error
        broken.push(error.message)
      }
    }
    waiting = []
    if (decoded.length === 0) return
    const begun = await captioner.begin(decoded.map(({ picture }) => picture))
    for (const [i, { name, right }] of decoded.entries()) {
      const [{ caption }] = await captioner.describe(begun[i], describeOptions(flags))
      found.push({ file: name, caption, right })
    }
    bar.update(found.length)
  }
  for await (const file of pictureFiles(folder, (name) => !learned.has(name))) {
    const right = captions.get(file.name)
    if (!right) {
      bare.push(file.name)
      continue
    }
    waiting.push({ file, right })
    if (waiting.length === BATCH || found.length + waiting.length >= count) await flush()
    if (found.length >= count) break
  }
  await flush()
  bar.finish(found.length)
  if (learned.size > 0) print(`${learned.size} pictures of the training part are left out`)
  if (bare.length > 0) print(`${bare.length} pictures have no captions, the first: ${bare[0]}`)
  if (broken.length > 0) print(`${broken.length} pictures cannot be decoded, the first: ${broken[0]}`)
  if (found.length === 0)
    throw new LanewiseError(
      'E_VALUE',
      `no picture of ${folder} can be measured: ${bare.length} have no captions, ${broken.length} cannot be decoded`,
    )
  return found
}

/** What a folder's own lists say is for training. */
async function learnedNames(folder: string, captioned: Awaited<ReturnType<typeof readCaptions>>): Promise<Set<string>> {
  const list = join(folder, 'Flickr_8k.trainImages.txt')
  const names = captioned.filter(({ part }) => part === 'train').map(({ file }) => file)
  return new Set(existsSync(list) ? await readPictureList(list) : names)
}
