// Bundles src/ into dist/: few files, so that a cold start reads few files, and nothing outside Node's builtins is left
// to be found. If the bundles are those of the sources, nothing is done; `--force` makes them anyway.
import { build, type Metafile, type Plugin } from 'esbuild'
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundlesAreStale, recordBundles } from './bundle/bundles.js'
import { pureCalls } from './bundle/pure-calls.js'
import { browserTwin, mayHaveTwin } from './bundle/twins.js'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
if (!bundlesAreStale() && !process.argv.includes('--force')) process.exit()

/** Files that name others in dist/. */
const placed =
  /(platform[\\/]((train-|threaded-)?wasm-files|(node|browser)-threads)|api[\\/]all-ops-required|serve[\\/]thread-file|cli[\\/]profile-page-file)\.ts$/

/**
 * The source of a file with what it names by its place: the kernels lie in dist/wasm, and every chunk in dist/ itself.
 */
function inPlace(path: string): string {
  const source = readFileSync(path, 'utf8')
  if (!placed.test(path)) return source
  const contents = source.replaceAll("'../../dist/", "'./")
  if (contents === source) throw new Error(`${path} names no file in '../../dist/'`)
  return contents
}
const places: Plugin = {
  name: 'places',
  setup({ onLoad }) {
    onLoad({ filter: placed }, ({ path }) => ({ contents: inPlace(path), loader: 'ts' }))
  },
}

/** In Node rare operators are loaded when they are asked for. */
const required: Plugin = {
  name: 'required',
  setup({ onResolve }) {
    onResolve({ filter: /\/all-ops-now\.js$/ }, () => ({ path: resolve('src/api/all-ops-required.ts') }))
  },
}

const browserTwins: Plugin = {
  name: 'browser-twins',
  setup({ onResolve }) {
    onResolve({ filter: mayHaveTwin }, ({ path, resolveDir }) => {
      const twin = browserTwin(path, resolveDir)
      return twin === undefined ? undefined : { path: twin }
    })
  },
}

/** The worker of a session starts no workers for sessions. */
const inWorker: Plugin = {
  name: 'in-worker',
  setup({ onResolve }) {
    onResolve({ filter: /\/browser-threads\.js$/ }, () => ({ path: resolve('src/platform/browser-thread.ts') }))
  },
}

const oneOf = (...names: string[]) => new RegExp(`/(src|bindings)/(${names.join('|')})\\.ts$`)
/**
 * What is loaded beside inference: entries that an app imports as well, and what inference imports when a model needs
 * it.
 */
const beside = [
  'all-ops|own-ops|generate|plan/variations',
  'api/(images/image|load/(warm-up|special-kernels)|register-all|threads|worker/remote-session|prepared/(read|write|internal-ops))',
]
const besideInference = oneOf(...beside, 'api/register-frequent')
/** What every app that runs models loads. */
const inference = ['src/api/session.ts', 'src/ops/common.ts', 'src/platform/browser.ts']

/** In Node there are more of both: whatever is imported, and by whomever, is there beside all of inference. */
const besideNode = oneOf(
  ...beside,
  'serve|serve-thread|quantize|quantized|session-worker-node|cli/(main|bench|profile-html)|platform/(node-threads|model-cache)',
  'api/(register-frequent|graph/declare-outputs)',
  'train-functional|autograd/device|nn/summary|train/(recipe|recipe-run|folder-log|search/search|search/search-space)',
)
/** What `import 'lanewise'` loads in Node: one file, for each of many would be found, read and linked by itself. */
const importedInNode = ['src/node.ts']

/**
 * A chunk holds what the same entries reach, so that parts of inference that one of these needs would lie in as many
 * chunks as there are combinations, and small files compress badly. Each of them imports all of inference, which is
 * there already when it is loaded.
 */
const oneChunk = (beside: RegExp, inference: readonly string[]): Plugin => ({
  name: 'one-chunk',
  setup({ onLoad, onResolve }) {
    const imports = inference.map((path) => `import ${JSON.stringify(resolve(path))}\n`).join('')
    onLoad({ filter: beside }, ({ path }) => ({
      contents: `${inPlace(path)}\n${imports}`,
      loader: 'ts',
    }))
    // An import without names would be left out of files that are known to have no side effects.
    const names = inference.map((path) => /([\w-]+)\.ts$/.exec(path)?.[1]).join('|')
    onResolve({ filter: new RegExp(`/(${names})\\.[jt]s$`) }, ({ path, resolveDir }) => {
      const file = resolve(resolveDir, path).replace(/js$/, 'ts')
      return inference.some((known) => resolve(known) === file) ? { path: file, sideEffects: true } : undefined
    })
  },
})

/**
 * A namespace that is exported whole is made by a call, which apps that never look at it would carry: in a file of its
 * own it is none.
 */
const namespaces: Plugin = {
  name: 'namespaces',
  setup({ onResolve }) {
    onResolve({ filter: /\/nn\/(functional|arithmetic|init)\.js$/ }, ({ path, importer }) =>
      relative('src', importer) === 'train.ts'
        ? { path: path.replace('./nn/', './browser-'), external: true }
        : undefined,
    )
  },
}

// Each group shares its chunks. Node and browsers do not share theirs: what one of them loads would fall into more
// pieces.
const groups: {
  platform: 'node' | 'browser'
  entryPoints: Record<string, string>
  oneFile?: 'esm' | 'cjs'
  plugins?: Plugin[]
}[] = [
  {
    platform: 'node',
    entryPoints: {
      node: 'src/node.ts',
      'ops/all-node': 'src/all-ops.ts',
      'ops/index-node': 'src/own-ops.ts',
      'generate/index-node': 'src/generate.ts',
      train: 'src/train.ts',
      'train-functional': 'src/train-functional.ts',
      serve: 'src/serve.ts',
      quantize: 'src/quantize.ts',
      'session-worker-node': 'src/session-worker-node.ts',
      'serve/thread': 'src/serve-thread.ts',
      'cli/main': 'src/command.ts',
    },
  },
  {
    platform: 'browser',
    entryPoints: {
      browser: 'src/browser.ts',
      'ops/all': 'src/all-ops.ts',
      'ops/index': 'src/own-ops.ts',
      'generate/index': 'src/generate.ts',
      'browser-train': 'src/train.ts',
      'browser-functional': 'src/nn/functional.ts',
      'browser-arithmetic': 'src/nn/arithmetic.ts',
      'browser-init': 'src/nn/init.ts',
    },
  },
  // Each of these is a file that needs no other. The worker of a session is one, too: in workers some bundlers know no
  // chunks.
  {
    platform: 'browser',
    entryPoints: { 'session-worker': 'src/session-worker.ts' },
    oneFile: 'esm',
    plugins: [inWorker],
  },
  { platform: 'browser', entryPoints: { inline: 'src/inline.ts' }, oneFile: 'esm' },
  { platform: 'node', entryPoints: { 'inline-node': 'src/inline-node.ts' }, oneFile: 'esm' },
  { platform: 'node', entryPoints: { inline: 'src/inline-node.ts' }, oneFile: 'cjs' },
]

rmSync('dist/bundles.sources', { force: true })
for (const name of existsSync('dist') ? readdirSync('dist') : []) {
  if (/\.c?js(\.map)?$/.test(name) || /^(cli|ops|generate|serve)$/.test(name))
    rmSync(join('dist', name), { recursive: true })
}
// What a thread runs is a file of its own, as it is.
copyFileSync('src/platform/thread.js', 'dist/thread.js')
const bundled = new Set<string>()
for (const { platform, entryPoints, oneFile, plugins = [] } of groups) {
  // In CommonJS nothing says where a file is: what asks for that is told that it is not known.
  const define: Record<string, string> = oneFile === 'cjs' ? { 'import.meta.url': 'undefined' } : {}
  const { metafile } = await build({
    entryPoints,
    platform,
    outdir: 'dist',
    chunkNames: `${platform}-[hash]`,
    format: oneFile ?? 'esm',
    outExtension: { '.js': oneFile === 'cjs' ? '.cjs' : '.js' },
    define,
    loader: { '.wasm': 'base64' },
    target: 'es2022',
    bundle: true,
    splitting: !oneFile,
    // In Node an uncaught error prints the line that threw it: lines stay lines there. The size of a download matters
    // in browsers, where most apps are bundled and minified once more: white space stays there, since what says that a
    // call has no effects goes with it.
    minifySyntax: platform === 'browser',
    minifyWhitespace: oneFile !== undefined,
    legalComments: 'none',
    sourcemap: oneFile ? false : 'linked',
    metafile: true,
    plugins: [
      ...plugins,
      ...(platform === 'browser' ? [browserTwins] : []),
      ...(oneFile
        ? []
        : platform === 'browser'
          ? [oneChunk(besideInference, inference), namespaces, pureCalls]
          : [required, oneChunk(besideNode, importedInNode)]),
      places,
    ],
    logLevel: 'warning',
  })
  checkPlaces(metafile)
  if (platform === 'browser') checkBrowser(metafile)
  for (const input of Object.keys(metafile.inputs)) {
    const folder = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1]
    if (folder) bundled.add(folder)
  }
}
// What `lanewise profile --html` writes into its page.
await build({
  entryPoints: ['src/view/profile-page.ts'],
  outfile: 'dist/profile-page.js',
  bundle: true,
  format: 'iife',
  loader: { '.css': 'text' },
  target: 'es2022',
  minify: true,
  logLevel: 'warning',
})
writeFileSync('dist/third-party-licenses.txt', [...[...bundled].sort().map(licenceOf), kernelLicences()].join('\n\n'))
recordBundles()

/** Nothing of Node may be left over. */
function checkBrowser({ inputs }: Metafile): void {
  for (const [file, { imports }] of Object.entries(inputs))
    for (const { path, external } of imports)
      if (external && path.startsWith('node:')) throw new Error(`${file} imports ${path} in the build for browsers`)
}

/** What is named by its place is named relative to the file that names it. */
function checkPlaces({ outputs }: Metafile): void {
  for (const [file, { inputs }] of Object.entries(outputs)) {
    if (Object.keys(inputs).some((input) => placed.test(input)) && relative('dist', dirname(file)) !== '')
      throw new Error(`${file} does not lie in dist/`)
  }
}

function licenceOf(folder: string): string {
  const { name, version, license, author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    name: string
    version: string
    license: string
    author?: string | { name: string }
  }
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
  const by = typeof author === 'object' ? author.name : author
  const text = file
    ? readFileSync(join(folder, file), 'utf8').trim()
    : `by ${by}, under ${license}: https://spdx.org/licenses/${license}.html`
  return `${name} ${version}\n\n${text}\n`
}

/**
 * What the WebAssembly files hold besides our own code: AssemblyScript's standard library, whose exp, expm1 and tanh of
 * float64 are musl's.
 */
function kernelLicences(): string {
  const source = readFileSync('node_modules/assemblyscript/std/assembly/math.ts', 'utf8')
  const sun = /(?:^\/\/.*\n)*^\/\/.*Sun Microsystems.*\n(?:^\/\/.*\n)*/m.exec(source)?.[0]
  if (!sun) throw new Error("the notice of AssemblyScript's math.ts is not where it was")
  const mit = /Permission is hereby granted[^]*$/.exec(readFileSync('LICENSE', 'utf8'))?.[0].trim()
  if (!mit) throw new Error('LICENSE is not the text that it was')
  return `${licenceOf('node_modules/assemblyscript')}
musl libc (in the kernels, by way of AssemblyScript's standard library)

Copyright (c) Rich Felker, et al.
Copyright (c) Arm Limited (exp, from Arm Optimized Routines)

${mit}

${sun.replaceAll(/^\/\/ ?/gm, '').trim()}
`
}
