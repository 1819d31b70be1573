import { Tensor } from '../../api/tensor.js'
import type { InferenceSession } from '../../api/session.js'
import { LanewiseError } from '../../core/errors.js'
import { croppedPicture, resizedPicture, type Picture } from '../../data/picture.js'
import { withMargin, type Box } from '../../data/picture-labels.js'

/** What a reader makes of a crop. */
export interface Reading {
  /** The digits; undefined for more than five. */
  readonly number: string | undefined
  /** The probability of that answer. */
  readonly probability: number
  /** Probabilities of 0 … 5 digits, and of more. */
  readonly length: readonly number[]
  /** Probabilities of the ten digits at each of five places. */
  readonly digits: readonly (readonly number[])[]
}

/** The most digits that a reader reads. */
export const MOST_DIGITS = 5
const CLASSES = 10
/** Crops read at a time. */
export const READ_BATCH = 128

/** A trained reader of house numbers. */
export class NumberReader {
  private constructor(
    readonly session: InferenceSession,
    readonly file: string,
    /** Width and height of what it reads. */
    readonly side: number,
    /** How much larger than the digits' box a crop is. */
    readonly margin: number,
    readonly title: string,
  ) {}

  /** @param file - what messages call it. @throws LanewiseError `E_SHAPE` if the model is no reader. */
  static of(session: InferenceSession, file: string): NumberReader {
    const { metadata } = session
    const shape = session.inputMetadata.find(({ name }) => name === 'picture')
    const side = shape?.isTensor ? shape.shape[3] : undefined
    if (typeof side !== 'number' || !session.outputNames.includes('length') || !session.outputNames.includes('digits'))
      throw new LanewiseError(
        'E_SHAPE',
        `a reader of house numbers has an input "picture" [N,1,side,side] and outputs "length" and "digits", this model has ${session.inputNames.join(', ')} → ${session.outputNames.join(', ')}`,
      )
    return new NumberReader(session, file, side, Number(metadata.get('margin') ?? 0.3), metadata.get('title') ?? file)
  }

  /** The part of a grey picture that the reader is shown for a box around all digits. */
  crop(picture: Picture, box: Box): Picture {
    return resizedPicture(croppedPicture(picture, withMargin(box, this.margin)), this.side, this.side)
  }

  /** Reads crops of the reader's size. */
  async read(crops: readonly Picture[]): Promise<Reading[]> {
    const readings: Reading[] = []
    const area = this.side * this.side
    for (let start = 0; start < crops.length; start += READ_BATCH) {
      const some = crops.slice(start, start + READ_BATCH)
      const data = new Float32Array(some.length * area)
      some.forEach((crop, i) => data.set(crop.data, i * area))
      const { length, digits } = await this.session.run({
        picture: new Tensor(data, [some.length, 1, this.side, this.side]),
      })
      readings.push(...readingsOf(length.data as Float32Array, digits.data as Float32Array))
    }
    return readings
  }
}

/** The likeliest numbers: P(length) · Π P(digit), as Goodfellow et al. (arXiv:1312.6082) have it. */
export function readingsOf(lengths: Float32Array, digits: Float32Array): Reading[] {
  const classes = MOST_DIGITS + 2
  return Array.from({ length: lengths.length / classes }, (_, i) => {
    const length = [...lengths.subarray(i * classes, (i + 1) * classes)]
    const places = Array.from({ length: MOST_DIGITS }, (_, place) => {
      const at = (i * MOST_DIGITS + place) * CLASSES
      return [...digits.subarray(at, at + CLASSES)]
    })
    const best = places.map((shares) => shares.indexOf(Math.max(...shares)))
    let product = 1
    let [count, probability] = [0, length[0]]
    for (let digitsHere = 1; digitsHere <= MOST_DIGITS; digitsHere++) {
      product *= places[digitsHere - 1][best[digitsHere - 1]]
      if (length[digitsHere] * product > probability) [count, probability] = [digitsHere, length[digitsHere] * product]
    }
    const tooMany = length[classes - 1] > probability
    return {
      number: tooMany ? undefined : best.slice(0, count).join(''),
      probability: tooMany ? length[classes - 1] : probability,
      length,
      digits: places,
    }
  })
}
