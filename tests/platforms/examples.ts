// The folders of examples/: each is copied with the files beside it, its dependencies are installed, and it is built
// and used as its README says.
import { spawn } from 'node:child_process'
import { cpSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { openChromium, openExtension } from './browsers.js'
import type { Report } from './conformance.js'
import { command, load, unpack, versionOf, type Lab, type Row } from './row.js'
import type { MiniflareModule } from './runtimes.js'
import { root } from '../support/package.js'

/** What every example says of examples/seven.bin. */
const SEVEN = /^7 \((9\d|100) %\)$/

interface Manifest {
  readonly scripts?: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

type Use = (folder: string, lab: Lab) => Promise<string | void>

/**
 * A row for an example.
 *
 * @param of - the package whose version is told; Node's if there is none.
 * @param use - uses it, in its folder. Returns what is wrong.
 * @param prepare - changes it before it is built.
 */
function example(
  name: string,
  of: string | undefined,
  use: Use,
  more: Readonly<Record<string, string>> = {},
  prepare?: (folder: string) => void,
): Row {
  const { dependencies, devDependencies, scripts } = JSON.parse(
    readFileSync(join(root, 'examples', name, 'package.json'), 'utf8'),
  ) as Manifest
  const { lanewise: _, ...packages } = { ...dependencies, ...devDependencies, ...more }
  return {
    name: `examples/${name}`,
    packages,
    async run(lab) {
      // Next.js looks no further than its own folder.
      const alone = packages.next !== undefined
      const home = alone ? join(lab.site, '../alone', packages.next.replaceAll(/\W/g, '')) : lab.folder
      const folder = join(home, name)
      rmSync(folder, { recursive: true, force: true })
      cpSync(join(root, 'examples', name), folder, {
        recursive: true,
        filter: (path) => !/node_modules|[\\/](dist|\.next)$/.test(path.slice(root.length)),
      })
      for (const file of ['digits.onnx', 'seven.bin']) cpSync(join(root, 'examples', file), join(home, file))
      if (alone)
        // Links of .bin stay relative: the program of the other folder would bring a React of its own.
        cpSync(join(lab.folder, 'node_modules'), join(folder, 'node_modules'), {
          recursive: true,
          verbatimSymlinks: true,
        })
      prepare?.(folder)
      // Packages are those of the row's folder, above this one; the library is here, where scripts name its files.
      unpack(folder, lab.tarball)
      const paths = `${join(lab.folder, 'node_modules/.bin')}:${process.env.PATH ?? ''}`
      if (scripts?.build) await command('npm', ['run', '--silent', 'build'], folder, { env: { PATH: paths } })
      const wrong = await use(folder, lab)
      const report: Report = { works: wrong ?? 'ok' }
      return { version: of ? versionOf(lab.folder, of) : process.versions.node, report }
    },
  }
}

function says(text: string): string | void {
  if (!SEVEN.test(text.trim())) return `says ${text.trim()}`
}

function isSeven({ digit, probability }: { digit?: number; probability?: number }): string | void {
  if (digit !== 7 || !(Number(probability) > 0.9)) return `answers ${digit}, ${probability}`
}

const seven = (folder: string) => readFileSync(join(folder, '../seven.bin'))

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}

/** Asks a server that a command starts, and stops it. */
async function asked(program: string, args: readonly string[], folder: string, path: string): Promise<string | void> {
  const port = await freePort()
  const env = { ...process.env, PORT: String(port) }
  const child = spawn(program, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stdout.on('data', (text) => (said += text))
  child.stderr.on('data', (text) => (said += text))
  try {
    for (let attempt = 0; ; attempt++) {
      const response = await fetch(`http://localhost:${port}${path}`, { method: 'POST', body: seven(folder) }).catch(
        () => undefined,
      )
      if (response?.ok) return isSeven((await response.json()) as object)
      if (response) return `HTTP ${response.status}: ${(await response.text()).slice(0, 300)} ${said.slice(-3000)}`
      if (child.exitCode !== null || attempt > 300) return `no answer: ${said.slice(-3000)}`
      await new Promise((done) => setTimeout(done, 200))
    }
  } finally {
    child.kill()
  }
}

/** What a page shows in its <output> in the end. */
const shown = (pattern: string) =>
  `(() => { const text = document.querySelector('output')?.textContent ?? ''; return ${pattern}.test(text) && text })()`

async function inPage(folder: string, { site, origin }: Lab, pattern: RegExp): Promise<string> {
  const name = `example-${folder.split('/').at(-1)}`
  cpSync(join(folder, 'dist'), join(site, name), { recursive: true })
  const browser = await openChromium()
  try {
    return await browser.answer(`${origin}/${name}/index.html`, shown(String(pattern)))
  } finally {
    await browser.close()
  }
}

const page = async (folder: string, lab: Lab) => says(await inPage(folder, lab, /%\)/))

/** The example for Next.js, which is built by Node 24: an edge route takes Node 22. */
function nextApp(version: string, how: string, use: Use, prepare?: (folder: string) => void): Row {
  const row = example('next-app', 'next', use, { next: version, node: '24' }, prepare)
  return { ...row, name: `${row.name}, Next.js ${version.slice(1)}${how}` }
}

async function asksNext(folder: string, paths: readonly string[]): Promise<string | void> {
  cpSync(join(folder, '../digits.onnx'), join(folder, 'public/digits.onnx'))
  const [node, next] = ['node/bin/node', 'next/dist/bin/next'].map((file) => join(folder, 'node_modules', file))
  for (const path of paths) {
    const wrong = await asked(node, [next, 'start'], folder, path)
    if (wrong) return `${path}: ${wrong}`
  }
}

const onlyInNode = (folder: string) => rmSync(join(folder, 'app/api/edge'), { recursive: true })

export const examples: readonly Row[] = [
  example('node-script', undefined, async (folder) =>
    says(await command(process.execPath, ['main.js', '../seven.bin'], folder)),
  ),
  example('http-server', 'hono', (folder) => asked(process.execPath, ['main.js'], folder, '/digit')),
  example('lambda', 'esbuild', async (folder) => {
    const { handler } = createRequire(import.meta.url)(join(folder, 'dist/handler.cjs')) as {
      handler(event: object): Promise<{ body: string }>
    }
    const { body } = await handler({ body: seven(folder).toString('base64'), isBase64Encoded: true })
    return isSeven(JSON.parse(body) as object)
  }),
  example('cloudflare-worker', 'wrangler', async (folder, { folder: packages }) => {
    // What wrangler does before it hands a worker over.
    const args = ['deploy', '--dry-run', '--outdir', 'dist']
    await command(join(packages, 'node_modules/.bin/wrangler'), args, folder, {
      env: { WRANGLER_SEND_METRICS: 'false' },
    })
    const { Miniflare } = await load<MiniflareModule>(packages, 'miniflare')
    const miniflare = new Miniflare({
      compatibilityDate: '2026-01-01',
      modules: true,
      modulesRoot: join(folder, 'dist'),
      scriptPath: join(folder, 'dist/worker.js'),
      modulesRules: [
        { type: 'ESModule', include: ['**/*.js'] },
        { type: 'CompiledWasm', include: ['**/*.wasm'] },
        { type: 'Data', include: ['**/*.onnx'] },
      ],
    })
    try {
      const response = await miniflare.dispatchFetch('http://localhost/', { method: 'POST', body: seven(folder) })
      const text = await response.text()
      return response.ok ? isSeven(JSON.parse(text) as object) : text.slice(0, 500)
    } finally {
      await miniflare.dispose()
    }
  }),
  example(
    'deno',
    'deno',
    (folder, lab) => {
      const args = ['run', '--allow-all', '--node-modules-dir=manual', 'main.js']
      return asked(join(lab.folder, 'node_modules/.bin/deno'), args, folder, '/')
    },
    { deno: '^2' },
  ),
  example('bun', 'bun', (folder, lab) => asked(join(lab.folder, 'node_modules/.bin/bun'), ['main.js'], folder, '/'), {
    bun: '^1',
  }),
  example('vite-app', 'vite', page),
  example('web-worker', 'vite', page),
  example('audio-worklet', 'esbuild', async (folder, lab) => {
    const text = await inPage(folder, lab, /time$/)
    return /^speech in [4-7]\d % /.test(text) ? undefined : `says ${text}`
  }),
  example('train-in-the-browser', 'vite', async (folder, lab) => {
    const text = await inPage(folder, lab, /right$/)
    return Number.parseInt(text) > 90 ? undefined : `says ${text}`
  }),
  example('service-worker', 'esbuild', page),
  example('chrome-extension', 'esbuild', async (folder) => {
    const browser = await openExtension(join(folder, 'dist'))
    try {
      return says(await browser.answer('popup.html', shown('/%\\)/')))
    } finally {
      await browser.close()
    }
  }),
  example('vitest', 'vitest', async (folder, { folder: packages }) => {
    await command(join(packages, 'node_modules/.bin/vitest'), ['run', '--maxWorkers', '1'], folder)
  }),
  nextApp('^16', '', (folder) => asksNext(folder, ['/api/digit', '/api/edge'])),
  // webpack, which bundles edge routes there, asks for a document where a library may start workers.
  nextApp('^15', '', (folder) => asksNext(folder, ['/api/digit']), onlyInNode),
  nextApp(
    '^15',
    ' without serverExternalPackages',
    async (folder) => {
      const said = await asksNext(folder, ['/api/digit'])
      const good = ['HTTP 500', 'E_STATE', "serverExternalPackages: ['lanewise']"].every((part) => said?.includes(part))
      return good ? undefined : (said ?? 'works')
    },
    (folder) => {
      onlyInNode(folder)
      rmSync(join(folder, 'next.config.js'))
    },
  ),
]
