import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { InferenceSession } from '../../api/session.js'
import { LanewiseError } from '../../core/errors.js'
import { beamSearch, generate as generateTokens } from '../../generate/index.js'
import { Decoder, Tokenizer } from '../../text/index.js'
import { numberFlag, textFlag, UsageError, type Command, type Flags } from '../command.js'
import { buildFlag, describeEngine, sessionFlags } from '../load.js'
import { endsIn, modelIn, tokenizerIn } from './folder.js'

const MAX_TOKENS = 128
/** Where Hugging Face's folders have a decoder, the one that takes and gives its cache first. */
const PLACES = [
  'onnx/decoder_model_merged.onnx',
  'onnx/model.onnx',
  'decoder_model_merged.onnx',
  'model.onnx',
  'onnx/decoder_with_past_model.onnx',
]

export const generate: Command = {
  name: 'generate',
  summary: 'continues a text by a model in a folder as Hugging Face has them',
  usage: 'MODEL_DIR --prompt TEXT [options]',
  flags: {
    prompt: { type: 'string', value: 'TEXT', help: 'how the text begins (needed)' },
    model: { type: 'string', value: 'FILE', help: 'the model within the folder, e.g. onnx/model_q4.onnx' },
    'max-tokens': { type: 'string', value: 'N', help: `the most tokens to make (default ${MAX_TOKENS})` },
    temperature: { type: 'string', value: 'T', help: 'draws by it; 0, the default: always the likeliest' },
    'top-k': { type: 'string', value: 'N', help: 'draws from the N likeliest' },
    'top-p': { type: 'string', value: 'P', help: 'draws from the likeliest that are P together' },
    'repetition-penalty': { type: 'string', value: 'X', help: 'above 1: what was there already is less likely' },
    seed: { type: 'string', value: 'N', help: 'for drawing (default 0)' },
    beams: { type: 'string', value: 'N', help: 'searches with N beams instead' },
    build: sessionFlags.build,
  },

  async run({ positionals, flags, print, write, result }) {
    const [folder] = positionals
    if (positionals.length !== 1 || !folder) throw new UsageError('one folder of a model is needed')
    const prompt = textFlag(flags, 'prompt')
    if (prompt === undefined) throw new UsageError('--prompt is missing')
    const beams = numberFlag(flags, 'beams', { least: 1, whole: true }) ?? 1
    const tokenizer = await tokenizerIn(folder)
    const stop = await endsIn(folder)
    const file = decoderIn(folder, textFlag(flags, 'model'))
    // Beams change places, so that each needs its own cache.
    const states = beams > 1 ? undefined : 'auto'
    const session = await InferenceSession.create(file, { build: buildFlag(flags), states })
    try {
      const tokens = tokenizer.encode(prompt)
      const maxTokens = numberFlag(flags, 'max-tokens', { least: 0, whole: true }) ?? MAX_TOKENS
      const begun = performance.now()
      const made: number[] = []
      let firstMs = 0
      write(prompt)
      if (beams > 1) {
        const [best] = await beamSearch(session, tokens, { beams, maxTokens, stop })
        made.push(...best.tokens)
        write(tokenizer.decode(made))
      } else {
        const decoder = tokenizer instanceof Tokenizer ? new Decoder(tokenizer, { skipSpecial: true }) : undefined
        let shown = ''
        for await (const token of generateTokens(session, tokens, { ...samplingOf(flags), maxTokens, stop })) {
          if (made.length === 0) firstMs = performance.now() - begun
          made.push(token)
          if (decoder) write(decoder.push(token))
          else {
            // Pieces of SentencePiece are joined as a whole: what a token adds is what is new at the end.
            const text = tokenizer.decode(made)
            write(text.slice(shown.length))
            shown = text
          }
        }
        if (decoder) write(decoder.end())
      }
      const ms = performance.now() - begun
      const perSecond = made.length > 1 && firstMs > 0 ? ((made.length - 1) * 1000) / (ms - firstMs) : undefined
      print()
      print()
      print(
        `${describeEngine(session)}: ${tokens.length} tokens given, ${made.length} made in ${(ms / 1000).toFixed(2)} s${perSecond === undefined ? '' : `, ${perSecond.toFixed(1)} a second after the first`}`,
      )
      result({
        model: file,
        prompt,
        text: tokenizer.decode(made),
        given: tokens.length,
        tokens: made,
        ms,
        firstMs,
        perSecond,
      })
    } finally {
      await session.release()
    }
  },
}

function samplingOf(flags: Flags) {
  return {
    temperature: numberFlag(flags, 'temperature', { least: 0 }) ?? 0,
    topK: numberFlag(flags, 'top-k', { least: 1, whole: true }),
    topP: numberFlag(flags, 'top-p', { above: 0, most: 1 }),
    repetitionPenalty: numberFlag(flags, 'repetition-penalty', { above: 0 }),
    seed: numberFlag(flags, 'seed', { whole: true }) ?? 0,
  }
}

/** @throws LanewiseError `E_UNSUPPORTED` for an encoder with a decoder; what {@link modelIn} throws. */
function decoderIn(folder: string, given: string | undefined): string {
  const pair = ['encoder_model.onnx', 'onnx/encoder_model.onnx'].some((name) => existsSync(join(folder, name)))
  if (given === undefined && pair)
    throw new LanewiseError(
      'E_UNSUPPORTED',
      `${folder} has an encoder: only models that are a decoder alone are continued here`,
    )
  return modelIn(folder, PLACES, given)
}
