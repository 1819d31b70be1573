// Builds the site: the page (site/, by Vite) and around it the guides and the API reference (docs/, by VitePress), all
// into site/dist. The page works from any folder of any server; the guides know theirs:
// `npm run site -- --base /lanewise/`. With `--page` only the page, with `--serve` Vite's development server.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build, createServer } from 'vite'
import { recordPage } from './bundle/page.js'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const { values } = parseArgs({
  options: {
    base: { type: 'string', default: '/' },
    page: { type: 'boolean', default: false },
    serve: { type: 'boolean', default: false },
  },
})

function npmRun(script: string, env: Readonly<Record<string, string>> = {}): void {
  const { status } = spawnSync('npm', ['run', '--silent', script], {
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  if (status !== 0) process.exit(status ?? 1)
}

if (!existsSync('dist/wasm/train-relaxed.wasm')) npmRun('build:wasm')
const configFile = 'site/vite.config.ts'
if (values.serve) {
  const server = await createServer({ configFile })
  await server.listen()
  server.printUrls()
} else {
  await build({ configFile, logLevel: 'warn' })
  recordPage()
  if (!values.page) {
    npmRun('docs', { LANEWISE_DOCS_BASE: values.base })
    cpSync('docs/.vitepress/dist', 'site/dist', { recursive: true })
  }
  console.log('site/dist')
}
