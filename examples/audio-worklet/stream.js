// What is done with samples as they come: the same in a worklet and in Node.
import { InferenceSession, Tensor } from 'lanewise/inline'
import { Fourier } from './fourier.js'

/** The output that an input becomes for the next frame: `cache_out` or `stateN`. */
const next = (name, outputs) => outputs.find((output) => output === `${name}_out` || output === `${name}N`)

/** A model that takes a frame at a time; its states stay with it. Write `input.data`, `run()`, read `output.data`. */
class FrameModel {
  constructor(bytes, dims, options) {
    this.session = InferenceSession.createSync(bytes, {
      ...options,
      states: (inputs, outputs) =>
        Object.fromEntries(inputs.flatMap((name) => (next(name, outputs) ? [[name, next(name, outputs)]] : []))),
    })
    const { inputNames, inputMetadata, outputNames, states } = this.session
    const [first, ...others] = inputNames.filter((name) => !(name in states))
    this.input = this.session.input(first, dims)
    this.output = this.session.output(outputNames[0])
    // silero-vad asks for the rate.
    for (const name of others) this.session.input(name).data[0] = 16000n
    const zeros = inputMetadata
      .filter(({ name }) => name in states)
      .map(({ name, shape }) => {
        const sizes = shape.map((size) => (typeof size === 'number' && size > 0 ? size : 1))
        return [name, new Tensor('float32', new Float32Array(sizes.reduce((a, b) => a * b, 1)), sizes)]
      })
    // The first frame has nothing behind it. Before it comes, one of silence has everything planned.
    this.start = Object.fromEntries(zeros)
    this.session.runSync(this.start)
  }

  run() {
    this.session.runSync(this.start)
    this.start = undefined
  }
}

/** Frames of the denoiser's spectra. */
const FRAME = 512
export const HOP = 256

/** 16 ms at a time, by spectra of 32 ms that overlap. What comes out is 16 ms behind what went in. */
class Denoiser {
  constructor(bytes, options) {
    this.model = new FrameModel(bytes, [1, FRAME / 2 + 1, 1, 2], options)
    this.fourier = new Fourier(FRAME)
    // The root of Hann's window, before and after: the squares of two neighbours add up to 1.
    this.window = Float64Array.from({ length: FRAME }, (_, i) => Math.sin((Math.PI * i) / FRAME))
    this.re = new Float64Array(FRAME)
    this.im = new Float64Array(FRAME)
    this.past = new Float32Array(FRAME)
    this.sum = new Float64Array(FRAME)
  }

  run(samples, out) {
    const { model, fourier, window, re, im, past, sum } = this
    past.copyWithin(0, HOP)
    past.set(samples, FRAME - HOP)
    for (let i = 0; i < FRAME; i++) {
      re[i] = window[i] * past[i]
      im[i] = 0
    }
    fourier.forward(re, im)
    const mix = model.input.data
    for (let k = 0; k <= FRAME / 2; k++) {
      mix[2 * k] = re[k]
      mix[2 * k + 1] = im[k]
    }
    model.run()
    const enhanced = model.output.data
    for (let k = 0; k <= FRAME / 2; k++) {
      re[k] = enhanced[2 * k]
      // The first and last frequency of real samples are real.
      im[k] = k % (FRAME / 2) === 0 ? 0 : enhanced[2 * k + 1]
      if (k > 0) {
        re[FRAME - k] = re[k]
        im[FRAME - k] = -im[k]
      }
    }
    fourier.forward(im, re)
    sum.copyWithin(0, HOP)
    sum.fill(0, FRAME - HOP)
    for (let i = 0; i < FRAME; i++) sum[i] += (window[i] * re[i]) / FRAME
    for (let i = 0; i < HOP; i++) out[i] = sum[i]
  }
}

/** Samples of a chunk, and of the end of the one before that comes along. */
const CHUNK = 512
const CONTEXT = 64

/** How likely 32 ms have speech in them. */
class Voice {
  probability = 0

  constructor(bytes, options) {
    this.model = new FrameModel(bytes, [1, CONTEXT + CHUNK], options)
    this.chunk = new Float32Array(CONTEXT + CHUNK)
    this.filled = CONTEXT
  }

  run(samples) {
    const { model, chunk } = this
    chunk.set(samples, this.filled)
    this.filled += samples.length
    if (this.filled < chunk.length) return
    model.input.data.set(chunk)
    model.run()
    this.probability = model.output.data[0]
    chunk.copyWithin(0, CHUNK)
    this.filled = CONTEXT
  }
}

/** Takes samples of 16 kHz in whatever portions they come, and gives as many back: without noise, 32 ms later. */
export class SpeechStream {
  constructor({ denoiser, voice, options }) {
    this.denoiser = new Denoiser(denoiser, options)
    this.voice = new Voice(voice, options)
    this.taken = new Float32Array(HOP)
    this.made = new Float32Array(HOP)
    this.at = 0
  }

  /** @param speech - is filled with how likely the last whole chunk is speech. */
  process(samples, out, speech) {
    for (let i = 0; i < samples.length; i++) {
      this.taken[this.at] = samples[i]
      out[i] = this.made[this.at]
      if (++this.at < HOP) continue
      this.at = 0
      this.denoiser.run(this.taken, this.made)
      this.voice.run(this.taken)
    }
    speech.fill(this.voice.probability)
  }
}
