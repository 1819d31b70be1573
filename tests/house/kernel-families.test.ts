import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { families, familiesOf, kernelsOf } from '../../scripts/kernels.js'
import { root } from '../support/package.js'

test('every exported kernel belongs to a family', () => {
  const lists = ['inference', 'quantized', 'train'].map((list) =>
    readFileSync(join(root, `assembly/abi/${list}.ts`), 'utf8'),
  )
  const exported = lists.flatMap((text) =>
    [...text.matchAll(/export \{([^}]*)\}/g)].flatMap(([, names]) => names.split(',').map((name) => name.trim())),
  )
  const kernels = exported.filter((name) => name !== '')
  expect(kernels.length).toBeGreaterThan(150)
  expect(families.flatMap((family) => kernelsOf(family)).sort()).toEqual(kernels.sort())
})

test('what stands for others is tested by those', () => {
  expect(familiesOf('norm')).toEqual(['norm'])
  expect(familiesOf('generated')).toEqual(['attention', 'conv', 'generated', 'matmul', 'quantize', 'rnn'])
  expect(familiesOf('lib')).toEqual(expect.arrayContaining(['attention', 'lib', 'rnn']))
})

test('npm run test:kernels refuses a family that there is none of, and names those that there are', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/tsx/dist/cli.mjs'), join(root, 'scripts/test-kernels.ts'), 'convolution'],
    { encoding: 'utf8' },
  )
  expect(stdout).toBe('')
  expect(status).toBe(1)
  const folders = readdirSync(join(root, 'assembly'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
  for (const { name } of folders) if (name !== 'abi') expect(stderr).toContain(name)
})
