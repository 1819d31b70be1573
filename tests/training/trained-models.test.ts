import { readdirSync, readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { differenceOf } from '../../src/cli/difference.js'
import { randomSplit, type Dataset } from '../../src/data/dataset.js'
import { loadMnistPart, type MnistName } from '../../src/data/mnist.js'
import { toHost } from '../../src/api/tensor.js'
import { InferenceSession } from '../../src/node.js'
import { readModel } from '../../src/onnx/wire.js'
import { classesOf } from '../../src/train/evaluate.js'
import { loadPeer } from '../../src/cli/peers.js'
import { skipUnlessShared } from '../support/shared.js'

const BATCH = 500

for (const set of ['mnist', 'notmnist'] as const satisfies readonly MnistName[]) {
  const folder = fileURLToPath(new URL(`../../models/${set}/`, import.meta.url))
  const files = readdirSync(folder).filter((name) => name.endsWith('.onnx'))
  const card = readFileSync(`${folder}README.md`, 'utf8')

  describe(`trained files of ${set}`, () => {
    test('each has a row in the card, and is as small as it has to be', () => {
      expect(files.length).toBeGreaterThan(1)
      expect(files.map((file) => accuracyOf(card, file)).filter(Number.isNaN)).toEqual([])
      const bytes = (file: string) => statSync(`${folder}${file}`).size
      expect(files.filter((file) => bytes(file) > (file === 'cnn.onnx' ? 3_500_000 : 1_000_000))).toEqual([])
      expect(bytes('small.onnx')).toBeLessThan(100_000)
    })
  })

  skipUnlessShared(`trained files on the test pictures of ${set}`, ['data', set], (data) => {
    test.for(files)('%s is as good as its card says, and onnxruntime-web says the same', async (file) => {
      const bytes = readFileSync(`${folder}${file}`)
      const pictures = await testPart(data, set, bytes)
      const session = await InferenceSession.create(bytes, { build: 'simd' })
      const peer = await loadPeer('onnxruntime-web', bytes, [])
      let right = 0
      for (let start = 0; start < pictures.length; start += BATCH) {
        const { image, label } = pictures.batch!(Array.from({ length: BATCH }, (_, i) => start + i))
        const { probabilities, scores } = await session.run({ image })
        classesOf(probabilities).forEach((answer, i) => (right += Number(answer === Number(label.data[i]))))
        if (start >= 2 * BATCH) continue
        const theirs = await peer.run({ image })
        expect(differenceOf(toHost(probabilities, 'probabilities'), theirs.probabilities)).toMatchObject({
          agrees: true,
        })
        expect(differenceOf(toHost(scores, 'scores'), theirs.scores)).toMatchObject({ agrees: true })
      }
      expect(((100 * right) / pictures.length).toFixed(2)).toBe(accuracyOf(card, file).toFixed(2))
      await session.release()
      await peer.release()
    })
  })
}

/** The accuracy in a card's row of a file, in per cent. */
function accuracyOf(card: string, file: string): number {
  const row = card.split('\n').find((line) => line.includes(`(${file})`)) ?? ''
  return Number(/\*\*([\d.]+) %\*\*/.exec(row)?.[1])
}

/** The pictures a file was not trained on. */
async function testPart(data: string, set: MnistName, model: Uint8Array): Promise<Dataset> {
  const all = await loadMnistPart(data, 'test', set)
  const metadata = new Map(readModel(model).metadataProps.map(({ key, value }) => [key, value]))
  const split = metadata.get('split')
  return split ? randomSplit(all, JSON.parse(split) as number[], Number(metadata.get('seed')))[1] : all
}
