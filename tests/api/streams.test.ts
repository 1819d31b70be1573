import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { HostTensor } from '../../src/core/host.js'
import { InferenceSession, Tensor } from '../../src/node.js'
import { onnxruntimeWeb } from '../conformance/engines.js'
import { agrees, compareTensors, describeComparison, modelTolerance } from '../support/agreement.js'
import { realSamples, realSpectrum } from '../support/fourier.js'
import { skipUnlessShared } from '../support/shared.js'
import { readWav } from '../support/formats/wav.js'
import { builds } from '../support/wasm.js'

/** A model that is run chunk by chunk: what it returns under one name is fed back under another. */
interface Stream {
  /** Runs one chunk; the states stay within. */
  run(feeds: Readonly<Record<string, HostTensor>>): Promise<HostTensor>
  release(): Promise<void>
}

/** States by the input that takes them, with the output that makes the next. */
type States = Readonly<Record<string, { readonly shape: readonly number[]; readonly next: string }>>

const zeros = (shape: readonly number[]): Float32Array => new Float32Array(shape.reduce((a, b) => a * b, 1))

/**
 * In Lanewise: every state has one tensor, which is fed and which the next state is written to. So a run copies it into
 * the arena and out again, and nothing is allocated for it.
 */
async function lanewiseStream(
  bytes: Uint8Array,
  build: 'simd' | 'relaxed',
  output: string,
  states: States,
): Promise<Stream> {
  const session = await InferenceSession.create(bytes, { build, logLevel: 'error' })
  const kept: Record<string, Tensor> = {}
  const fetches: Record<string, Tensor | null> = { [output]: null }
  for (const [name, { shape, next }] of Object.entries(states)) {
    kept[name] = new Tensor('float32', zeros(shape), shape)
    fetches[next] = kept[name]
  }
  let runs = 0
  let after: unknown
  return {
    async run(feeds) {
      const tensors = Object.entries(feeds).map(
        ([name, { dtype, data, shape }]) =>
          [name, new Tensor(dtype as 'float32', data as Float32Array, shape)] as const,
      )
      const results = await session.run({ ...Object.fromEntries(tensors), ...kept }, fetches)
      for (const [name, { next }] of Object.entries(states)) expect(results[next]).toBe(kept[name])
      // One plan, and no memory that grows with the stream.
      if (++runs === 2) after = session.memory
      if (runs > 2) expect(session.memory).toEqual(after)
      const { dims, data } = results[output]
      return { dtype: 'float32', shape: dims, data: data as Float32Array }
    },
    release: () => session.release(),
  }
}

async function referenceStream(bytes: Uint8Array, output: string, states: States): Promise<Stream> {
  const model = await (await onnxruntimeWeb()).load(bytes)
  const kept = new Map<string, HostTensor>(
    Object.entries(states).map(([name, { shape }]) => [name, { dtype: 'float32', shape, data: zeros(shape) }]),
  )
  return {
    async run(feeds) {
      const results = (await model.run(new Map([...Object.entries(feeds), ...kept]))) as Map<string, HostTensor>
      for (const [name, { next }] of Object.entries(states)) kept.set(name, results.get(next)!)
      return results.get(output)!
    },
    release: () => model.release(),
  }
}

const float32 = (shape: readonly number[], data: ArrayLike<number>): HostTensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(data),
})

/** What a stream says, chunk after chunk, as one tensor. */
function joined(chunks: readonly HostTensor[]): HostTensor {
  return float32(
    [chunks.reduce((sum, { data }) => sum + data.length, 0)],
    chunks.flatMap(({ data }) => Array.from(data as Float32Array)),
  )
}

function expectAgreement(actual: HostTensor, expected: HostTensor, absolute = 0): void {
  const comparison = compareTensors(actual, expected, { ...modelTolerance, absolute })
  if (!agrees(comparison)) expect.fail(describeComparison(comparison))
}

skipUnlessShared('silero-vad over a minute of speech', ['models', 'silero-vad'], (folder) => {
  const { samples, rate } = readWav(readFileSync(join(folder, 'test.wav')))
  const [chunk, context] = [512, 64]
  const states: States = { state: { shape: [2, 1, 128], next: 'stateN' } }

  async function probabilities(stream: Stream): Promise<HostTensor> {
    const sr: HostTensor = { dtype: 'int64', shape: [], data: BigInt64Array.of(BigInt(rate)) }
    const said: HostTensor[] = []
    // Every chunk with the end of the one before it.
    const input = new Float32Array(context + chunk)
    for (let at = 0; at + chunk <= samples.length; at += chunk) {
      input.copyWithin(0, chunk)
      input.set(samples.subarray(at, at + chunk), context)
      said.push(await stream.run({ input: { dtype: 'float32', shape: [1, context + chunk], data: input }, sr }))
    }
    await stream.release()
    return joined(said)
  }

  test.each(['silero_vad.onnx', 'silero_vad_16k_op15.onnx'])(
    '%s',
    async (file) => {
      const bytes = readFileSync(join(folder, file))
      const expected = await probabilities(await referenceStream(bytes, 'output', states))
      expect(expected.data).toHaveLength(Math.floor(samples.length / chunk))
      // The recording has speech and pauses: otherwise a stream that forgets would pass.
      const loud = Array.from(expected.data as Float32Array).filter((p) => p > 0.5).length
      expect(loud).toBeGreaterThan(100)
      expect(expected.data.length - loud).toBeGreaterThan(100)
      for (const build of builds) {
        // Runtimes add ½ to a rational function for their Sigmoid, so that what they call 0 may be 3e-8.
        expectAgreement(await probabilities(await lanewiseStream(bytes, build, 'output', states)), expected, 2 ** -24)
      }
    },
    120_000,
  )
})

skipUnlessShared('dtln over a noisy recording', ['models', 'gtcrn', 'test_wavs', 'mix.wav'], (wav) => {
  const { samples } = readWav(readFileSync(wav))
  const folder = join(wav, '..', '..', '..', 'dtln')
  const [block, shift, bins] = [512, 128, 257]
  const [mask, synthesis] = ['model_1.onnx', 'model_2.onnx'].map((file) => readFileSync(join(folder, file)))
  const first = { output: 'activation_2', states: { input_3: { shape: [1, 2, 128, 2], next: 'tf_op_layer_stack_2' } } }
  const second = { output: 'conv1d_3', states: { input_5: { shape: [1, 2, 128, 2], next: 'tf_op_layer_stack_5' } } }

  /**
   * Westhausen & Meyer, "Dual-Signal Transformation LSTM Network", 2020: a mask on the magnitudes, then one on learned
   * features; overlap-add.
   */
  async function denoised(masks: Stream, features: Stream): Promise<HostTensor> {
    const input = new Float64Array(block)
    const sum = new Float64Array(block)
    const said: HostTensor[] = []
    for (let at = 0; at + shift <= samples.length; at += shift) {
      input.copyWithin(0, shift)
      input.set(samples.subarray(at, at + shift), block - shift)
      const { re, im } = realSpectrum(input)
      const gains = await masks.run({
        input_2: float32(
          [1, 1, bins],
          re.map((a, k) => Math.hypot(a, im[k])),
        ),
      })
      const gain = gains.data as Float32Array
      const estimate = realSamples({ re: re.map((a, k) => a * gain[k]), im: im.map((b, k) => b * gain[k]) })
      const out = (await features.run({ input_4: float32([1, 1, block], estimate) })).data as Float32Array
      sum.copyWithin(0, shift)
      sum.fill(0, block - shift)
      for (let i = 0; i < block; i++) sum[i] += out[i]
      said.push(float32([shift], sum.subarray(0, shift)))
    }
    await Promise.all([masks.release(), features.release()])
    return joined(said)
  }

  test('two models in series', async () => {
    const expected = await denoised(
      await referenceStream(mask, first.output, first.states),
      await referenceStream(synthesis, second.output, second.states),
    )
    for (const build of builds) {
      const streams = [
        lanewiseStream(mask, build, first.output, first.states),
        lanewiseStream(synthesis, build, second.output, second.states),
      ] as const
      expectAgreement(await denoised(await streams[0], await streams[1]), expected)
    }
  }, 120_000)
})

skipUnlessShared('gtcrn over a noisy recording', ['models', 'gtcrn'], (folder) => {
  const read = (name: string): Float32Array => readWav(readFileSync(join(folder, 'test_wavs', name))).samples
  const [mix, enhanced] = [read('mix.wav'), read('enh.wav')]
  const bytes = readFileSync(join(folder, 'gtcrn_simple.onnx'))
  const [size, hop, bins] = [512, 256, 257]
  const states: States = {
    conv_cache: { shape: [2, 1, 16, 16, 33], next: 'conv_cache_out' },
    tra_cache: { shape: [2, 3, 1, 1, 16], next: 'tra_cache_out' },
    inter_cache: { shape: [2, 1, 33, 16], next: 'inter_cache_out' },
  }
  // The root of Hann's window, before and after: the squares of two neighbours add up to 1.
  const window = Float64Array.from({ length: size }, (_, i) => Math.sin((Math.PI * i) / size))
  const frames = 1 + Math.floor(mix.length / hop)

  /** The frames of the recording, the first centred at its first sample, reflected at its ends. */
  function frame(index: number): HostTensor {
    const part = Float64Array.from(window, (weight, i) => {
      const at = Math.abs(index * hop - size / 2 + i)
      return weight * mix[at < mix.length ? at : 2 * (mix.length - 1) - at]
    })
    const { re, im } = realSpectrum(part)
    return float32(
      [1, bins, 1, 2],
      Array.from(re).flatMap((a, k) => [a, im[k]]),
    )
  }

  async function spectra(stream: Stream): Promise<HostTensor> {
    const said: HostTensor[] = []
    for (let i = 0; i < frames; i++) said.push(await stream.run({ mix: frame(i) }))
    await stream.release()
    return joined(said)
  }

  function samplesOf({ data }: HostTensor): HostTensor {
    const sum = new Float64Array((frames + 1) * hop)
    for (let i = 0; i < frames; i++) {
      const pairs = (data as Float32Array).subarray(2 * bins * i, 2 * bins * (i + 1))
      const part = realSamples({
        re: Float64Array.from({ length: bins }, (_, k) => pairs[2 * k]),
        im: Float64Array.from({ length: bins }, (_, k) => pairs[2 * k + 1]),
      })
      for (let k = 0; k < size; k++) sum[i * hop + k] += window[k] * part[k]
    }
    const whole = sum.subarray(size / 2, size / 2 + (frames - 1) * hop)
    return float32([whole.length], whole)
  }

  test('is the published result, and that of onnxruntime-web', async () => {
    const expected = await spectra(await referenceStream(bytes, 'enh', states))
    for (const build of builds) {
      const actual = await spectra(await lanewiseStream(bytes, build, 'enh', states))
      expectAgreement(actual, expected)
      // The published samples are whole steps of 1/32768. (The other published file, enh_stream.wav, is up to 21 of
      // them away from this one.)
      expectAgreement(samplesOf(actual), float32([enhanced.length], enhanced), 1 / 32768)
    }
  }, 120_000)
})
