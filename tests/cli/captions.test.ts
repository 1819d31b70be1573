import { encode } from 'fast-png'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { pictureFiles } from '../../src/cli/captions/pictures.js'
import { pooledPlaces } from '../../src/cli/captions/features.js'
import { smoothMap } from '../../src/cli/captions/show.js'
import type { Command } from '../../src/cli/command.js'
import { evaluate } from '../../src/cli/evaluate.js'
import { predict } from '../../src/cli/predict.js'
import type { Value } from '../../src/ir/graph.js'
import { exportModel, GraphBuilder, Tensor } from '../../src/node.js'
import { DrawnScenes, SCENE_SIDE, sceneCaption } from '../../src/train.js'

const MODEL = 'models/captions/scenes.onnx'

async function run(command: Command, positionals: string[], flags: Record<string, string | boolean>) {
  const [lines, rows]: [string[], string[]] = [[], []]
  let answer: unknown
  await command.run({
    positionals,
    flags,
    print: (line = '') => void lines.push(line),
    write: (text) => void lines.push(text),
    draw: (row, line) => void (rows.push(row), line !== undefined && lines.push(line)),
    result: (value) => void (answer = value),
  })
  return { lines, rows, answer: answer as Record<string, never> }
}

/** A scene as a PNG file. */
function sceneFile(folder: string, index: number): { path: string; caption: string } {
  const { scene, picture } = new DrawnScenes(100, 31, true).at(index)
  const area = SCENE_SIDE ** 2
  const data = Uint8Array.from({ length: 3 * area }, (_, i) =>
    Math.round(255 * picture[(i % 3) * area + Math.floor(i / 3)]),
  )
  const path = join(folder, `scene${index}.png`)
  writeFileSync(path, encode({ width: SCENE_SIDE, height: SCENE_SIDE, channels: 3, data }))
  return { path, caption: sceneCaption(scene) }
}

describe('the captioner of drawn scenes', () => {
  test('says unseen captions exactly, at least nine of ten', async () => {
    const { answer, lines } = await run(evaluate, ['captions/scenes'], { count: '100' })
    const { count, exact, bleu1 } = answer as unknown as Record<string, number>
    expect(count).toBe(100)
    expect(exact).toBeGreaterThan(0.9)
    expect(bleu1).toBeGreaterThan(90)
    expect(lines.join('\n')).toContain('100 pictures: BLEU-1')
  })

  test('predict says what a picture shows, in colour, with beams and maps as a page', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lanewise-captions-'))
    const { path, caption } = sceneFile(folder, 2)
    const html = join(folder, 'out.html')
    const { answer, rows, lines } = await run(predict, [MODEL, path], { html, beams: '3' })
    const { caption: said, beams } = answer as unknown as {
      caption: string
      beams: { caption: string; words: { word: string; places: number[] }[] }[]
    }
    expect(said).toBe(caption)
    expect(beams.length).toBe(3)
    expect(beams[0].words.map(({ word }) => word).join(' ')).toBe(caption)
    for (const { places } of beams[0].words) expect(places.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 4)
    expect(rows[0].startsWith('\u001b[38;2;')).toBe(true)
    expect(lines.some((line) => line.includes('\u001b'))).toBe(false)
    const page = readFileSync(html, 'utf8')
    expect(page).toContain(caption)
    expect(page.match(/class="seen"/g)?.length).toBe(beams.flatMap(({ words }) => words).length)
  })

  test('a folder of pictures with captions: predictions as lines, what is missing is counted', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lanewise-captions-'))
    mkdirSync(join(folder, 'Images'))
    const scenes = [0, 1, 2].map((index) => sceneFile(join(folder, 'Images'), index))
    writeFileSync(join(folder, 'Images', 'broken.jpg'), 'no picture')
    writeFileSync(
      join(folder, 'captions.txt'),
      `image,caption\n${[0, 1].map((i) => `scene${i}.png,${scenes[i].caption} .`).join('\n')}\nbroken.jpg,a cat\n`,
    )
    const predictions = join(folder, 'out.jsonl')
    const { answer, lines } = await run(evaluate, ['captions/scenes'], { data: folder, predictions, beams: '1' })
    expect((answer as unknown as { count: number }).count).toBe(2)
    const said = readFileSync(predictions, 'utf8').trim().split('\n')
    expect(said.map((line) => (JSON.parse(line) as { file: string }).file)).toEqual(['scene0.png', 'scene1.png'])
    expect(lines.join('\n')).toContain('1 pictures have no captions, the first: scene2.png')
    expect(lines.join('\n')).toContain('1 pictures cannot be decoded')
  })
})

test('a network of features may have integers, and nothing but the command needs to be loaded', () => {
  const g = new GraphBuilder('small')
  const tensor = (type: 'float32' | 'uint8' | 'int8', data: readonly number[], dims: readonly number[] = []) =>
    new Tensor(type, data, dims)
  const [scale, zero] = [g.constant('scale', tensor('float32', [0.02])), g.constant('zero', tensor('uint8', [128]))]
  const both = (x: Value) => g.op('DequantizeLinear', [g.op('QuantizeLinear', [x, scale, zero]), scale, zero])
  const weights = g.constant(
    'w',
    new Tensor(
      'int8',
      Int8Array.from({ length: 15 }, (_, i) => i - 7),
      [5, 3, 1, 1],
    ),
  )
  const filters = g.op('DequantizeLinear', [weights, scale, g.constant('w_zero', tensor('int8', [0]))])
  const seen = both(g.op('Conv', [both(g.input('picture', 'float32', ['N', 3, 32, 32])), filters]))
  g.output(g.op('Flatten', [g.op('GlobalAveragePool', [seen])]), 'classes')
  const file = join(mkdtempSync(join(tmpdir(), 'lanewise-captions-')), 'features.onnx')
  writeFileSync(file, exportModel(g))
  // In a process of its own: other tests have loaded what writes all operator sets.
  const program = fileURLToPath(new URL('integer-features.ts', import.meta.url))
  expect(execFileSync(process.execPath, ['--import', 'tsx', program, file], { encoding: 'utf8' })).toBe('5 32\n')
})

test('pictures are found in folders, each name once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lanewise-captions-'))
  for (const sub of ['a', 'b']) {
    mkdirSync(join(folder, sub))
    sceneFile(join(folder, sub), 1)
  }
  const names = []
  for await (const { name } of pictureFiles(folder)) names.push(name)
  expect(names).toEqual(['scene1.png'])
  await expect(pictureFiles(folder, () => false).next()).rejects.toThrow('no pictures')
})

test('seven places are pooled to four as in adaptive pooling; maps are enlarged without edges', () => {
  const groups = pooledPlaces(7, 4)
  expect(groups[0]).toEqual([0, 1, 7, 8])
  expect(groups[5]).toEqual([8, 9, 10, 15, 16, 17, 22, 23, 24])
  expect(pooledPlaces(4, 4).map(([place]) => place)).toEqual(Array.from({ length: 16 }, (_, i) => i))
  const map = smoothMap(Float32Array.of(1, 0, 0, 0), 32)
  expect(map.length).toBe(1024)
  expect(map[0]).toBeCloseTo(1, 5)
  for (let x = 1; x < 32; x++) expect(Math.abs(map[x] - map[x - 1])).toBeLessThan(0.1)
})
