import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { defineConfig } from 'vitest/config'

/** What examples import is the source here; tests/docs runs them from the packed package. */
const entries = {
  lanewise: 'node',
  'lanewise/ops': 'own-ops',
  'lanewise/generate': 'generate',
  'lanewise/quantize': 'quantize',
  'lanewise/serve': 'serve',
  'lanewise/train': 'train',
  'lanewise/train/functional': 'train-functional',
}

/**
 * A process of its own and the sources loaded anew cost a second of processor time for each file of tests. These do with what files before them have loaded:
 * they depend on no registry, environment or mock that another could have changed, and leave nothing changed themselves.
 */
const together = [
  'api',
  'cli',
  'core',
  'data',
  'docs',
  'hostile',
  'house',
  'kernels',
  'onnx',
  'ops',
  'passes',
  'plan',
  'serve',
  'support',
  'text',
]
/** In those rooms, what mocks a module, a global or registers operators, starts threads, or fills the memory of a process with large models. */
const exceptions = [
  'tests/api/{builder,drop-in,float16-models,kernels,model-cache,models,own-emitters,own-operators,package}.test.ts',
  'tests/api/{training-bundle,wrong-arguments,wrong-arguments-train,threads/*}.test.ts',
  'tests/hostile/download.test.ts',
  'tests/onnx/graph-tools.test.ts',
  'tests/plan/variations.test.ts',
  'tests/training/autograd/own-gradients.test.ts',
]
/** Those of tests/clients install packages: `npm run test:clients`. */
const alone = readdirSync(new URL('tests', import.meta.url)).filter(
  (room) => ![...together, 'training', 'clients'].includes(room),
)
const filesOf = (rooms: readonly string[]) => rooms.map((room) => `tests/${room}/**/*.test.ts`)

/** What takes longest, longest first: begun last, one of them would keep a single core busy when all others are done. */
const longest = [
  'docs/samples',
  'runtimes/browser-training',
  'hostile/fuzz',
  'api/package',
  'serve/kills',
  'api/models',
  'runtimes/browser',
  'site/page',
  'serve/score',
  'cli/commands',
  'hostile/large-graphs',
  'onnx/differential',
  'ops/gradients',
  'ops/operand-types',
  'training/transformer-lm/model',
  'plan/determinism',
  'training/train/resume',
  'onnx/cases',
].map((name) => `/tests/${name}.test.ts`)

/** Those that share processes come last, and beside each other. */
const order = ['alone', 'training', 'together']

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const projectOf = ({ project }: TestSpecification) => order.indexOf(project.name)
    const placeOf = ({ moduleId }: TestSpecification) => {
      const place = longest.findIndex((name) => moduleId.endsWith(name))
      return place < 0 ? longest.length : place
    }
    return (await super.sort(files)).sort((a, b) => projectOf(a) - projectOf(b) || placeOf(a) - placeOf(b))
  }
}

/** `npm run test:kernels` has one target compiled and notes which kernels are called. */
const quick = process.env.LANEWISE_KERNELS ? ['tests/support/set-up/one-target.ts'] : []
const nothingLeft = 'tests/support/set-up/nothing-left.ts'

const alias = Object.entries(entries).map(([name, file]) => ({
  find: new RegExp(`^${name}$`),
  replacement: new URL(`src/${file}.ts`, import.meta.url).pathname,
}))
const project = (test: {
  name: string
  include: string[]
  exclude?: string[]
  isolate?: boolean
  setupFiles?: string[]
}) => ({
  resolve: { alias },
  test: {
    testTimeout: 120_000,
    pool: 'forks' as const,
    ...test,
    setupFiles: [
      'tests/support/set-up/one-thread.ts',
      'tests/support/set-up/again.ts',
      ...quick,
      ...(test.setupFiles ?? []),
    ],
  },
})

export default defineConfig({
  test: {
    // What is transformed for one project need not be for the others, nor at the next run.
    experimental: { fsModuleCache: true },
    globalSetup: ['tests/support/set-up/build.ts'],
    // One more than there are cores: some wait for a browser, a server or a process.
    maxWorkers: availableParallelism() + 1,
    sequence: { sequencer: LongestFirst },
    projects: [
      project({ name: 'alone', include: [...filesOf(alone), ...exceptions] }),
      project({
        name: 'training',
        include: filesOf(['training']),
        exclude: exceptions,
        isolate: false,
        setupFiles: [nothingLeft, 'tests/support/set-up/no-device.ts'],
      }),
      project({
        name: 'together',
        include: filesOf(together),
        exclude: exceptions,
        isolate: false,
        setupFiles: [nothingLeft],
      }),
    ],
  },
})
