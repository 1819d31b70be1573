import { open } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { decodePicture, Random, resizedPicture } from '../../src/train.js'
import { sharedFolder, type Part } from './glyphs.js'

/** A square of greys that repeats in both directions: mean 0, most values within −1 … 1. */
export interface Texture {
  readonly name: string
  readonly data: Float32Array
}

/** Side of a texture, a power of two. */
export const SIDE = 128
const MASK = SIDE - 1

/** Noise that is smooth between the places of a lattice of `cells` × `cells`. */
function smoothNoise(random: Random, across: number, down: number): Float32Array {
  const lattice = Float32Array.from({ length: across * down }, () => random.between(-1, 1))
  const out = new Float32Array(SIDE * SIDE)
  const ease = (t: number) => t * t * (3 - 2 * t)
  for (let y = 0; y < SIDE; y++) {
    const v = (y * down) / SIDE
    const [k, t] = [Math.floor(v), ease(v - Math.floor(v))]
    for (let x = 0; x < SIDE; x++) {
      const u = (x * across) / SIDE
      const [i, s] = [Math.floor(u), ease(u - Math.floor(u))]
      const at = (a: number, b: number) => lattice[(b % down) * across + (a % across)]
      out[y * SIDE + x] =
        (1 - t) * ((1 - s) * at(i, k) + s * at(i + 1, k)) + t * ((1 - s) * at(i, k + 1) + s * at(i + 1, k + 1))
    }
  }
  return out
}

/** Octaves of noise, each of half the height. */
function clouds(random: Random, first: number, octaves: number, stretch = 1): Float32Array {
  const sum = new Float32Array(SIDE * SIDE)
  for (let octave = 0, weight = 1, cells = first; octave < octaves; octave++, weight /= 2, cells *= 2) {
    const layer = smoothNoise(random, Math.min(SIDE, cells), Math.max(1, Math.min(SIDE, Math.round(cells * stretch))))
    for (let i = 0; i < sum.length; i++) sum[i] += weight * layer[i]
  }
  return sum
}

function bricks(random: Random): Float32Array {
  const out = clouds(random, 16, 3)
  const rows = 2 ** (2 + random.integer(2))
  const height = SIDE / rows
  const width = SIDE / 2 ** (1 + random.integer(2))
  const joint = random.between(1, 4)
  const depth = random.between(-1.5, 1.5)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column * width < SIDE; column++) {
      const tone = random.between(-0.5, 0.5)
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const place = (row * height + y) * SIDE + ((column * width + x + (row % 2) * (width / 2)) & MASK)
          out[place] = y < joint || x < joint ? depth + 0.3 * out[place] : tone + 0.4 * out[place]
        }
      }
    }
  }
  return out
}

function boards(random: Random): Float32Array {
  const grain = clouds(random, 4, 4, 8)
  const count = 2 ** (1 + random.integer(4))
  const width = SIDE / count
  const gap = random.between(0.5, 4)
  for (let board = 0; board < count; board++) {
    const tone = random.between(-0.4, 0.4)
    for (let y = 0; y < width; y++)
      for (let x = 0; x < SIDE; x++) {
        const place = (board * width + y) * SIDE + x
        grain[place] = 0.5 * grain[place] + tone - (y < gap ? 1.2 : 0)
      }
  }
  return random.chance(0.5) ? grain : transposed(grain)
}

function transposed(data: Float32Array): Float32Array {
  return data.map((_, i) => data[(i & MASK) * SIDE + Math.floor(i / SIDE)])
}

function scaled(name: string, data: Float32Array): Texture {
  const mean = data.reduce((a, b) => a + b, 0) / data.length
  const deviation = Math.sqrt(data.reduce((a, b) => a + (b - mean) ** 2, 0) / data.length) || 1
  return { name, data: data.map((value) => Math.min(2, Math.max(-2, (value - mean) / (2 * deviation)))) }
}

/**
 * Walls and plates that are drawn: plaster, stone, bricks, boards. Those of the two parts come from different seeds.
 */
export function drawnTextures(part: Part, count = 48): Texture[] {
  const random = Random.at(20, part === 'train' ? 0 : 1)
  const kinds: readonly (readonly [string, () => Float32Array])[] = [
    ['plaster', () => clouds(random, 16 + random.integer(16), 3)],
    ['stone', () => clouds(random, 2 + random.integer(4), 5)],
    ['bricks', () => bricks(random)],
    ['boards', () => boards(random)],
  ]
  return Array.from({ length: count }, (_, i) => {
    const [name, draw] = kinds[i % kinds.length]
    return scaled(name, draw())
  })
}

/**
 * Photographs as backgrounds, where Flickr8k is available: the training part takes them from its train.tar, the test
 * part from dev.tar.
 */
export async function photographTextures(part: Part, count = 240): Promise<Texture[]> {
  const folder = sharedFolder('flickr8k')
  const path = folder && join(folder, part === 'train' ? 'train.tar' : 'dev.tar')
  if (path === undefined || !existsSync(path)) return []
  const file = await open(path)
  const textures: Texture[] = []
  try {
    const header = new Uint8Array(512)
    for (let at = 0; textures.length < count;) {
      if ((await file.read(header, 0, 512, at)).bytesRead < 512 || header[0] === 0) break
      const text = Buffer.from(header).toString('latin1')
      const size = parseInt(text.slice(124, 136), 8)
      const name = text.slice(0, 100).replace(/\0.*$/s, '')
      if (name.endsWith('.jpg')) {
        const bytes = new Uint8Array(size)
        await file.read(bytes, 0, size, at + 512)
        const { data } = resizedPicture(await decodePicture(bytes, 1, name), SIDE, SIDE)
        textures.push(scaled(name, data))
      }
      at += 512 + 512 * Math.ceil(size / 512)
    }
  } finally {
    await file.close()
  }
  return textures
}
