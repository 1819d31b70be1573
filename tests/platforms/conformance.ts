// What every place that runs JavaScript has to do, as one list: bundled into a file without imports, which each place
// gets with its own copy of the library.
import type * as Lanewise from '../../src/node.js'
import type * as Training from '../../src/train.js'
import { trainSmall } from '../runtimes/train-program.js'
import type { Fixture } from './fixture.js'

export { trainSmall }

/** A place as the list sees it. */
export interface Place {
  readonly lanewise: typeof Lanewise
  readonly train: typeof Training
  readonly fixture: Fixture
  /** Where `small.onnx` is served. */
  readonly origin: string
  /** `small.onnx` in the file system, where there is one. */
  readonly path?: string
  /** Compiled kernels, where nothing may be compiled or fetched. */
  readonly wasmModule?: Lanewise.SessionOptions['wasmModule']
  /** Those of training. */
  readonly trainModule?: WebAssembly.Module
  /** Runs the small model on the image in a worker. Why there is none, if it is a string. */
  readonly inWorker: (() => Promise<readonly number[]>) | string
}

/** For each check "ok", what is wrong, or after a dash why it does not apply. */
export type Report = Record<string, string>

/** Goes through the list. */
export async function conformance(place: Place): Promise<Report> {
  const report: Report = {}
  for (const [name, check] of Object.entries(checks)) {
    try {
      report[name] = (await check(place)) ?? 'ok'
    } catch (error) {
      report[name] = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    }
  }
  return report
}

/** The scores of the small model for the image: what a worker computes as well. */
export async function classify(
  { lanewise, fixture, wasmModule }: Pick<Place, 'lanewise' | 'fixture' | 'wasmModule'>,
  model: unknown = decoded(fixture.small),
  options: Lanewise.SessionOptions = {},
): Promise<number[]> {
  const session = await lanewise.InferenceSession.create(model as Uint8Array, {
    deterministic: true,
    wasmModule,
    ...options,
  })
  const { scores } = await session.run({ image: imageOf(lanewise, fixture) })
  const numbers = Array.from(scores.data as Float32Array)
  await session.release()
  return numbers
}

const checks: Record<string, (place: Place) => Promise<string | void>> = {
  async bytes(place) {
    equal(await classify(place), place.fixture.scores)
  },

  async path(place) {
    if (place.path === undefined) return '– no file system'
    equal(await classify(place, place.path), place.fixture.scores)
  },

  async URL(place) {
    const seen: number[] = []
    const { fixture, origin } = place
    const location = `${origin}/small.onnx`
    equal(await classify(place, location, { onProgress: ({ loaded }) => void seen.push(loaded) }), fixture.scores)
    equal(seen.at(-1), decoded(fixture.small).length)
    equal(await classify(place, new URL(location)), fixture.scores)
  },

  async Response(place) {
    equal(await classify(place, await fetch(`${place.origin}/small.onnx`)), place.fixture.scores)
  },

  async Blob(place) {
    equal(await classify(place, new Blob([decoded(place.fixture.small)])), place.fixture.scores)
  },

  async stream(place) {
    equal(await classify(place, new Blob([decoded(place.fixture.small)]).stream()), place.fixture.scores)
  },

  async 'the faster build'(place) {
    // Within single precision: fused multiply-add rounds once.
    const { lanewise, fixture, wasmModule } = place
    const session = await lanewise.InferenceSession.create(decoded(fixture.small), { wasmModule })
    const { scores } = await session.run({ image: imageOf(lanewise, fixture) })
    fixture.scores.forEach((score, i) => {
      const off = Math.abs((scores.data as Float32Array)[i] - score)
      if (!(off <= 1e-5 + 1e-5 * Math.abs(score))) throw new Error(`score ${i} is off by ${off}`)
    })
    await session.release()
  },

  async 'without a promise'({ lanewise, fixture, wasmModule }) {
    const session = lanewise.InferenceSession.createSync(decoded(fixture.small), { deterministic: true, wasmModule })
    const { scores } = session.runSync({ image: imageOf(lanewise, fixture) })
    equal(Array.from(scores.data as Float32Array), fixture.scores)
    await session.release()
  },

  async float16({ lanewise, fixture, wasmModule }) {
    const session = await lanewise.InferenceSession.create(decoded(fixture.half), { deterministic: true, wasmModule })
    const image = new lanewise.Tensor('float16', new Uint16Array(fixture.halfImage), [1, 1, 12, 12])
    const { scores } = await session.run({ image })
    // A Float16Array where the engine has one, the bits elsewhere.
    const { buffer, byteOffset, length } = scores.data as Uint16Array
    equal(Array.from(new Uint16Array(buffer, byteOffset, length)), fixture.halfScores)
    await session.release()
  },

  async states({ lanewise, fixture, wasmModule }) {
    const options = { deterministic: true, wasmModule, states: { h: 'hn' } }
    const session = await lanewise.InferenceSession.create(decoded(fixture.stream), options)
    const outputs: number[] = []
    for (let step = 0; step < fixture.streamInput.length; step += 4) {
      const x = new lanewise.Tensor('float32', fixture.streamInput.slice(step, step + 4), [1, 1, 4])
      const first: Record<string, Lanewise.Tensor> =
        step === 0 ? { h: new lanewise.Tensor('float32', new Float32Array(6), [1, 1, 6]) } : {}
      const { y } = await session.run({ x, ...first })
      outputs.push(...(y.data as Float32Array))
    }
    equal(outputs, fixture.streamOutput)
    await session.release()
  },

  async 'a rare operator'({ lanewise, fixture, wasmModule }) {
    const session = await lanewise.InferenceSession.create(decoded(fixture.rare), { wasmModule })
    const { y } = await session.run({ x: new lanewise.Tensor('float32', [1, 2, 3, 4], [2, 2]) })
    equal(Array.from(y.data as Float32Array), [-2])
    await session.release()
  },

  async 'a cache'(place) {
    const storage = globalThis.caches as CacheStorage | undefined
    if (!storage?.open) return '– no Cache API'
    const { fixture, origin } = place
    const location = `${origin}/small.onnx`
    for (let time = 0; time < 2; time++)
      equal(await classify(place, location, { cache: 'lanewise-test' }), fixture.scores)
    const kept = await (await storage.open('lanewise-test')).match(location)
    equal((await kept?.arrayBuffer())?.byteLength, decoded(fixture.small).length)
  },

  async 'memory comes back'({ lanewise, fixture, wasmModule }) {
    // More than a page of Chromium has at a time.
    for (let i = 0; i < 300; i++) {
      const session = await lanewise.InferenceSession.create(decoded(fixture.small), { wasmModule })
      await session.run({ image: imageOf(lanewise, fixture) })
      await session.release()
    }
  },

  async 'many sessions in one memory'({ lanewise, fixture, wasmModule }) {
    const options = { deterministic: true, wasmModule }
    const first = await lanewise.InferenceSession.create(decoded(fixture.small), options)
    const others: Lanewise.InferenceSession[] = []
    for (let i = 0; i < 200; i++)
      others.push(await lanewise.InferenceSession.create(decoded(fixture.small), { ...options, context: first }))
    const { scores } = await others[199].run({ image: imageOf(lanewise, fixture) })
    equal(Array.from(scores.data as Float32Array), fixture.scores)
    for (const session of [...others, first]) await session.release()
  },

  async 'warm-up'(place) {
    equal(await classify(place, undefined, { warmUp: { image: [1, 1, 12, 12] } }), place.fixture.scores)
  },

  async abort({ lanewise, fixture, wasmModule }) {
    const { InferenceSession, LanewiseError } = lanewise
    const controller = new AbortController()
    controller.abort()
    const { signal } = controller
    const options = { deterministic: true, wasmModule }
    const refuse = refusal(LanewiseError)
    equal(await refuse(InferenceSession.create(decoded(fixture.small), { ...options, signal })), 'E_STATE')
    const session = await InferenceSession.create(decoded(fixture.small), options)
    const feeds = { image: imageOf(lanewise, fixture) }
    equal(await refuse(session.run(feeds, { signal })), 'E_STATE')
    equal(Array.from((await session.run(feeds)).scores.data as Float32Array), fixture.scores)
    await session.release()
  },

  async profile({ lanewise, fixture, wasmModule }) {
    const session = await lanewise.InferenceSession.create(decoded(fixture.small), { wasmModule, profile: true })
    await session.run({ image: imageOf(lanewise, fixture) })
    const ops = session.lastProfile?.map(({ op }) => op).join() ?? ''
    if (!/Conv/.test(ops)) throw new Error(`the profile shows ${ops}`)
    await session.release()
  },

  async errors({ lanewise, fixture, origin, wasmModule }) {
    const { InferenceSession, LanewiseError, Tensor } = lanewise
    const refuse = refusal(LanewiseError)
    const options = { wasmModule }
    equal(await refuse(InferenceSession.create(new Uint8Array([1, 2, 3]), options)), 'E_PARSE')
    equal(await refuse(InferenceSession.create(`${origin}/nowhere.onnx`, options)), 'E_PARSE')
    // Nothing listens at port 9 (discard), which browsers do not even try.
    equal(await refuse(InferenceSession.create('http://127.0.0.1:9/small.onnx', options)), 'E_EXTERNAL')
    const session = await InferenceSession.create(decoded(fixture.small), options)
    equal(await refuse(session.run({ image: new Tensor('float32', [1], [1, 1]) })), 'E_TENSOR')
    await session.release()
    equal(await refuse(session.run({ image: imageOf(lanewise, fixture) })), 'E_STATE')
  },

  async worker({ inWorker, fixture }) {
    if (typeof inWorker === 'string') return `– ${inWorker}`
    equal(await inWorker(), fixture.scores)
  },

  async 'train 20 steps'({ train, fixture, trainModule }) {
    const { steps, weights } = await trainSmall(train, { steps: 20, wasmModule: trainModule })
    equal(steps, 20)
    equal(weights, fixture.trained)
  },
}

function imageOf(lanewise: typeof Lanewise, fixture: Fixture): Lanewise.Tensor {
  return new lanewise.Tensor('float32', new Float32Array(fixture.image), [1, 1, 12, 12])
}

/** The code by which something is refused; "done" if it is not, and what else was thrown. */
function refusal(known: typeof Lanewise.LanewiseError): (attempt: Promise<unknown>) => Promise<string> {
  return (attempt) =>
    attempt.then(
      () => 'done',
      (error: unknown) => (error instanceof known ? error.code : String(error)),
    )
}

function decoded(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
}

function equal(actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (a !== b) throw new Error(`${a} instead of ${b}`)
}
