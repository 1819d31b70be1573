import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { tileFiles } from '../../scripts/tiles/files.js'

const folder = new URL('../../assembly/generated/', import.meta.url)

test('the register tiles are what their templates say: npm run tiles', () => {
  expect(readdirSync(folder).sort()).toEqual([...tileFiles.keys()].sort())
  for (const [name, text] of tileFiles) expect(readFileSync(new URL(name, folder), 'utf8'), name).toBe(text)
})

test('a tile whose rows are all there makes every product of a step once', () => {
  // c[row, half] += a[row] · b[half], for all rows of the tallest tile and all steps that are written out.
  const text = tileFiles.get('gemm-tiles.ts') as string
  const tile = text.slice(text.indexOf('function tiles_6x8'))
  const loop = tile.slice(tile.indexOf('ahead += 64'), tile.indexOf('for (; q < end'))
  for (let row = 0; row < 6; row++)
    for (let half = 0; half < 2; half++)
      expect(loop.split(`c${row}${half} = madd(x, b${half}, c${row}${half});`)).toHaveLength(8 + 1)
  const exits = [...loop.matchAll(/if \(q == (\d+)\) break;/g)].map(([, number]) => Number(number))
  expect(exits).toEqual(Array.from({ length: 23 }, (_, i) => i + 1))
})
