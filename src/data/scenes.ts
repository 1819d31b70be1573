import { checkArguments } from '../core/arguments.js'
import { Tensor } from '../api/tensor.js'
import { Random } from '../core/random.js'
import { captionTokens, CaptionVocabulary } from './captions.js'
import { checkIndex, onlyExample, type Dataset, type Fields } from './dataset.js'
import { padSequences } from './sequences.js'

/** The side of a scene in pixels. */
export const SCENE_SIDE = 32

const counts = ['a', 'two', 'three']
const colours: Readonly<Record<string, readonly [number, number, number]>> = {
  red: [0.85, 0.15, 0.12],
  green: [0.15, 0.7, 0.2],
  blue: [0.2, 0.3, 0.9],
  yellow: [0.95, 0.85, 0.1],
  purple: [0.6, 0.2, 0.75],
  white: [0.95, 0.95, 0.95],
}
const shapes = { circle: 'circles', square: 'squares', triangle: 'triangles', cross: 'crosses' } as const
/** What is drawn. */
export type SceneShape = keyof typeof shapes

/** Several shapes that are the same. */
export interface SceneGroup {
  /** How many of them there are. */
  readonly count: number
  /** Their colour, by name. */
  readonly colour: string
  /** What they are. */
  readonly shape: SceneShape
}

/** One group alone, or one above or left of another. */
export interface Scene {
  /** What is drawn: one group or two. */
  readonly groups: readonly SceneGroup[]
  /** Where the first of two groups is from the second. */
  readonly relation: 'above' | 'left of'
}

const phrase = ({ count, colour, shape }: SceneGroup) =>
  `${counts[count - 1]} ${colour} ${count === 1 ? shape : shapes[shape]}`

/** What is said of a scene: "two red circles above a blue square". */
export function sceneCaption(scene: Scene): string {
  checkArguments('sceneCaption', { scene }, 'object')
  const { groups, relation } = scene
  checkArguments('sceneCaption', { groups, relation }, 'list', 'string')
  return groups.map(phrase).join(` ${relation} `)
}

/** Every word that is said of scenes. */
export const sceneVocabulary = new CaptionVocabulary([
  ...CaptionVocabulary.of([]).tokens,
  ...counts,
  ...Object.keys(colours),
  ...Object.entries(shapes).flat(),
  'above',
  'left',
  'of',
])

/**
 * Whether a caption is kept for testing: about one of ten, by its words alone. No scene of the training part says it.
 */
function isKept(caption: string): boolean {
  let hash = 0x811c9dc5
  for (const character of caption) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
  return ((hash ^ (hash >>> 15)) >>> 0) % 10 === 0
}

function drawnGroup(random: Random): SceneGroup {
  const pick = <T>(list: readonly T[]) => list[random.integer(list.length)]
  return {
    count: 1 + random.integer(3),
    colour: pick(Object.keys(colours)),
    shape: pick(Object.keys(shapes) as SceneShape[]),
  }
}

/** A scene at random: one of six has a single group, in the others two differ in colour or shape. */
function drawScene(random: Random): Scene {
  const first = drawnGroup(random)
  const relation = random.chance(0.5) ? 'above' : 'left of'
  if (random.chance(1 / 6)) return { groups: [first], relation }
  for (;;) {
    const second = drawnGroup(random)
    if (second.colour !== first.colour || second.shape !== first.shape) return { groups: [first, second], relation }
  }
}

/** Whether a point, from the middle of a shape of radius 1, is in it. */
const inside: Readonly<Record<SceneShape, (x: number, y: number) => boolean>> = {
  circle: (x, y) => x * x + y * y <= 1,
  square: (x, y) => Math.abs(x) <= 0.85 && Math.abs(y) <= 0.85,
  triangle: (x, y) => y <= 0.8 && y >= -1 && Math.abs(x) <= (y + 1) * 0.55,
  cross: (x, y) => (Math.abs(x) <= 0.32 && Math.abs(y) <= 1) || (Math.abs(y) <= 0.32 && Math.abs(x) <= 1),
}

/** Samples of a pixel in each direction. */
const SAMPLES = 3

/** A scene as a picture of 0 … 1: planes of red, green and blue. Places, sizes, shades and the dark background vary. */
function paintScene({ groups, relation }: Scene, random: Random): Float32Array<ArrayBuffer> {
  const area = SCENE_SIDE * SCENE_SIDE
  const planes = new Float32Array(3 * area)
  const dark = random.between(0.05, 0.3)
  for (let i = 0; i < planes.length; i++) planes[i] = dark + random.between(-0.03, 0.03)
  const half = SCENE_SIDE / groups.length
  for (const [part, { count, colour, shape }] of groups.entries()) {
    const shade = colours[colour].map((value) => Math.min(1, Math.max(0, value + random.between(-0.08, 0.08))))
    const slot = SCENE_SIDE / count
    for (let i = 0; i < count; i++) {
      const radius = random.between(3.4, 4.6)
      const along = i * slot + random.between(radius + 0.3, Math.max(radius + 0.3, slot - radius - 0.3))
      const across = part * half + random.between(radius + 0.5, half - radius - 0.5)
      // Groups beside each other stand upright, those above each other lie.
      const [x, y] = relation === 'above' ? [along, across] : [across, along]
      paintShape(planes, shape, x, y, radius, shade)
    }
  }
  return planes
}

function paintShape(
  planes: Float32Array,
  shape: SceneShape,
  x: number,
  y: number,
  radius: number,
  shade: readonly number[],
): void {
  const area = SCENE_SIDE * SCENE_SIDE
  const [left, right] = [Math.max(0, Math.floor(x - radius)), Math.min(SCENE_SIDE - 1, Math.ceil(x + radius))]
  const [top, bottom] = [Math.max(0, Math.floor(y - radius)), Math.min(SCENE_SIDE - 1, Math.ceil(y + radius))]
  for (let row = top; row <= bottom; row++)
    for (let column = left; column <= right; column++) {
      let covered = 0
      for (let i = 0; i < SAMPLES * SAMPLES; i++) {
        const px = column + ((i % SAMPLES) + 0.5) / SAMPLES
        const py = row + (Math.floor(i / SAMPLES) + 0.5) / SAMPLES
        if (inside[shape]((px - x) / radius, (py - y) / radius)) covered++
      }
      const share = covered / (SAMPLES * SAMPLES)
      for (let c = 0; c < 3; c++) {
        const at = c * area + row * SCENE_SIDE + column
        planes[at] += (shade[c] - planes[at]) * share
      }
    }
}

/**
 * Drawn scenes with what is said of them: `image` float32 [3, 32, 32] of 0 … 1, `tokens` int32 [T] from `<START>` on
 * and `label` int32 [T], the same one word later up to `<END>`, filled up with `<NULL>`. A scene follows from the seed
 * and its number alone.
 *
 * @example
 * import { DrawnScenes, sceneCaption } from 'lanewise/train'
 *
 * const scenes = new DrawnScenes(1000, 7, false)
 * console.log(sceneCaption(scenes.at(0).scene))
 */
export class DrawnScenes implements Dataset {
  static readonly name: string = 'DrawnScenes'
  /** @param kept - scenes whose captions are kept for testing, or only others. */
  constructor(
    /** How many scenes there are. */
    readonly length: number,
    private readonly seed: number,
    private readonly kept: boolean,
  ) {
    checkArguments(new.target.name, { length, seed, kept }, 'number', 'number', 'boolean')
  }

  /**
   * The scene of a number, and its picture: planes of red, green and blue, 0 … 1. @throws LanewiseError `E_VALUE`
   * outside of the dataset.
   */
  at(index: number): { scene: Scene; picture: Float32Array<ArrayBuffer> } {
    checkIndex(index, this.length)
    const random = Random.at(this.seed, index)
    for (;;) {
      const scene = drawScene(random)
      if (isKept(sceneCaption(scene)) === this.kept) return { scene, picture: paintScene(scene, random) }
    }
  }

  get(index: number): Fields {
    return onlyExample(this.batch([index]))
  }

  batch(indices: ArrayLike<number>): Fields {
    const size = 3 * SCENE_SIDE * SCENE_SIDE
    const images = new Float32Array(indices.length * size)
    const texts = Array.from(indices, (index, i) => {
      const { scene, picture } = this.at(index)
      images.set(picture, i * size)
      return [...sceneVocabulary.encode(sceneCaption(scene))]
    })
    const { padding, start, end } = captionTokens
    return {
      image: new Tensor('float32', images, [indices.length, 3, SCENE_SIDE, SCENE_SIDE]),
      tokens: padSequences(
        texts.map((words) => [start, ...words]),
        { value: padding },
      ).tokens,
      label: padSequences(
        texts.map((words) => [...words, end]),
        { value: padding },
      ).tokens,
    }
  }
}
