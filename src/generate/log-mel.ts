import { GraphBuilder } from '../api/graph/builder.js'
import { Tensor } from '../api/tensor.js'
import { checkArguments } from '../core/arguments.js'
import { checkNumber } from '../core/options.js'
import { cos, exp, log, sin } from '../core/scalar-functions.js'
import type { Graph } from '../ir/graph.js'

/** How sound becomes features. */
export interface LogMelOptions {
  /** Samples of a window. */
  readonly samples: number
  /** Samples per second; 16,000 by default. */
  readonly rate?: number
  /** Samples of a frame, which its Fourier transform is made of; 400 by default. */
  readonly frame?: number
  /** Samples from a frame to the next; 160 by default. */
  readonly hop?: number
  /** Bands of the mel scale; 80 by default. */
  readonly mels?: number
}

const LN10 = 2.302585092994046
/** The least power that is told apart from silence, and how many decades below the loudest count. */
const [SILENCE, DECADES] = [1e-10, 8]

/**
 * The graph of Whisper's features: `samples` [1, samples], −1 … 1, to `input_features` [1, mels, samples / hop]: the
 * logarithm of the power in bands of the mel scale, of frames under a Hann window, eight decades deep, mapped to about
 * −1 … 1 (Radford et al., 2022). The transform is a convolution, so that all of it is kernels.
 *
 * @throws LanewiseError `E_VALUE` for sizes that make no frames.
 *
 * @example
 * import { exportModel, InferenceSession, Tensor } from 'lanewise'
 * import { logMelGraph } from 'lanewise/generate'
 *
 * const session = await InferenceSession.create(exportModel(logMelGraph({ samples: 16_000 })))
 * const tone = new Float32Array(16_000).map((_, i) => Math.sin((2 * Math.PI * 440 * i) / 16_000))
 * const { input_features: features } = await session.run({ samples: new Tensor(tone, [1, 16_000]) })
 * console.log(features.dims.join()) // 1,80,100
 */
export function logMelGraph(options: LogMelOptions): Graph {
  const kinds = { samples: 'number', rate: 'number', frame: 'number', hop: 'number', mels: 'number' } as const
  checkArguments('logMelGraph', { options }, kinds)
  const { samples, rate = 16_000, frame = 400, hop = 160, mels = 80 } = options
  const size = { least: 1, most: 2 ** 26, whole: true }
  checkNumber('hop', hop, size)
  checkNumber('frame', frame, { ...size, least: 2 })
  checkNumber('samples', samples, { ...size, least: Math.max(hop, frame) })
  checkNumber('mels', mels, { ...size, most: frame })
  checkNumber('rate', rate, size)
  const frames = Math.floor(samples / hop)
  const bins = Math.floor(frame / 2) + 1
  const g = new GraphBuilder('log-mel')
  const floats = (name: string, data: Float32Array, dims: number[]) =>
    g.constant(name, new Tensor('float32', data, dims))
  const number = (name: string, value: number) => floats(name, Float32Array.of(value), [])
  const ints = (name: string, ...values: number[]) => g.constant(name, new Tensor('int64', values, [values.length]))
  const x = g.input('samples', 'float32', [1, samples])
  const channel = g.op('Unsqueeze', [x, ints('channel', 1)])
  // Frames are centred on multiples of the hop; beyond the ends the sound is mirrored.
  const before = Math.floor(frame / 2)
  const after = Math.max(0, (frames - 1) * hop + frame - samples - before)
  const mirrored = g.op('Pad', [channel, ints('pads', 0, 0, before, 0, 0, after)], { mode: 'reflect' })
  const waves = floats('waves', wavesOf(frame, bins), [2 * bins, 1, frame])
  const spectrum = g.op('Conv', [mirrored, waves], { strides: [hop] })
  const bands = g.op('Conv', [
    g.op('Mul', [spectrum, spectrum]),
    floats('bands', bandsOf(mels, bins, rate), [mels, 2 * bins, 1]),
  ])
  const audible = g.op('Max', [bands, number('silence', SILENCE)])
  const decades = g.op('Mul', [g.op('Log', [audible]), number('decade', 1 / LN10)])
  const loudest = g.op('ReduceMax', [decades], { keepdims: 0 })
  const floor = g.op('Sub', [loudest, number('depth', DECADES)])
  const deep = g.op('Add', [g.op('Max', [decades, floor]), number('shift', 4)])
  g.output(g.op('Mul', [deep, number('scale', 0.25)]), 'input_features')
  return g.graph()
}

/** Cosines and sines of each frequency under a Hann window: [cosines, sines] of `bins` rows of `frame`. */
function wavesOf(frame: number, bins: number): Float32Array {
  const turn = (2 * Math.PI) / frame
  const waves = new Float32Array(2 * bins * frame)
  for (let i = 0; i < frame; i++) {
    const hann = 0.5 - 0.5 * cos(turn * i)
    for (let bin = 0; bin < bins; bin++) {
      // Only the place within a turn counts: exact for large products, too.
      const angle = turn * ((bin * i) % frame)
      waves[bin * frame + i] = hann * cos(angle)
      waves[(bins + bin) * frame + i] = -hann * sin(angle)
    }
  }
  return waves
}

/**
 * How much each frequency counts in each band, for the squares of cosines and sines: triangles of one area on Slaney's
 * mel scale (linear to 1 kHz, 27 steps for each factor of 6.4 above), as librosa's `filters.mel` has them.
 */
function bandsOf(mels: number, bins: number, rate: number): Float32Array {
  const step = 200 / 3
  const [corner, perOctave] = [1000 / step, log(6.4) / 27]
  const melOf = (hertz: number) => (hertz < 1000 ? hertz / step : corner + log(hertz / 1000) / perOctave)
  const hertzOf = (mel: number) => (mel < corner ? mel * step : 1000 * exp(perOctave * (mel - corner)))
  const top = melOf(rate / 2)
  const edges = Array.from({ length: mels + 2 }, (_, i) => hertzOf((top * i) / (mels + 1)))
  const bands = new Float32Array(mels * 2 * bins)
  for (let mel = 0; mel < mels; mel++) {
    const [low, centre, high] = edges.slice(mel, mel + 3)
    for (let bin = 0; bin < bins; bin++) {
      const hertz = (bin * rate) / (2 * (bins - 1))
      const height = Math.max(0, Math.min((hertz - low) / (centre - low), (high - hertz) / (high - centre)))
      const weight = (2 * height) / (high - low)
      bands[mel * 2 * bins + bin] = weight
      bands[mel * 2 * bins + bins + bin] = weight
    }
  }
  return bands
}
