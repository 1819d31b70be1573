import { present } from '../src/core/errors.js'
import type { HostTensor } from '../src/core/host.js'
import { agrees, compareValues, describeComparison, modelTolerance, nearer } from '../tests/support/agreement.js'
import type { Peaks } from '../src/inspect/peaks.js'
import type { EngineName, Loaded, Peer, PeerName } from './peers/peer.js'
import { median, pairedRatio, summarize, type Ratio, type Summary } from './statistics.js'
import type { Work } from './work.js'

export interface WorkResult {
  readonly suite: string
  readonly group: string
  readonly name: string
  readonly flops?: number
  /** Why Lanewise did not run it; then nothing else is there. */
  readonly failed?: string
  readonly times: Readonly<Partial<Record<EngineName, Summary>>>
  /** How many times as long a peer takes for a run, data in and out included. */
  readonly ratios: Readonly<Partial<Record<PeerName, Ratio>>>
  /** The same for kernels alone: the peer's run less that of its Identities over Lanewise's time in kernels. */
  readonly kernelRatios: Readonly<Partial<Record<PeerName, Ratio>>>
  readonly kernel?: Summary
  /** Of the time a register-only loop of multiply-adds takes for these operations, over that of the kernels. */
  readonly shareOfPeak?: Ratio
  /** The same for reading what has to be read. */
  readonly shareOfBandwidth?: Ratio
  /** Answers of Lanewise that are not those of the reference. */
  readonly disagreements: readonly string[]
  /** Peers that could not do it or that disagree with the reference. */
  readonly notes: readonly string[]
}

export interface MeasureOptions {
  readonly quick: boolean
  /** Kernel times and shares of the peak are asked for. */
  readonly kernels: boolean
}

/** Something that is sampled in turn with others. Milliseconds per run. */
interface Runner {
  readonly label: string
  sample(round: number): Promise<number>
  readonly samples: number[]
  /** One run, as the warm-up saw it. */
  cost: number
}

const identityLabel = (engine: string, i: number | ''): string => `${engine} identity ${i}`

const clock = (): number => performance.now()

/** A runner that repeats runs until a sample is long enough for the clock, with the inputs in turn. */
function timed(label: string, loaded: Loaded, inputs: number): Runner {
  let runs = 0
  const runner: Runner = {
    label,
    samples: [],
    cost: 0,
    async sample() {
      const repeats = Math.min(64, Math.max(1, Math.ceil(1 / runner.cost)))
      const start = clock()
      for (let i = 0; i < repeats; i++) await loaded.run(runs++ % inputs)
      return (clock() - start) / repeats
    },
  }
  return runner
}

/**
 * A runner that makes a session anew for every sample. What each has been given before the clock starts is the same.
 */
function timedAfresh(label: string, load: () => Promise<Loaded>, inputs: number, untimed: number): Runner {
  return {
    label,
    samples: [],
    cost: 0,
    async sample() {
      const loaded = await load()
      try {
        for (let i = 0; i < untimed; i++) await loaded.run(i)
        const start = clock()
        for (let i = untimed; i < inputs; i++) await loaded.run(i)
        return (clock() - start) / (inputs - untimed)
      } finally {
        await loaded.release()
      }
    },
  }
}

/** Warm: every engine compiles its hot loops in the background, and is faster some runs later. */
async function warmUp(runner: Runner, quick: boolean): Promise<void> {
  const end = clock() + (quick ? 60 : 250)
  runner.cost = Infinity
  for (let i = 0; i < (quick ? 2 : 3) || (clock() < end && i < 200); i++)
    runner.cost = Math.min(runner.cost, Math.max(await runner.sample(i), 1e-4))
}

/**
 * A B C A B C …, beginning with another one each round, until time is up. What is very slow is sampled in the first
 * rounds only.
 */
async function interleave(runners: readonly Runner[], quick: boolean): Promise<void> {
  const budget = quick ? 400 : 2500
  const most = quick ? 9 : 61
  const least = quick ? 3 : 7
  const start = clock()
  for (let round = 0; round < most && (round < least || clock() - start < budget); round++) {
    for (let i = 0; i < runners.length; i++) {
      const runner = runners[(i + round) % runners.length]
      if (round >= 3 && runner.cost > budget / 5) continue
      runner.samples.push(await runner.sample(round))
    }
  }
}

type Outputs = ReadonlyMap<string, HostTensor>

/** Every output of the reference that the answer does not agree with. */
function differences(actual: Outputs, reference: Outputs, steps: Work['steps'] = {}): string[] {
  return [...reference].flatMap(([name, expected]) => {
    const comparison = compareValues(actual.get(name), expected, { ...modelTolerance, absolute: steps[name] })
    return agrees(comparison) ? [] : [`${name}: ${describeComparison(comparison)}`]
  })
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 300)

/** Loads a work in every engine, compares the answers, and times the engines in turn. Lanewise is the first peer. */
export async function measureWork(
  work: Work,
  peers: readonly Peer[],
  peaks: Peaks,
  options: MeasureOptions,
): Promise<WorkResult> {
  const { suite, group, name, flops } = work
  const result = { suite, group, name, flops, times: {}, ratios: {}, kernelRatios: {}, disagreements: [], notes: [] }
  const loaded = new Map<string, Loaded>()
  const notes: string[] = []
  try {
    try {
      loaded.set('lanewise', present(await peers[0].load(work), 'work for Lanewise'))
    } catch (error) {
      return { ...result, failed: message(error) }
    }
    for (const peer of peers.slice(1)) {
      try {
        const done = await peer.load(work)
        if (!done) continue
        loaded.set(peer.name, done)
        for (const [i, identity] of (options.kernels ? (work.identities ?? []) : []).entries()) {
          const copies = await peer.loadIdentity(identity)
          if (copies) loaded.set(identityLabel(peer.name, i), copies)
        }
      } catch (error) {
        notes.push(`${peer.name} cannot load it: ${message(error)}`)
      }
    }
    let disagreements: string[]
    try {
      disagreements = await compareAnswers(work, peers, loaded, notes)
    } catch (error) {
      return { ...result, failed: message(error) }
    }
    const { firstMet, feeds } = work
    const runners = [...loaded].map(([label, engine]) => {
      const peer = peers.find(({ name }) => name === label)
      if (firstMet === undefined || !peer) return timed(label, engine, feeds.length)
      return timedAfresh(label, async () => present(await peer.load(work), label), feeds.length, firstMet)
    })
    const { kernelTime } = present(loaded.get('lanewise'), 'Lanewise')
    if (options.kernels && kernelTime) runners.push(kernelRunner(kernelTime, work.feeds.length))
    if (options.kernels && flops) runners.push(plainRunner('peak', () => peaks.timeOfFlops(flops)))
    const { bytesRead } = work
    if (bytesRead) runners.push(plainRunner('bandwidth', () => peaks.timeOfReading(bytesRead)))
    for (const runner of runners) await warmUp(runner, options.quick)
    await interleave(runners, options.quick)
    return { ...result, ...evaluate(runners), disagreements, notes }
  } finally {
    for (const engine of loaded.values()) await engine.release()
  }
}

function plainRunner(label: string, time: () => number): Runner {
  return { label, samples: [], cost: 0, sample: async () => time() }
}

function kernelRunner(kernelTime: NonNullable<Loaded['kernelTime']>, inputs: number): Runner {
  const runner: Runner = {
    label: 'kernel',
    samples: [],
    cost: 0,
    async sample(round) {
      // The first run after another engine's finds its operands gone from the caches; timed runs repeat too.
      await kernelTime(round % inputs)
      const repeats = Math.min(16, Math.max(1, Math.ceil(1 / runner.cost)))
      let sum = 0
      for (let i = 1; i <= repeats; i++) sum += await kernelTime((round + i) % inputs)
      return sum / repeats
    },
  }
  return runner
}

/** What Lanewise answers against onnxruntime, native before web; engines that fail are struck from the list. */
async function compareAnswers(
  work: Work,
  peers: readonly Peer[],
  loaded: Map<string, Loaded>,
  notes: string[],
): Promise<string[]> {
  const answers = new Map<string, Outputs[]>()
  for (const [label, engine] of [...loaded]) {
    if (label.includes(' identity ')) continue
    try {
      const outputs = []
      for (let i = 0; i < work.feeds.length; i++) outputs.push(await engine.outputs(i))
      answers.set(label, outputs)
    } catch (error) {
      if (label === 'lanewise') throw error
      notes.push(`${label} cannot run it: ${message(error)}`)
      for (const [key, engine] of [...loaded]) {
        if (key !== label && !key.startsWith(identityLabel(label, ''))) continue
        await engine.release()
        loaded.delete(key)
      }
    }
  }
  const answersOf = (label: string) => present(answers.get(label), `answer of ${label}`)
  const compare = (a: string, b: string): string[] =>
    answersOf(a).flatMap((outputs, i) =>
      differences(outputs, answersOf(b)[i], work.steps).map((what) => `input ${i}, ${what}`),
    )
  const others = ['onnxruntime-node', 'onnxruntime-web'].filter((label) => answers.has(label))
  // Without another engine, one thread is the reference for several.
  const references = others.length > 0 ? others : ['one thread'].filter((label) => answers.has(label))
  if (references.length === 0) return ['there is no reference to compare with']
  const verdicts = references.map((label) => compare('lanewise', label).map((what) => `${label}: ${what}`))
  for (const label of answers.keys()) {
    // What a model was before it was quantised answers otherwise.
    if (label === 'float32' || label === 'lanewise' || label === references[0]) continue
    const what = compare(label, references[0])
    if (what.length > 0) notes.push(`${label} disagrees with ${references[0]} (${what[0]})`)
  }
  // Where the two onnxruntimes differ from each other, as quantised models do, agreeing with one of them is right.
  if (verdicts.some((verdict) => verdict.length === 0)) {
    for (const verdict of verdicts) if (verdict.length > 0) notes.push(`lanewise disagrees with ${verdict[0]}`)
    return []
  }
  if (await nearerAsWritten(work, peers, answersOf('lanewise'), answersOf(references[0]))) {
    notes.push(`lanewise disagrees with ${verdicts[0][0]}, but is nearer to the model as it is written than that`)
    return []
  }
  return verdicts[0]
}

/** Whether answers are nearer than the reference's to those of the model with nothing fused. */
async function nearerAsWritten(
  work: Work,
  peers: readonly Peer[],
  answers: readonly Outputs[],
  references: readonly Outputs[],
): Promise<boolean> {
  const written = await peers.find((peer) => peer.loadAsWritten)?.loadAsWritten?.(work)
  if (!written) return false
  try {
    for (let i = 0; i < answers.length; i++) {
      for (const [name, exact] of await written.outputs(i)) {
        const [ours, theirs] = [answers, references].map((outputs) =>
          compareValues(outputs[i].get(name), exact, { ...modelTolerance, absolute: work.steps?.[name] }),
        )
        if (!agrees(ours) && !nearer(ours, theirs)) return false
      }
    }
    return true
  } finally {
    await written.release()
  }
}

type Measured = Pick<WorkResult, 'times' | 'ratios' | 'kernelRatios' | 'kernel' | 'shareOfPeak' | 'shareOfBandwidth'>

function evaluate(runners: readonly Runner[]): Measured {
  const samples = new Map(runners.map((runner) => [runner.label, runner.samples]))
  const ours = present(samples.get('lanewise'), 'time of Lanewise')
  const kernel = samples.get('kernel')
  const times: Partial<Record<EngineName, Summary>> = {}
  const ratios: Partial<Record<PeerName, Ratio>> = {}
  const kernelRatios: Partial<Record<PeerName, Ratio>> = {}
  for (const [label, values] of samples) {
    if (['kernel', 'peak', 'bandwidth'].includes(label) || label.includes(' identity ')) continue
    times[label as EngineName] = summarize(values)
    if (label === 'lanewise') continue
    ratios[label as PeerName] = pairedRatio(values, ours)
    const identities = [0, 1].map((i) => samples.get(identityLabel(label, i))).filter((each) => each !== undefined)
    if (identities.length > 0 && kernel) {
      const identity = values
        .map((_, i) => identities.reduce((sum, times) => sum + times[i], 0) / identities.length)
        .filter((time) => !Number.isNaN(time))
      const net = identity.map((time, i) => values[i] - time)
      // Where data in and out is nearly all of a run, the difference is noise and no figure.
      if (median(net) > 0.1 * median(identity)) kernelRatios[label as PeerName] = pairedRatio(net, kernel)
    }
  }
  const share = (label: string): Ratio | undefined => {
    const ideal = samples.get(label)
    return ideal && pairedRatio(ideal, kernel ?? ours)
  }
  return {
    times,
    ratios,
    kernelRatios,
    kernel: kernel && summarize(kernel),
    shareOfPeak: share('peak'),
    shareOfBandwidth: share('bandwidth'),
  }
}
