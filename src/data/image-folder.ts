import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { joinPath, listFolder, readBytes } from '../platform/node-files.js'
import { Tensor } from '../api/tensor.js'
import { checkIndex, type Dataset, type Fields } from './dataset.js'
import { decodePicture, planesOf, resizedPicture } from './picture.js'

/** How the pictures of a folder are read. */
export interface ImageFolderOptions {
  /** 1: grey, 3: red, green, blue (the default). */
  readonly channels?: 1 | 3
  /**
   * Height and width every picture is brought to, by stretching. Without it all must be of one size to fit into
   * batches.
   */
  readonly size?: readonly [height: number, width: number]
}

/**
 * Pictures in folders that are named for their classes, as `root/cat/001.png`: `image` [channels, height, width] of 0 …
 * 1, float32, and `label` [], int32, the place of the folder among its sisters in the order of their names. Files are
 * read when they are asked for.
 */
export class ImageFolder implements Dataset {
  static readonly name: string = 'ImageFolder'
  /** How many pictures there are. */
  readonly length: number

  private constructor(
    /** The folders' names, by label. */
    readonly classes: readonly string[],
    private readonly pictures: readonly { readonly path: string; readonly label: number }[],
    private readonly options: ImageFolderOptions,
  ) {
    this.length = pictures.length
  }

  /**
   * Looks which pictures (.png, .jpg, .jpeg) there are. @throws LanewiseError `E_EXTERNAL` if the folder cannot be
   * read, `E_VALUE` if there are none.
   */
  static async open(root: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
    checkArguments('ImageFolder.open', { root, options }, 'string', { channels: 'number', size: 'numbers' })

    const { folders: classes } = await listFolder(root)
    const pictures: { path: string; label: number }[] = []
    for (const [label, name] of classes.entries()) {
      const { files } = await listFolder(joinPath(root, name))
      for (const file of files)
        if (/\.(png|jpe?g)$/i.test(file)) pictures.push({ path: joinPath(root, name, file), label })
    }
    if (pictures.length === 0)
      throw new LanewiseError(
        'E_VALUE',
        `there are no pictures in folders of ${JSON.stringify(root)}: expected are files such as ${joinPath(root, 'cat', '001.png')}`,
      )
    return new ImageFolder(classes, pictures, options)
  }

  /**
   * @throws LanewiseError `E_PARSE` for a file that is no picture, `E_UNSUPPORTED` without the package that decodes it.
   */
  async get(index: number): Promise<Fields> {
    checkIndex(index, this.length)
    const { path, label } = this.pictures[index]
    const { channels = 3, size } = this.options
    const decoded = await decodePicture(await readBytes(path), channels, path)
    const { width, height, data } = size ? resizedPicture(decoded, size[1], size[0]) : decoded
    return {
      image: new Tensor('float32', planesOf(data, channels), [channels, height, width]),
      label: new Tensor('int32', [label], []),
    }
  }
}
