import { parseArgs } from 'node:util'
import type { PeerName } from './peers/peer.js'

export const suites = [
  'kernels',
  'models',
  'quantized',
  'sequence',
  'train',
  'generate',
  'cold',
  'create',
  'memory',
  'serve',
  'score',
  'threads',
] as const
export type SuiteName = (typeof suites)[number]
export const engines = ['node', 'node24', 'chromium'] as const
export type Engine = (typeof engines)[number]
export const peerNames: readonly PeerName[] = [
  'onnxruntime-web',
  'onnxruntime-node',
  'tfjs-wasm',
  'jax-js',
  'one thread',
  'float32',
]

export interface Options {
  readonly suite: SuiteName
  readonly engine: Engine
  readonly build: 'auto' | 'simd' | 'relaxed'
  readonly filter: string
  readonly quick: boolean
  /** Of memory: sessions made and released to see what they leave behind; five times as many runs. */
  readonly cycles: number
  /** Of serve: many requests and the server's memory, instead of bursts beside other engines. */
  readonly soak: boolean
  /** Of a soak. */
  readonly requests: number
  readonly clock: 'wall' | 'cpu'
  /** How many threads every engine has: more than one in the suite threads only. */
  readonly threads: number
  readonly vs: readonly PeerName[]
  readonly json: string
  readonly check: boolean
  readonly store: boolean
  /** Of kernels: variants to force, as family/variant, all of one family. */
  readonly variants: readonly string[]
  /** Of kernels: layers around a family's thresholds instead of those of real models. */
  readonly sweep: boolean
}

export const usage = `npm run bench -- ${suites.join('|')} [options]
  --engine ${engines.join('|')}   where it runs; default: this Node
  --build simd|relaxed           default: what the engine has
  --filter REGEX                 only works whose name or group matches
  --vs ${peerNames.join(',')}
  --quick                        few rounds: does it run, do the answers agree; the figures are worth little
  --cycles N                     memory: create and release N sessions (default 1000) and run one 5 N times
  --soak                         serve: does memory stay flat over many requests
  --requests N                   of --soak (default 100000, with --quick 5000)
  --threads N                    threads: how many each engine has (default 2)
  --clock cpu                    counts the processor time of the process instead, on a machine that has other work (Node only)
  --json FILE                    default bench/results/SUITE-ENGINE.json
  --check                        fail if a ratio is worse than the stored one by more than 15 % and its noise
  --store                        store the ratios in bench/ratios.json
  --variant conv/im2col,conv/direct/taps
                                 kernels: these ways beside each other and the one that is chosen, wherever they can compute a layer
                                 (conv/direct: of several of a name the one that is chosen among them)
  --sweep                        with --variant: layers around the thresholds of the family instead of those of models
npm run bench -- tables          writes the tables of docs/performance that bench/results has figures for
npm run bench -- figures         writes the rows of README's table, and of the targets in docs/performance.md, that bench/results has reports of full runs for`

/**
 * What leads to all of them: "conv" of conv/gemv and conv/im2col, "conv-depthwise" of conv/depthwise/ring and
 * conv/depthwise/image.
 */
function commonPath([first, ...others]: readonly string[]): string {
  const parts = first.split('/').slice(0, -1)
  const shared = parts.filter((_, i) => others.every((name) => name.startsWith(`${parts.slice(0, i + 1).join('/')}/`)))
  return shared.join('-')
}

/** The command line. Throws with what is wrong. */
export function parseOptions(args: readonly string[]): Options | 'help' {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      engine: { type: 'string', default: 'node' },
      build: { type: 'string', default: 'auto' },
      filter: { type: 'string', default: '' },
      vs: { type: 'string', default: peerNames.join(',') },
      json: { type: 'string' },
      quick: { type: 'boolean', default: false },
      cycles: { type: 'string', default: '1000' },
      soak: { type: 'boolean', default: false },
      requests: { type: 'string' },
      clock: { type: 'string', default: 'wall' },
      threads: { type: 'string', default: '2' },
      check: { type: 'boolean', default: false },
      store: { type: 'boolean', default: false },
      variant: { type: 'string', default: '' },
      sweep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  const oneOf = <T extends string>(what: string, value: string | undefined, allowed: readonly T[]): T => {
    if (allowed.includes(value as T)) return value as T
    throw new Error(`${what} must be one of ${allowed.join(', ')}${value === undefined ? '' : `, not "${value}"`}`)
  }
  if (positionals.length > 1) throw new Error(`one suite at a time, not ${positionals.join(' and ')}`)
  const cycles = Number(values.cycles)
  if (!(Number.isInteger(cycles) && cycles >= 25))
    throw new Error(`--cycles must be a whole number of 25 or more, not "${values.cycles}"`)
  const requests = Number(values.requests ?? (values.quick ? 5000 : 100_000))
  if (!(Number.isInteger(requests) && requests >= 1000))
    throw new Error(`--requests must be a whole number of 1000 or more, not "${values.requests}"`)
  const threads = Number(values.threads)
  if (!(Number.isInteger(threads) && threads > 1 && threads <= 64))
    throw new Error(`--threads must be a whole number from 2 to 64, not "${values.threads}"`)
  const suite = oneOf('the suite', positionals[0], suites)
  const engine = oneOf('--engine', values.engine, engines)
  const variants = values.variant.split(',').filter((name) => name !== '')
  const families = new Set(variants.map((name) => name.split('/')[0]))
  if (variants.some((name) => !name.includes('/')) || families.size > 1)
    throw new Error(`--variant takes names of one family, as conv/im2col,conv/gemv, not "${values.variant}"`)
  if (variants.length > 0 && (suite !== 'kernels' || engine === 'chromium'))
    throw new Error('--variant is for the suite kernels in Node')
  if (values.sweep && variants.length === 0) throw new Error('--sweep needs --variant')
  if (values.soak && suite !== 'serve') throw new Error('--soak is for the suite serve')
  const name = values.soak
    ? 'serve-soak'
    : variants.length > 0
      ? `variants-${commonPath(variants)}${values.sweep ? '-sweep' : ''}`
      : suite
  return {
    suite,
    engine,
    build: oneOf('--build', values.build, ['auto', 'simd', 'relaxed'] as const),
    filter: values.filter,
    quick: values.quick,
    cycles,
    soak: values.soak,
    requests,
    clock: oneOf(
      '--clock',
      values.clock,
      engine === 'chromium' || suite === 'threads' ? (['wall'] as const) : (['wall', 'cpu'] as const),
    ),
    threads: suite === 'threads' ? threads : 1,
    vs: values.vs.split(',').map((name) => oneOf('--vs', name, peerNames)),
    json: values.json ?? `bench/results/${name}-${engine}.json`,
    check: values.check,
    store: values.store,
    variants,
    sweep: values.sweep,
  }
}
