import { readFile } from 'node:fs/promises'
import {
  croppedPicture,
  decodePicture,
  LanewiseError,
  Random,
  readPictureLabels,
  resizedPicture,
  Tensor,
  withMargin,
  type Box,
  type Dataset,
  type Fields,
  type Picture,
} from '../../src/train.js'
import { Camera } from './degrade.js'
import { HEADS, labelsOf } from './generate.js'

const MARGIN = 0.3

/**
 * Real pictures of a folder with a list of labels, cut anew each time: boxes are off by a little, the light differs,
 * ink and ground change places.
 */
export class RealNumbers implements Dataset {
  private readonly camera: Camera

  private constructor(
    private readonly pictures: readonly { readonly picture: Picture; readonly box: Box; readonly label: string }[],
    readonly side: number,
    /** How many differently cut examples there are. */
    readonly length: number,
    private readonly seed: number,
  ) {
    this.camera = new Camera(side, Random.at(seed, -1))
  }

  /** @param rows - the first and the last row of the list, from 1. */
  static async open(
    folder: string,
    side: number,
    {
      rows: [first, last],
      length,
      seed,
    }: { readonly rows: readonly [number, number]; readonly length: number; readonly seed: number },
  ): Promise<RealNumbers> {
    const list = (await readPictureLabels(folder)).slice(first - 1, last)
    const pictures: { picture: Picture; box: Box; label: string }[] = []
    for (const { path, label, box } of list) {
      if (!box) throw new LanewiseError('E_VALUE', `${path} has no box`)
      if (label.length >= HEADS) continue
      pictures.push({ picture: await decodePicture(await readFile(path), 1, path), box, label })
    }
    return new RealNumbers(pictures, side, length, seed)
  }

  get(index: number): Fields {
    const random = Random.at(this.seed, index)
    const { side, camera } = this
    const { picture, box, label } = this.pictures[index % this.pictures.length]
    const { left, top, width, height } = withMargin(box, MARGIN)
    const off = (size: number) => 0.045 * size * Math.max(-2, Math.min(2, random.normal()))
    const [x0, y0] = [left + off(width), top + off(height)]
    const [x1, y1] = [left + width + off(width), top + height + off(height)]
    const crop = croppedPicture(picture, { left: x0, top: y0, width: x1 - x0, height: y1 - y0 })
    const { data } = resizedPicture(crop, side, side)
    if (random.chance(0.3)) for (let i = 0; i < data.length; i++) data[i] = 1 - data[i]
    const slope = 0.1 * random.normal()
    const across = random.chance(0.5)
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) data[y * side + x] *= 1 + slope * ((across ? x : y) / side - 0.5) * 2
    if (random.chance(0.4)) {
      const sigma = random.between(0.3, 1)
      camera.blur(data, side, side, sigma, sigma)
    }
    if (random.chance(0.5)) camera.addNoise(data, side * side, random.between(0, 0.03), random)
    for (let i = 0; i < data.length; i++) data[i] = Math.max(0, Math.min(1, data[i]))
    return {
      image: new Tensor('float32', data, [1, side, side]),
      label: new Tensor('int32', Int32Array.from(labelsOf([...label].map(Number))), [HEADS]),
    }
  }
}
