import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import type { Job } from '../fresh-process.js'
import type { Options } from '../options.js'
import { serializeWork, type Work } from '../work.js'
import { processor } from '../processor.js'

export interface FreshRun {
  readonly options: Options
  /** The Node to start. */
  readonly node: string
  readonly root: string
}

/** The two that are compared, as import() finds them from bench/dist. */
export const libraries = { lanewise: 'dist/node.js', 'onnxruntime-web': 'onnxruntime-web' } as const
export type LibraryName = keyof typeof libraries

/**
 * Starts processes that each do one thing with one engine. The library is measured as it is installed: built, not from
 * source.
 */
export class FreshProcesses {
  private readonly folder = mkdtempSync(join(tmpdir(), 'lanewise-bench-'))

  private constructor(
    private readonly run: FreshRun,
    private readonly bundle: string,
  ) {}

  static async create(run: FreshRun): Promise<FreshProcesses> {
    if (run.options.engine === 'chromium') throw new Error('this suite starts processes: --engine node or node24')
    if (spawnSync('npm', ['run', 'build:js'], { cwd: run.root, stdio: ['ignore', 'ignore', 'inherit'] }).status !== 0)
      throw new Error('npm run build:js failed')
    const bundle = join(run.root, 'bench', 'dist', 'fresh-process.mjs')
    await build({
      entryPoints: [join(run.root, 'bench', 'fresh-process.ts')],
      outfile: bundle,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'es2022',
      logLevel: 'warning',
    })
    return new FreshProcesses(run, bundle)
  }

  /** Puts a model and its inputs into files. */
  save(work: Work): Pick<Job, 'modelPath' | 'workPath'> {
    const modelPath = join(this.folder, 'model.onnx')
    const workPath = join(this.folder, 'inputs.bin')
    writeFileSync(modelPath, work.model)
    writeFileSync(workPath, serializeWork({ ...work, model: new Uint8Array(0), feeds: work.feeds.slice(0, 1) }))
    return { modelPath, workPath }
  }

  /** What the process says, or why it says nothing. */
  start<T>(library: LibraryName, job: Omit<Job, 'library' | 'build'>): T | { failed: string } {
    const { node, root, options } = this.run
    const name = libraries[library]
    const whole: Job = {
      ...job,
      library: name.startsWith('dist/') ? pathToFileURL(join(root, name)).href : name,
      build: options.build,
    }
    const done = spawnSync(node, ['--expose-gc', this.bundle, JSON.stringify(whole)], { cwd: root, encoding: 'utf8' })
    const line = done.stdout.trim().split('\n').at(-1) ?? ''
    if (done.status !== 0 || !line.startsWith('{'))
      return { failed: (/\w*Error: .*/.exec(done.stderr)?.[0] ?? done.stderr).slice(0, 300) }
    return JSON.parse(line) as T
  }

  /** "v24.21.0, AMD EPYC". */
  describe(): string {
    const version = spawnSync(this.run.node, ['--version'], { encoding: 'utf8' }).stdout.trim()
    return `Node ${version.slice(1)}, ${this.run.options.build} build, ${processor()}`
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true })
  }
}

export function failed(result: object): result is { failed: string } {
  return 'failed' in result
}
