import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** "Operators of your own" of docs/guides/own-operators.md. */
function titleOf(page) {
  return /^# (.+)$/m.exec(readFileSync(join(root, page), 'utf8'))?.[1] ?? page
}

function entry(page) {
  return { text: titleOf(page), link: `/${page.replace(/\.md$/, '')}` }
}

function pagesIn(folder) {
  return readdirSync(join(root, folder))
    .filter((file) => file.endsWith('.md'))
    .sort()
    .map((file) => entry(`${folder}/${file}`))
}

/** Guides in the order in which they are read; one that is not named here comes last. */
const order = [
  'first-model',
  'tensors',
  'dtypes',
  'sessions',
  'from-onnxruntime',
  'errors',
  'wrong-results',
  'graphs',
  'quantization',
  'prepared-models',
  'own-operators',
  'training',
  'from-pytorch',
  'fine-tuning',
  'text-generation',
  'deploying',
  'serving',
  'scoring',
  'commands',
]
const placeOf = ({ link }) => order.indexOf(link.slice('/docs/guides/'.length)) + 1 || order.length + 1

/** A link to a file of the repository that is no page (a model, a program) is shown as its text: the site does not hold it. */
function unlinkFiles(md) {
  md.core.ruler.push('unlink-files', ({ tokens, env }) => {
    for (const { children } of tokens) {
      let inside = false
      for (const token of children ?? []) {
        if (token.type === 'link_open') {
          const href = token.attrGet('href') ?? ''
          const target = join(dirname(join(root, env.relativePath ?? '')), decodeURI(href.replace(/#.*/, '')))
          inside = !/^([a-z]+:|#|\/)/.test(href) && !/\.(md|html)(#|$)/.test(href) && existsSync(target)
        }
        if (!inside) continue
        if (token.type === 'link_open' || token.type === 'link_close') token.tag = 'span'
        if (token.type === 'link_open') token.attrs = null
        if (token.type === 'link_close') inside = false
      }
    }
  })
}

export default defineConfig({
  title: 'Lanewise',
  description: JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).description,
  // The whole repository, so that links between README, docs and model cards mean on the site what they mean in the repository.
  base: process.env.LANEWISE_DOCS_BASE ?? '/',
  srcDir: '..',
  srcExclude: ['.github/**', 'assembly/**', 'bench/**', 'data/**', 'runs/**', 'site/**', 'tests/**', 'tmp/**'],
  outDir: '.vitepress/dist',
  cacheDir: '.vitepress/cache',
  // In the site the first page is that of site/.
  rewrites: { 'README.md': process.env.LANEWISE_DOCS_BASE ? 'readme.md' : 'index.md' },
  markdown: { config: unlinkFiles },
  themeConfig: {
    logoLink: { link: process.env.LANEWISE_DOCS_BASE ?? '/', target: '_self' },
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Guides', link: '/docs/guides/first-model' },
      { text: 'API', link: '/docs/api/' },
      { text: 'Operators', link: '/docs/operators' },
      { text: 'Changes', link: '/CHANGELOG' },
    ],
    sidebar: [
      { text: 'Guides', items: pagesIn('docs/guides').sort((a, b) => placeOf(a) - placeOf(b)) },
      {
        text: 'Reference',
        items: [
          { text: 'API', link: '/docs/api/' },
          ...[
            'docs/operators.md',
            'docs/limits.md',
            'docs/platforms.md',
            'docs/states.md',
            'docs/training.md',
            'docs/training-data.md',
          ].map(entry),
        ],
      },
      {
        text: 'Inside',
        items: [
          ...['docs/architecture.md', 'docs/adding-an-op.md', 'docs/kernel-names.md', 'docs/performance.md'].map(entry),
          ...pagesIn('docs/performance'),
          entry('CONTRIBUTING.md'),
        ],
      },
      {
        text: 'Models',
        items: readdirSync(join(root, 'models'))
          .filter((name) => existsSync(join(root, 'models', name, 'README.md')))
          .map((name) => entry(`models/${name}/README.md`)),
      },
    ],
  },
})
