// Builds the site: the API reference of every entry of package.json (TypeDoc → docs/api), then all pages (VitePress →
// docs/.vitepress/dist). A dead link fails it. The packages that it needs are those of docs/package.json, so that
// `npm ci` in the root stays small; they are installed where they are missing.
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

function run(command: string, ...args: string[]): void {
  const { status } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, NODE_ENV: 'production' } })
  if (status !== 0) process.exit(status ?? 1)
}

const installed = 'docs/node_modules/.package-lock.json'
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync('docs/package-lock.json').mtimeMs)
  run('npm', 'ci', '--prefix', 'docs', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund')

// Pages of what is no longer exported must not stay.
rmSync('docs/api', { recursive: true, force: true })
run(process.execPath, 'docs/node_modules/typedoc/bin/typedoc', '--options', 'docs/typedoc.json')
run(
  process.execPath,
  'docs/node_modules/vitepress/bin/vitepress.js',
  process.argv.includes('--serve') ? 'dev' : 'build',
  'docs',
)
