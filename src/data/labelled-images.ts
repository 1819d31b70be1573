import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { readBytes } from '../platform/node-files.js'
import { Tensor } from '../api/tensor.js'
import { checkIndex, type Dataset, type Fields } from './dataset.js'
import type { ImageFolderOptions } from './image-folder.js'
import { croppedPicture, decodePicture, planesOf, resizedPicture } from './picture.js'
import { readPictureLabels, withMargin, type PictureLabel } from './picture-labels.js'

/** How the pictures of a list are read. */
export interface LabelledImagesOptions extends ImageFolderOptions {
  /** The list's name; `labels.csv` or `labels.json` by default. */
  readonly list?: string
  /** Names of the classes; by default all labels of the list in the order of their characters. */
  readonly classes?: readonly string[]
  /** How much more than the box is cut out, where rows have boxes: 0.3 is 15 % on each side. 0 by default. */
  readonly margin?: number
}

/**
 * Pictures whose classes a list says (see {@link readPictureLabels}): `image` [channels, height, width] of 0 … 1,
 * float32, and `label` [], int32. Files are read when they are asked for; of pictures with a box only that is taken.
 */
export class LabelledImages implements Dataset {
  static readonly name: string = 'LabelledImages'
  /** How many pictures there are. */
  readonly length: number

  private constructor(
    /** Names of the classes, by label. */
    readonly classes: readonly string[],
    /** What the list says of each picture, in this dataset's order. */
    readonly pictures: readonly PictureLabel[],
    private readonly options: LabelledImagesOptions,
  ) {
    this.length = pictures.length
  }

  /**
   * Reads the list. @throws LanewiseError as {@link readPictureLabels}; `E_VALUE` for a label that is none of the
   * classes.
   */
  static async open(folder: string, options: LabelledImagesOptions = {}): Promise<LabelledImages> {
    checkArguments('LabelledImages.open', { folder, options }, 'string', {
      list: 'string',
      classes: 'list',
      margin: 'number',
      channels: 'number',
      size: 'numbers',
    })

    const pictures = await readPictureLabels(folder, options.list)
    const classes = options.classes ?? [...new Set(pictures.map(({ label }) => label))].sort()
    const stranger = pictures.find(({ label }) => !classes.includes(label))
    if (stranger)
      throw new LanewiseError(
        'E_VALUE',
        `${stranger.file} is a ${JSON.stringify(stranger.label)}, which is none of the classes`,
      )
    return new LabelledImages(classes, pictures, options)
  }

  /**
   * @throws LanewiseError `E_PARSE` for a file that is no picture, `E_UNSUPPORTED` without the package that decodes it.
   */
  async get(index: number): Promise<Fields> {
    checkIndex(index, this.length)
    const { path, label, box } = this.pictures[index]
    const { channels = 3, size, margin = 0 } = this.options
    const decoded = await decodePicture(await readBytes(path), channels, path)
    const part = box ? croppedPicture(decoded, withMargin(box, margin)) : decoded
    const { width, height, data } = size ? resizedPicture(part, size[1], size[0]) : part
    return {
      image: new Tensor('float32', planesOf(data, channels), [channels, height, width]),
      label: new Tensor('int32', [this.classes.indexOf(label)], []),
    }
  }
}
