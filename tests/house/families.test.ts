import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { allCases } from '../ops/cases.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const files = execFileSync('git', ['ls-files', 'src/ops', 'assembly', 'tests/ops', 'tests/kernels'], {
  cwd: root,
  encoding: 'utf8',
})
  .trim()
  .split('\n')

/** The folders of files directly below a folder. */
function foldersOf(folder: string): string[] {
  const inside = files.filter((file) => file.startsWith(`${folder}/`)).map((file) => file.slice(folder.length + 1))
  return [...new Set(inside.filter((file) => file.includes('/')).map((file) => file.slice(0, file.indexOf('/'))))]
}

const families = foldersOf('src/ops').filter((name) => name !== 'shared')

test('kernels and tests have the names of families', () => {
  const strangers = (folder: string, others: readonly string[] = []) =>
    foldersOf(folder).filter((name) => !families.includes(name) && !others.includes(name))
  expect(strangers('assembly', ['abi', 'lib', 'generated'])).toEqual([])
  expect(strangers('tests/ops')).toEqual([])
  expect(strangers('tests/kernels', ['lib'])).toEqual([])
})

test('every family has cases', () => {
  expect(families.filter((name) => !foldersOf('tests/ops').includes(name))).toEqual([])
})

test('cases of an operator stand in the folder of its family', () => {
  const defined = new Map<string, Set<string>>()
  for (const file of files.filter((name) => name.startsWith('src/ops/')))
    for (const [, op] of readFileSync(`${root}/${file}`, 'utf8').matchAll(/\bname: '([A-Z]\w+)'/g))
      defined.set(op, (defined.get(op) ?? new Set()).add(file.split('/')[2]))
  const known = [...new Set(allCases.map(({ op }) => op))].filter((op) => defined.has(op))
  // Most operators are written with their names; the rest are made by functions.
  expect(known.length).toBeGreaterThan(100)
  const misplaced: string[] = []
  for (const file of files.filter((name) => name.endsWith('.cases.ts')))
    for (const [, op] of readFileSync(`${root}/${file}`, 'utf8').matchAll(/\bop: '(\w+)'/g))
      if (defined.has(op) && !defined.get(op)?.has(file.split('/')[2])) misplaced.push(`${file}: ${op}`)
  expect(misplaced).toEqual([])
})

test('gradients stand in files that say so, and nowhere else', () => {
  const definition = /: Gradient(<.*>)? =|\): Gradient(<.*>)? \{/
  const having = files.filter(
    (file) => file.startsWith('src/ops/') && definition.test(readFileSync(`${root}/${file}`, 'utf8')),
  )
  expect(having.length).toBeGreaterThan(15)
  expect(having.filter((file) => !file.endsWith('-gradient.ts'))).toEqual([])
  const listed = readFileSync(`${root}/src/ops/gradients.ts`, 'utf8')
  const sources = [...listed.matchAll(/from '\.\/(.*)\.js'/g)].map(([, file]) => file)
  expect(sources.filter((file) => !file.endsWith('-gradient'))).toEqual([])
})
