// A hundred generated pictures as one PNG: npx tsx models/house-numbers/sheet.ts [train|test] [FILE]
import { writeFileSync } from 'node:fs'
import { encode } from 'fast-png'
import { GeneratedNumbers, loadWorld } from './generate.js'

const [part = 'test', file = 'models/house-numbers/samples.png'] = process.argv.slice(2)
const [SIDE, COLUMNS, ROWS, GAP] = [48, 20, 5, 2]
const numbers = new GeneratedNumbers(await loadWorld(part === 'train' ? 'train' : 'test'), SIDE, COLUMNS * ROWS, 3)
const { image } = numbers.batch(Array.from({ length: COLUMNS * ROWS }, (_, i) => i))
const greys = image.data as Float32Array
const step = SIDE + GAP
const [width, height] = [COLUMNS * step + GAP, ROWS * step + GAP]
const data = new Uint8Array(width * height).fill(255)
for (let i = 0; i < COLUMNS * ROWS; i++) {
  const [left, top] = [GAP + (i % COLUMNS) * step, GAP + Math.floor(i / COLUMNS) * step]
  for (let y = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++)
      data[(top + y) * width + left + x] = Math.round(255 * greys[(i * SIDE + y) * SIDE + x])
}
writeFileSync(file, encode({ width, height, channels: 1, data }))
