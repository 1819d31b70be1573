// Drawn scenes described by models/captions/scenes.onnx, in colour, with where each word was seen, here and in
// onnxruntime-web; and a photograph where one is named or Flickr8k and MobileNetV2 lie beside the repository. "npm run
// demo -- caption [photo.jpg] [--seed N] [--json]"; fails if the two runtimes disagree.
import * as ort from 'onnxruntime-web'
import { existsSync, readFileSync } from 'node:fs'
import { PictureCaptioner } from '../../src/cli/captions/captioner.js'
import { featureModel, sharedPath } from '../../src/cli/captions/find.js'
import { pictureFiles } from '../../src/cli/captions/pictures.js'
import { colourBlocks, pictureOf } from '../../src/cli/captions/show.js'
import { differenceOf } from '../../src/cli/difference.js'
import { decodePicture, resizedPicture } from '../../src/data/picture.js'
import { DrawnScenes, SCENE_SIDE, sceneCaption, Tensor } from '../../src/train.js'

const MODEL = 'models/captions/scenes.onnx'
const PHOTOGRAPHS = 'models/captions/attention-best.onnx'
const COUNT = 4

/** Runs the demo; returns whether both runtimes agree. */
export async function captionsDemo(
  seed: number,
  photograph: string | undefined,
  say: (text?: string) => void,
): Promise<object> {
  const captioner = await PictureCaptioner.load(MODEL)
  const peer = await ort.InferenceSession.create(readFileSync(MODEL))
  const scenes = new DrawnScenes(COUNT, seed, true)
  let agree = true
  const rows = []
  for (let i = 0; i < COUNT; i++) {
    const { scene, picture } = scenes.at(i)
    const begun = await captioner.beginWith(new Tensor('float32', picture, [1, 3, SCENE_SIDE, SCENE_SIDE]))
    const [{ caption, tokens }] = await captioner.describe(begun, { beams: 1 })
    const truth = sceneCaption(scene)
    const words = await captioner.look(begun, tokens)
    // The other runtime takes both parts of the graph at once: the picture with any state, then the state with the
    // first word.
    const states = peer.inputNames.filter((name) => name !== 'picture' && name !== 'input_ids')
    const feeds = (state: (name: string) => Tensor) => ({
      picture: new ort.Tensor('float32', picture, [1, 3, SCENE_SIDE, SCENE_SIDE]),
      input_ids: new ort.Tensor('int64', BigInt64Array.of(1n), [1, 1]),
      ...Object.fromEntries(
        states.map((name) => [name, new ort.Tensor('float32', state(name).data as Float32Array, state(name).dims)]),
      ),
    })
    const theirs = await peer.run(feeds((name) => begun[name]))
    for (const name of states)
      agree &&= differenceOf(
        { dtype: 'float32', shape: begun[name].dims, data: begun[name].data as Float32Array },
        { dtype: 'float32', shape: theirs[`first_${name}`].dims, data: theirs[`first_${name}`].data as Float32Array },
      ).agrees
    const where = words.map(({ word, places }) => `${word.padEnd(10)} ${places ? mapText(places, captioner.grid) : ''}`)
    say()
    const text = [truth === caption ? caption : `${caption}   ← it is ${truth}`, '', ...where]
    colourBlocks(pictureOf(picture, SCENE_SIDE)).forEach((line, row) => say(`${line}  ${text[row] ?? ''}`.trimEnd()))
    rows.push({ truth, caption })
  }
  await captioner.release()
  await peer.release()
  const seen = await describePhotograph(photograph, say)
  say()
  say(
    `${rows.filter(({ truth, caption }) => truth === caption).length} of ${COUNT} scenes right; ${agree ? 'both runtimes give the same numbers' : 'the runtimes DISAGREE'}`,
  )
  return { seed, rows, agree, ...(seen && { photograph: seen }) }
}

/** The rows of a map side by side, from light to dark. */
function mapText(places: Float32Array, grid: number): string {
  const shades = ' ░▒▓█'
  const most = places.reduce((a, b) => Math.max(a, b), 0)
  return Array.from({ length: grid }, (_, row) =>
    Array.from(places.subarray(row * grid, (row + 1) * grid), (share) => shades[Math.round((4 * share) / most)]).join(
      '',
    ),
  ).join('│')
}

async function describePhotograph(
  given: string | undefined,
  say: (text?: string) => void,
): Promise<{ file: string; captions: string[] } | undefined> {
  const file = await photographOf(given)
  if (!file) return undefined
  try {
    featureModel()
  } catch (error) {
    say()
    say(`no photograph: ${(error as Error).message}`)
    return undefined
  }
  const captioner = await PictureCaptioner.load(PHOTOGRAPHS, { features: () => featureModel() })
  const picture = await decodePicture(file.bytes, 3, file.name)
  const [begun] = await captioner.begin([picture])
  const captions = (await captioner.describe(begun)).map(({ caption }) => caption)
  say()
  colourBlocks(resizedPicture(picture, 40, 40)).forEach((line, row) => say(`${line}  ${captions[row] ?? ''}`.trimEnd()))
  await captioner.release()
  return { file: file.name, captions }
}

async function photographOf(given: string | undefined): Promise<{ name: string; bytes: Uint8Array } | undefined> {
  if (given !== undefined) return { name: given, bytes: readFileSync(given) }
  const folder = sharedPath('data', 'flickr8k')
  if (!existsSync(PHOTOGRAPHS) || folder === undefined) return undefined
  const files = pictureFiles(`${folder}/dev.tar`)
  const first = await files.next()
  await files.return()
  return first.done ? undefined : first.value
}
