import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { randomSplit, stack } from '../../src/data/dataset.js'
import { digitNames, drawDigit, generateDigits } from '../../src/data/digits.js'
import { encodeIdx } from '../../src/data/formats/idx.js'
import { ImageSet } from '../../src/data/image-set.js'
import { loadMnist, loadMnistPart, mnistFile } from '../../src/data/mnist.js'
import { Random } from '../../src/core/random.js'
import { Tensor } from '../../src/api/tensor.js'
import { expectError, expectRejects } from '../support/expect-error.js'
import { skipUnlessShared } from '../support/shared.js'

/**
 * How many of a set's pictures are nearest to the right one of the class means of another: no classifier is simpler.
 */
function nearestMean(train: ImageSet, test: ImageSet): number {
  const area = train.height * train.width
  const means = Array.from({ length: 10 }, () => new Float64Array(area))
  const counts = new Array<number>(10).fill(0)
  const [pixels, labels] = [train.images.data as Uint8Array, train.labels.data as Uint8Array]
  for (let i = 0; i < train.length; i++) {
    counts[labels[i]]++
    for (let k = 0; k < area; k++) means[labels[i]][k] += pixels[i * area + k]
  }
  means.forEach((mean, c) => mean.forEach((sum, k) => (mean[k] = sum / counts[c])))
  let right = 0
  for (let i = 0; i < test.length; i++) {
    const distances = means.map((mean) =>
      mean.reduce((sum, m, k) => sum + (m - (test.images.data as Uint8Array)[i * area + k]) ** 2, 0),
    )
    if (distances.indexOf(Math.min(...distances)) === (test.labels.data as Uint8Array)[i]) right++
  }
  return right / test.length
}

describe('written digits', () => {
  const set = generateDigits(400, 1)

  test('have the form of MNIST', () => {
    expect(set.length).toBe(400)
    expect(set.get(13).image.dims).toEqual([1, 28, 28])
    expect(set.get(13).label.data).toEqual(Int32Array.of(3))
    expect(set.batch([5, 13])).toEqual(stack([set.get(5), set.get(13)]))
    for (let i = 0; i < set.length; i++) {
      const ink = set.get(i).image.data as Float32Array
      let [total, x, y, edge] = [0, 0, 0, 0]
      ink.forEach((value, k) => {
        total += value
        x += value * (k % 28)
        y += value * Math.floor(k / 28)
        if (k % 28 === 0 || k % 28 === 27 || k < 28 || k >= 27 * 28) edge += value
      })
      expect(total).toBeGreaterThan(20)
      expect(Math.abs(x / total - 13.5)).toBeLessThan(1.5)
      expect(Math.abs(y / total - 13.5)).toBeLessThan(1.5)
      expect(edge).toBeLessThan(8)
    }
  })

  test('follow from the seed, each for itself', () => {
    const again = generateDigits(20, 1)
    expect(again.images.data).toEqual((set.images.data as Uint8Array).slice(0, 20 * 784))
    expect(generateDigits(20, 2).images.data).not.toEqual(again.images.data)
    // Fixed for ever, in both engines: what was trained on them must be what is trained on them.
    const sum = (again.images.data as Uint8Array).reduce((hash, value) => (Math.imul(hash, 31) + value) | 0, 7)
    expect(sum).toBe(-2019020575)
  })

  test('can be told apart, and are not all alike', () => {
    const accuracy = nearestMean(set, generateDigits(400, 2))
    expect(accuracy).toBeGreaterThan(0.7)
    expect(accuracy).toBeLessThan(0.99)
  })

  test('come in any size', () => {
    const large = drawDigit(8, 56, new Random(3))
    expect(large.length).toBe(56 * 56)
    expect(Math.max(...large)).toBe(1)
  })
})

describe('sets of pictures', () => {
  const images = new Tensor('uint8', new Uint8Array(2 * 4), [2, 2, 2])
  test.each([
    ['other types', new Tensor('float32', new Float32Array(8), [2, 2, 2]), new Tensor('uint8', [0, 1], [2])],
    ['other numbers', images, new Tensor('uint8', [0], [1])],
    ['labels of no class', images, new Tensor('uint8', [0, 10], [2])],
    ['labels of two axes', images, new Tensor('uint8', [0, 1], [2, 1])],
  ])('%s are refused', (_, pictures, labels) => {
    expectError('E_TENSOR', () => new ImageSet(pictures, labels, digitNames))
  })
})

describe('MNIST files', () => {
  const digits = generateDigits(30, 5)
  let folder: string
  let server: Server
  let base: string
  const files = new Map<string, Uint8Array>()

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lanewise-mnist-'))
    files.set(`${mnistFile('train', 'images')}.gz`, gzipSync(encodeIdx(digits.images)))
    files.set(mnistFile('train', 'labels'), encodeIdx(digits.labels))
    files.set(mnistFile('test', 'images').replace('-idx', '.idx'), encodeIdx(digits.images))
    files.set(`${mnistFile('test', 'labels')}.gz`, gzipSync(encodeIdx(digits.labels)))
    for (const [name, bytes] of files) await writeFile(join(folder, name), bytes)
    server = createServer((request, response) => {
      const name = request.url!.slice('/data/'.length)
      if (name.startsWith('broken')) response.writeHead(500).end()
      else if (files.has(name)) response.end(files.get(name))
      else response.writeHead(404).end('<html>not here</html>')
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/data`
  })
  afterAll(async () => {
    server.close()
    await rm(folder, { recursive: true })
  })

  test('are found in a folder, at a URL and in a list, packed or not', async () => {
    for (const from of [
      folder,
      `${folder}/`,
      new URL(`file://${folder}`),
      base,
      `${base}/`,
      [...files.keys()].map((name) => join(folder, name)),
      [...files.keys()].map((name) => `${base}/${name}`),
    ]) {
      const { train, test } = await loadMnist(from, 'notmnist')
      for (const part of [train, test]) {
        expect(part.images.data).toEqual(digits.images.data)
        expect(part.labels.data).toEqual(digits.labels.data)
        expect(part.classes[9]).toBe('J')
      }
    }
  })

  test('a set that is not what its name says is refused', async () => {
    await expectRejects('E_TENSOR', () => loadMnistPart(folder, 'train'), /60000 pictures, this has 30/)
    await expectRejects('E_TENSOR', () => loadMnistPart(folder, 'test', 'fashion-mnist'), /10000 pictures/)
    const small = generateDigits(10, 1, 14)
    const odd = await mkdtemp(join(tmpdir(), 'lanewise-mnist-'))
    await writeFile(join(odd, mnistFile('test', 'images')), encodeIdx(small.images))
    await writeFile(join(odd, mnistFile('test', 'labels')), encodeIdx(small.labels))
    await expectRejects('E_TENSOR', () => loadMnistPart(odd, 'test', 'notmnist'), /28×28/)
    await writeFile(join(odd, mnistFile('test', 'labels')), '<html>')
    await expectRejects('E_PARSE', () => loadMnistPart(odd, 'test', 'notmnist'), /no IDX file/)
    await expectRejects('E_EXTERNAL', () => loadMnistPart(odd, 'train', 'notmnist'), /no train-images-idx3-ubyte/)
    await rm(odd, { recursive: true })
  })

  test('a server that fails is an error, one that has it not says so', async () => {
    await expectRejects('E_EXTERNAL', () => loadMnistPart(`${base}/broken`, 'train'), /HTTP 500/)
    await expectRejects('E_EXTERNAL', () => loadMnistPart(`${base}/none`, 'train'), /there is no train-images/)
    await expectRejects('E_EXTERNAL', () => loadMnistPart('http://127.0.0.1:1/', 'train'), /cannot be fetched/)
  })
})

skipUnlessShared('the real MNIST', ['data', 'mnist'], (path) => {
  test('is read, and generated digits look like it', async () => {
    const { train, test: real } = await loadMnist(path)
    expect([train.length, real.length]).toEqual([60_000, 10_000])
    expect(Array.from((train.labels.data as Uint8Array).subarray(0, 5))).toEqual([5, 0, 4, 1, 9])
    const some = new ImageSet(
      new Tensor('uint8', (real.images.data as Uint8Array).subarray(0, 1000 * 784), [1000, 28, 28]),
      new Tensor('uint8', (real.labels.data as Uint8Array).subarray(0, 1000), [1000]),
      digitNames,
    )
    const accuracy = nearestMean(generateDigits(1000, 1), some)
    console.log(`means of generated digits name ${(100 * accuracy).toFixed(1)} % of real ones`)
    expect(accuracy).toBeGreaterThan(0.6)
  })
})

skipUnlessShared('the real notMNIST', ['data', 'notmnist'], (path) => {
  test('is one part that is split', async () => {
    const set = await loadMnistPart(path, 'test', 'notmnist')
    const [train, validation] = randomSplit(set, [8000, 2000], 1)
    expect([train.length, validation.length]).toEqual([8000, 2000])
    expect(train.batch!([0, 1]).image.dims).toEqual([2, 1, 28, 28])
  })
})
