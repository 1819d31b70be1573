import { basename } from 'node:path'
import { InferenceSession } from '../../api/session.js'
import { LanewiseError } from '../../core/errors.js'
import { readWav, resample } from '../../data/formats/wav.js'
import {
  logMelGraph,
  speechConfig,
  transcribe as transcribeSound,
  type SpeechConfig,
  type SpeechSegment,
} from '../../generate/index.js'
import { exportModel } from '../../onnx/export-any.js'
import { readBytes, writeAtomically } from '../../platform/node-files.js'
import { choiceFlag, numberFlag, textFlag, UsageError, type Command } from '../command.js'
import { buildFlag, describeEngine, sessionFlags } from '../load.js'
import { jsonIn, modelIn, tokenizerIn } from './folder.js'

const ENCODERS = ['onnx/encoder_model.onnx', 'encoder_model.onnx']
/** The one that takes and gives its cache first; the other is shown the whole text again for each token. */
const DECODERS = [
  'onnx/decoder_model_merged.onnx',
  'decoder_model_merged.onnx',
  'onnx/decoder_model.onnx',
  'decoder_model.onnx',
]

export const transcribe: Command = {
  name: 'transcribe',
  summary: 'writes down what is spoken in a .wav file, by a folder in the layout of Whisper',
  usage: 'MODEL_DIR SOUND.wav [options]',
  flags: {
    language: { type: 'string', value: 'CODE', help: 'what is spoken, e.g. en (default: what the model hears)' },
    task: { type: 'string', value: 'transcribe|translate', help: 'write what is spoken, or English' },
    timestamps: { type: 'boolean', help: 'say when what is spoken; so it is where the sound is longer than a window' },
    srt: { type: 'string', value: 'FILE', help: 'write subtitles' },
    'max-tokens': { type: 'string', value: 'N', help: 'the most tokens of a window' },
    encoder: { type: 'string', value: 'FILE', help: 'the encoder within the folder, e.g. onnx/encoder_model_q4.onnx' },
    decoder: { type: 'string', value: 'FILE', help: 'the decoder within the folder' },
    build: sessionFlags.build,
  },

  async run({ positionals, flags, print, write, result }) {
    const [folder, file] = positionals
    if (positionals.length !== 2 || !folder || !file)
      throw new UsageError('a folder of a model and a .wav file are needed')
    const maxTokens = numberFlag(flags, 'max-tokens', { least: 1, whole: true })
    const task = choiceFlag(flags, 'task', ['transcribe', 'translate'])
    const config = await configIn(folder)
    const samples = monoOf(await readBytes(file), file, config.sound.rate)
    const tokenizer = await tokenizerIn(folder)
    const build = buildFlag(flags)
    const sessions: InferenceSession[] = []
    const create = async (model: string | Uint8Array, states?: 'auto') => {
      const session = await InferenceSession.create(model as Uint8Array, { build, states })
      sessions.push(session)
      return session
    }
    try {
      const model = {
        config,
        tokenizer,
        features: await create(exportModel(logMelGraph(config.sound))),
        encoder: await create(modelIn(folder, ENCODERS, textFlag(flags, 'encoder'))),
        decoder: await create(modelIn(folder, DECODERS, textFlag(flags, 'decoder')), 'auto'),
      }
      const timed = flags.timestamps === true || samples.length > config.sound.samples
      const timestamps = flags.timestamps === true ? true : undefined
      const begun = performance.now()
      const segments: SpeechSegment[] = []
      const options = { language: textFlag(flags, 'language'), task, timestamps, maxTokens }
      const iterator = transcribeSound(model, samples, options)
      let next = await iterator.next()
      for (; !next.done; next = await iterator.next()) {
        const segment = next.value
        segments.push(segment)
        if (timed) write(`[${clock(segment.from, '.')} → ${clock(segment.to, '.')}] `)
        write(`${segment.text.trim()}\n`)
      }
      const { text, language } = next.value
      const ms = performance.now() - begun
      const srt = textFlag(flags, 'srt')
      if (srt !== undefined) writeAtomically(srt, [new TextEncoder().encode(subtitles(segments))])
      const seconds = samples.length / config.sound.rate
      print()
      print(
        `${describeEngine(sessions[0])}: ${seconds.toFixed(1)} s of sound in ${(ms / 1000).toFixed(2)} s${language === undefined ? '' : `, language ${language}`}`,
      )
      result({ model: basename(folder), file, language, text, segments, seconds, ms })
    } finally {
      for (const session of sessions) await session.release()
    }
  },
}

/** @throws LanewiseError `E_EXTERNAL` for a folder without the files that describe a model of speech. */
async function configIn(folder: string): Promise<SpeechConfig> {
  const [config, generation, preprocessor] = await Promise.all(
    ['config.json', 'generation_config.json', 'preprocessor_config.json'].map(async (name) => {
      const json = await jsonIn(folder, name)
      if (!json) throw new LanewiseError('E_EXTERNAL', `${folder} has no ${name}`)
      return json
    }),
  )
  return speechConfig({ config, generation, preprocessor })
}

/** The mean of all channels, at the rate that a model takes. */
function monoOf(bytes: Uint8Array, file: string, rate: number): Float32Array {
  const { rate: given, channels } = readWav(bytes, file)
  const [first] = channels
  const mono = first.map((_, i) => channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length)
  return resample(mono, given, rate)
}

/** 83.5 → "00:01:23.500". */
function clock(seconds: number, point: string): string {
  const ms = Math.round(seconds * 1000)
  const part = (divisor: number, most: number, digits: number) =>
    String(Math.floor(ms / divisor) % most).padStart(digits, '0')
  return `${part(3_600_000, 100, 2)}:${part(60_000, 60, 2)}:${part(1000, 60, 2)}${point}${part(1, 1000, 3)}`
}

function subtitles(segments: readonly SpeechSegment[]): string {
  return segments
    .map(({ from, to, text }, i) => `${i + 1}\n${clock(from, ',')} --> ${clock(to, ',')}\n${text.trim()}\n`)
    .join('\n')
}
