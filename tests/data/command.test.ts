import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { generateDigits } from '../../src/data/digits.js'
import { loadMnist } from '../../src/data/mnist.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lanewise-data-'))
})
afterAll(() => rm(folder, { recursive: true }))

function lanewise(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  return new Promise((done) => {
    execFile(process.execPath, [main, 'data', ...args], { cwd: folder }, (error, out, stderr) =>
      done({ code: error ? (error.code as number) : 0, out, error: stderr }),
    )
  })
}

test('digits are drawn, and a set is copied from a folder', async () => {
  const drawn = await lanewise('digits', '--train', '30', '--test', '20', '--json')
  expect(drawn.error).toBe('')
  expect(JSON.parse(drawn.out)).toMatchObject({
    set: 'digits',
    folder: 'data/digits',
    files: [{ examples: 30 }, { examples: 30, bytes: 38 }, { examples: 20 }, { examples: 20 }],
  })
  const { train, test } = await loadMnist(join(folder, 'data/digits'), 'digits')
  expect(train.images.data).toEqual(generateDigits(30, 2).images.data)
  expect(test.images.data).toEqual(generateDigits(20, 3).images.data)

  const copied = await lanewise('notmnist', '--from', 'data/digits', '--to', 'copy', '--part', 'test')
  expect(copied).toMatchObject({ code: 0, error: '' })
  expect(copied.out).toContain('20 images')
  expect((await readdir(join(folder, 'copy'))).sort()).toEqual(['t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'])
})

test('what is not what it is called is refused before anything is written', async () => {
  const wrong = await lanewise('mnist', '--from', 'data/digits')
  expect(wrong.code).toBe(1)
  expect(wrong.error).toMatch(/^error E_TENSOR: the train part of mnist has 60000 pictures, this has 30/)
  expect(await readdir(join(folder, 'data'))).toEqual(['digits'])
  expect((await lanewise('mnist', '--from', 'nowhere')).error).toMatch(/^error E_EXTERNAL/)
})

test.each([
  [[], /one of mnist, fashion-mnist, notmnist, digits is needed, got nothing/],
  [['cifar'], /got "cifar"/],
  [['mnist'], /--from is missing/],
  [['digits', '--from', 'x'], /come from nowhere/],
  [['digits', '--part', 'all'], /--part must be train or test/],
  [['digits', '--train', '0'], /--train must be/],
])('the command line %j is wrong', async (args, message) => {
  const { code, error } = await lanewise(...args)
  expect(code).toBe(2)
  expect(error).toMatch(message)
})
