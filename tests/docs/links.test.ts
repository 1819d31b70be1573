import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root } from '../support/package.js'

// The site fails on dead links, too, but knows nothing of files that are no pages, and takes minutes.

const pages = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' }).split('\n').filter(Boolean)

interface Packed {
  readonly files: readonly { readonly path: string }[]
}

const [packed] = JSON.parse(
  execFileSync('npm', ['pack', '--dry-run', '--ignore-scripts', '--json'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }),
) as Packed[]
const shipped = new Set(packed.files.map(({ path }) => path))

/** A page without its code, where brackets mean something else. */
function proseOf(page: string): string {
  return readFileSync(join(root, page), 'utf8')
    .replace(/^```[\s\S]*?^```$/gm, '')
    .replace(/`[^`\n]*`/g, '')
}

/** Relative links of a page: the file from the root of the repository, and the place in it. */
function linksOf(page: string): { file: string; anchor: string }[] {
  return [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, href]) => href)
    .filter((href) => !/^[a-z]+:/.test(href))
    .map((href) => {
      const [path, anchor = ''] = href.split('#')
      return { file: path === '' ? page : posix.join(posix.dirname(page), path), anchor }
    })
}

/** Where headings may be linked to, as GitHub and VitePress name them. */
function anchorsOf(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8').replace(/^```[\s\S]*?^```$/gm, '')
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-'),
  )
}

describe.each(pages)('%s', (page) => {
  test('has no dead link', () => {
    const dead = linksOf(page).filter(
      ({ file, anchor }) => !existsSync(join(root, file)) || (anchor !== '' && !anchorsOf(file).includes(anchor)),
    )
    expect(dead).toEqual([])
  })

  test.runIf(shipped.has(page))('has no link that the package breaks', () => {
    expect(linksOf(page).filter(({ file }) => !shipped.has(file))).toEqual([])
  })
})

test('README, guides and what they lead to are shipped', () => {
  expect([...shipped]).toEqual(expect.arrayContaining(pages.filter((page) => /^docs\/|^README/.test(page))))
})

test("architecture.md's walks: every file is there, and they are no longer than a newcomer bears", () => {
  const text = readFileSync(join(root, 'docs/architecture.md'), 'utf8')
  const section = text.slice(text.indexOf('\n## Seven walks'), text.indexOf('\n## The way of a model'))
  const walks = section.split('\n').filter((line) => /^\| .* \(\d+.*\|$/.test(line))
  const counts = walks.map((line) => {
    const files = [...line.matchAll(/`([\w<>/.-]+\.(?:ts|md))`/g)].map(([, name]) => name)
    const real = files.filter((name) => name.includes('/') && !name.includes('<family>'))
    expect(real.filter((name) => !existsSync(join(root, name)))).toEqual([])
    const said = Number(/ \((\d+)[;)]/.exec(line)?.[1])
    if (real.length === files.length) expect(said, line).toBe(files.length)
    return said
  })
  expect(counts).toHaveLength(7)
  for (const [i, most] of [10, 8, 2, 5, 9, 3, 1].entries()) expect(counts[i]).toBeLessThanOrEqual(most)
})

test('files that pages for contributors name are there', () => {
  const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).split('\n')
  const named = ['docs/architecture.md', 'docs/adding-an-op.md', 'docs/kernel-names.md', 'CONTRIBUTING.md'].flatMap(
    (page) =>
      [...readFileSync(join(root, page), 'utf8').matchAll(/`([\w/.-]*\w\.(?:[cm]?[jt]s|jsonc?|md))`/g)]
        .map(([, name]) => name)
        // x.ts stands for a new operator's; declarations of kernels are generated.
        .filter((name) => !/(^|\/)x[.-]|\.d\.ts$/.test(name)),
  )
  expect(named.length).toBeGreaterThan(100)
  expect(named.filter((name) => !files.some((file) => `/${file}`.endsWith(`/${name}`)))).toEqual([])
})
