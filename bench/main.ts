import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { writeFigures } from './figures.js'
import type { WorkResult } from './measure.js'
import { parseOptions, usage, type Options } from './options.js'
import { storeRatios, worseRatios } from './ratios.js'
import { markdown, summarizeResults, type Environment, type Report } from './report.js'
import { isTimedSuite } from './suites/index.js'
import { groupedByTime } from './suites/threads.js'
import { generationRatios, generationTable, type GenerationReport } from './generate/table.js'
import { scoreTable, type ScoreReport } from './score/table.js'
import { bundleServer } from './serve/bundle.js'
import { serveHolds, serveTable, type ServeReport } from './serve/table.js'
import { threadsTable, type ThreadsReport } from './threads/table.js'
import { bundleTfjs } from './train/bundle.js'
import { trainTable, type TrainReport } from './train/table.js'
import { targetRows } from './targets.js'
import { variantTable, writeTables, type VariantReport } from './variants/table.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const benchRoot = fileURLToPath(new URL('.', import.meta.url))

/** The peers live in a package of their own, which only the bench installs. */
function installPeers(): void {
  const there = (name: string): boolean => existsSync(join(benchRoot, 'node_modules', name, 'package.json'))
  if (['onnxruntime-node', 'autocannon'].every(there)) return
  console.log('installing what Lanewise is measured against: npm ci --prefix bench')
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' }
  const { status } = spawnSync('npm', ['ci', '--prefix', benchRoot], { stdio: 'inherit', env })
  if (status !== 0) throw new Error('the peers could not be installed')
}

function buildKernels(): void {
  if (existsSync(join(root, 'dist', 'wasm', 'inference-simd.wasm'))) return
  if (spawnSync('npm', ['run', 'build:wasm'], { stdio: 'inherit', cwd: root }).status !== 0)
    throw new Error('the kernels could not be built')
}

/** The Node to run in: this one, or the newer one among the peers, whichever way its package was installed. */
function nodeBinary(engine: Options['engine']): string {
  if (engine === 'node') return process.execPath
  const modules = join(benchRoot, 'node_modules')
  const platform = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  const places = [
    join(modules, 'node', 'bin', 'node'),
    join(modules, platform, 'bin', 'node'),
    join(modules, 'node', 'node_modules', platform, 'bin', 'node'),
  ]
  const found = places.find((place) => existsSync(place))
  if (!found) throw new Error(`the package "node" holds no binary (looked for ${places.join(', ')})`)
  return found
}

interface Measured {
  readonly environment: Environment
  readonly results: readonly WorkResult[]
}

/**
 * Runs a program in a Node of its own. Bundled, so that nothing but the code measured is between the call and the
 * kernel.
 */
async function runInNode<T>(entry: string, options: Options): Promise<T> {
  // Two levels below the root, where src/platform/wasm-files.ts finds the kernels; and inside bench/, where the peers
  // are found.
  const bundle = join(benchRoot, 'dist', 'run.mjs')
  await build({
    entryPoints: [join(benchRoot, entry)],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'es2022',
    packages: 'external',
    logLevel: 'warning',
  })
  const folder = mkdtempSync(join(tmpdir(), 'lanewise-bench-'))
  try {
    const file = join(folder, 'results.json')
    const { status } = spawnSync(nodeBinary(options.engine), [bundle, JSON.stringify(options), file], {
      stdio: 'inherit',
      cwd: root,
    })
    if (status !== 0) throw new Error(`the bench ended with status ${status}`)
    return JSON.parse(readFileSync(file, 'utf8')) as T
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Whether `--filter` leaves something of this name in. */
function asksFor({ filter }: Options, name: string): boolean {
  return new RegExp(filter, 'i').test(name)
}

/** Whether anything was measured: a filter that matches nothing is a misspelt one, or its models are not there. */
function anything(results: readonly unknown[], { suite, filter }: Options): boolean {
  if (results.length > 0) return true
  console.error(`nothing of ${suite} matches --filter '${filter}' (many works need models in LANEWISE_SHARED)`)
  return false
}

async function timedSuite(options: Options): Promise<boolean> {
  const { environment, results: measured } =
    options.engine === 'chromium'
      ? await (await import('./chromium.js')).runInChromium(options)
      : await runInNode<Measured>('node-run.ts', options)
  const results = options.suite === 'threads' ? groupedByTime(measured) : measured
  const report: Report = {
    suite: options.suite,
    date: new Date().toISOString(),
    quick: options.quick,
    environment,
    results,
    summary: summarizeResults(results),
    targets: targetRows(options.suite, environment.build, results),
  }
  console.log(`\n${markdown(report)}`)
  saveJson(options.json, report)
  const agrees = results.every((result) => result.disagreements.length === 0)
  if (!agrees) console.log('\nThere are disagreements.')
  // Of threads there are training steps, too.
  const some = options.suite === 'threads' || anything(results, options)
  return ratiosHold(options, environment, results) && agrees && some
}

/** Compares with the ratios that are stored, and stores these, as the options say. */
function ratiosHold(options: Options, ...[environment, results]: Parameters<typeof storeRatios>): boolean {
  const worse = options.check ? worseRatios(environment, results) : []
  for (const what of worse) console.log(`worse: ${what}`)
  if (options.store) storeRatios(environment, results)
  return worse.length === 0
}

function saveJson(file: string, content: object): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, JSON.stringify(content, null, 2) + '\n')
  console.log(`\n${file}`)
}

/** Forced variants beside each other: no peers. */
async function variants(options: Options): Promise<boolean> {
  const report = await runInNode<VariantReport>('variants/run.ts', options)
  console.log(`\n${variantTable(report)}`)
  saveJson(options.json, report)
  if (report.rows.length === 0) console.log('No layer can be computed in any of these ways.')
  return report.rows.length > 0 && report.rows.every(({ disagreements }) => disagreements.length === 0)
}

/** The library as it is built, in processes of their own. */
async function scoring(options: Options): Promise<ScoreReport> {
  if (spawnSync('npm', ['run', 'build:js'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] }).status !== 0)
    throw new Error('npm run build:js failed')
  await build({
    entryPoints: { 'score-process': join(benchRoot, 'score', 'process.ts') },
    outdir: join(benchRoot, 'dist'),
    outExtension: { '.js': '.mjs' },
    platform: 'node',
    format: 'esm',
    target: 'es2022',
    logLevel: 'warning',
  })
  return runInNode<ScoreReport>('score/run.ts', options)
}

/** What was trained writes: a token after a past that grows, which exported models are fed. */
const GENERATION = 'generation, growing past'

/** Training steps, as `train` and `threads` time them. */
async function training(options: Options): Promise<boolean> {
  const { suite, quick, json } = options
  const report = await runInNode<TrainReport>('train/run.ts', options)
  console.log(`\n${trainTable(report)}`)
  saveJson(json, { suite, date: new Date().toISOString(), quick, ...report })
  const held = ratiosHold(
    options,
    report.environment,
    report.results.map((result) => ({ suite, ...result })),
  )
  return held && (asksFor(options, GENERATION) || anything(report.results, options))
}

/**
 * Every engine with several threads: models and products, then training steps, what a shared call costs, and what more
 * cores would bring.
 */
async function threads(options: Options): Promise<boolean> {
  const wanted = (what: string) => asksFor(options, what)
  mkdirSync(join(benchRoot, 'dist'), { recursive: true })
  // Beside the bundle, where src/platform looks for what other threads run.
  copyFileSync(join(root, 'src/platform/thread.js'), join(benchRoot, 'dist/thread.js'))
  const held = await timedSuite(options)
  if (options.engine === 'chromium') return held
  const json = (part: string) => options.json.replace(/(\.json)?$/, `-${part}.json`)
  const steps =
    !wanted('training') || (await training({ ...options, filter: 'MLP|CNN|LSTM 28|LM', json: json('train') }))
  const report = await runInNode<ThreadsReport>('threads/run.ts', options)
  console.log(`\n${threadsTable(report)}`)
  saveJson(json('cores'), { suite: 'threads', date: new Date().toISOString(), quick: options.quick, ...report })
  return held && steps
}

async function main(): Promise<boolean> {
  if (process.argv[2] === 'figures') {
    const pages = [
      join(root, 'README.md'),
      join(root, 'docs/performance.md'),
      join(root, 'docs/performance/threads.md'),
    ] as const
    for (const said of writeFigures(join(root, 'bench/results'), ...pages)) console.log(said)
    return true
  }
  if (process.argv[2] === 'tables') {
    for (const page of writeTables(join(root, 'bench/results'), join(root, 'docs/performance'))) console.log(page)
    return true
  }
  let options
  try {
    options = parseOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`)
    return false
  }
  if (options === 'help') {
    console.log(usage)
    return true
  }
  if (options.variants.length > 0) {
    buildKernels()
    return variants(options)
  }
  // Scoring is measured beside itself.
  if (options.suite !== 'score' || options.engine !== 'node') installPeers()
  buildKernels()
  if (options.suite === 'threads') return threads(options)
  if (isTimedSuite(options.suite)) return timedSuite(options)
  if (options.suite === 'train') {
    if (options.engine === 'chromium') throw new Error('training is timed in Node only')
    await bundleTfjs(benchRoot)
    const held = await training(options)
    if (!asksFor(options, GENERATION)) return held
    const json = options.json.replace(/(\.json)?$/, '-generation.json')
    return (await timedSuite({ ...options, suite: 'sequence', filter: 'growing past', json })) && held
  }
  if (options.suite === 'generate') {
    if (options.engine === 'chromium') throw new Error('generation is timed in Node only')
    const report = await runInNode<GenerationReport>('generate/run.ts', options)
    console.log(`\n${generationTable(report)}`)
    saveJson(options.json, { suite: 'generate', date: new Date().toISOString(), quick: options.quick, ...report })
    const agrees = report.results.every(({ disagreements }) => disagreements.length === 0)
    return (
      ratiosHold(options, report.environment, generationRatios(report)) && agrees && anything(report.results, options)
    )
  }
  if (options.suite === 'serve') {
    if (options.engine === 'chromium') throw new Error('servers are timed in Node only')
    await bundleServer(benchRoot)
    const report = await runInNode<ServeReport>('serve/run.ts', options)
    console.log(`\n${serveTable(report)}`)
    saveJson(options.json, { suite: 'serve', date: new Date().toISOString(), quick: options.quick, ...report })
    return serveHolds(report)
  }
  if (options.suite === 'score') {
    if (options.engine === 'chromium') throw new Error('scoring is timed in Node only')
    const report = await scoring(options)
    console.log(`\n${scoreTable(report)}`)
    saveJson(options.json, { suite: 'score', date: new Date().toISOString(), quick: options.quick, ...report })
    return true
  }
  const node = nodeBinary(options.engine)
  const suite =
    options.suite === 'cold'
      ? await import('./suites/cold.js')
      : options.suite === 'create'
        ? await import('./suites/create.js')
        : await import('./suites/memory.js')
  const { report, text } = await suite.run({ options, node, root })
  console.log(`\n${text}`)
  saveJson(options.json, report)
  return true
}

process.exitCode = (await main()) ? 0 : 1
