import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { formatShape } from '../core/shape.js'
import { Tensor } from '../api/tensor.js'
import { checkIndex, onlyExample, type Dataset, type Fields } from './dataset.js'

/**
 * Grey pictures of bytes, 255 being ink, with labels. Examples are `image` [1, height, width] of 0 … 1, float32, and
 * `label` [], int32.
 */
export class ImageSet implements Dataset {
  /** How many pictures there are. */
  readonly length: number
  /** Rows of every picture. */
  readonly height: number
  /** Columns of every picture. */
  readonly width: number

  /**
   * @param images - uint8 [count, height, width].
   * @param labels - uint8 [count].
   * @param classes - names of the classes.
   * @throws LanewiseError `E_TENSOR` if types, shapes or numbers do not fit, or a label is none of the classes.
   */
  constructor(
    readonly images: Tensor,
    readonly labels: Tensor,
    readonly classes: readonly string[],
  ) {
    checkArguments(new.target.name, { images, labels, classes }, 'object', 'object', 'list')

    const refuse = (reason: string): never => {
      throw new LanewiseError('E_TENSOR', reason)
    }
    if (images.type !== 'uint8' || images.dims.length !== 3)
      refuse(`pictures must be uint8[count,height,width], got ${images.type}${formatShape(images.dims)}`)
    if (labels.type !== 'uint8' || labels.dims.length !== 1)
      refuse(`labels must be uint8[count], got ${labels.type}${formatShape(labels.dims)}`)
    if (images.dims[0] !== labels.dims[0]) refuse(`there are ${images.dims[0]} pictures but ${labels.dims[0]} labels`)
    const wrong = (labels.data as Uint8Array).find((label) => label >= classes.length)
    if (wrong !== undefined) refuse(`there is a label ${wrong}, but only ${classes.length} classes`)
    ;[this.length, this.height, this.width] = images.dims
  }

  get(index: number): Fields {
    return onlyExample(this.batch([index]))
  }

  batch(indices: ArrayLike<number>): Fields {
    const { height, width, length } = this
    const area = height * width
    const pixels = this.images.data as Uint8Array
    const image = new Float32Array(indices.length * area)
    const label = new Int32Array(indices.length)
    for (let i = 0; i < indices.length; i++) {
      checkIndex(indices[i], length)
      const from = indices[i] * area
      for (let k = 0; k < area; k++) image[i * area + k] = shares[pixels[from + k]]
      label[i] = (this.labels.data as Uint8Array)[indices[i]]
    }
    return {
      image: new Tensor('float32', image, [indices.length, 1, height, width]),
      label: new Tensor('int32', label, [indices.length]),
    }
  }
}

const shares = Float32Array.from({ length: 256 }, (_, value) => value / 255)
