import { decodePicture, resizedPicture } from '../../data/picture.js'
import { readBytes, writeAtomically } from '../../platform/node-files.js'
import { numberFlag, textFlag, type Invocation } from '../command.js'
import { featureModel } from './find.js'
import { PictureCaptioner } from './captioner.js'
import { describeOptions } from './evaluate.js'
import { captionHtml, colourBlocks } from './show.js'

/** The picture's width in a terminal. */
const COLUMNS = 40

/** Says what is in a picture: the best captions of a search, with where each word was seen. */
export async function predictCaption(
  file: string,
  photograph: string,
  { flags, print, draw, result }: Invocation,
): Promise<void> {
  const picture = await decodePicture(await readBytes(photograph), 3, photograph)
  const captioner = await PictureCaptioner.load(file, { features: () => featureModel(textFlag(flags, 'features')) })
  try {
    const [begun] = await captioner.begin([picture])
    const [temperature, topK, topP, seed] = [
      numberFlag(flags, 'temperature', { least: 0 }),
      numberFlag(flags, 'top-k', { least: 1, whole: true }),
      numberFlag(flags, 'top-p', { above: 0, most: 1 }),
      numberFlag(flags, 'seed', { whole: true }),
    ]
    const drawn = [temperature, topK, topP].some((value) => value !== undefined)
    const captions = await captioner.describe(begun, {
      ...describeOptions(flags),
      ...(drawn && { sampling: { temperature, topK, topP, seed } }),
    })
    const found = []
    for (const caption of captions) found.push({ ...caption, words: await captioner.look(begun, caption.tokens) })
    print(`lanewise ${captioner.build}, Node ${process.versions.node}; ${captioner.title}`)
    if (captioner.warning !== undefined) print(captioner.warning)
    print()
    const text = found.flatMap(({ caption, logProbability }, i) => [
      `${i + 1}. ${caption}`,
      `   log probability ${logProbability.toFixed(2)}`,
    ])
    colourBlocks(resizedPicture(picture, COLUMNS, COLUMNS)).forEach((line, i) => draw(line, text[i]))
    const html = textFlag(flags, 'html')
    if (html !== undefined) {
      writeAtomically(html, [new TextEncoder().encode(await captionHtml(photograph, picture, found))])
      print(html)
    }
    result({
      model: file,
      picture: photograph,
      caption: found[0]?.caption ?? '',
      ...(captioner.warning !== undefined && { warning: captioner.warning }),
      grid: captioner.grid,
      beams: found.map(({ caption, logProbability, words }) => ({
        caption,
        logProbability,
        words: words.map(({ word, probability, places }) => ({
          word,
          probability,
          ...(places && { places: [...places] }),
        })),
      })),
      ...(html !== undefined && { html }),
    })
  } finally {
    await captioner.release()
  }
}
