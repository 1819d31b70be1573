// A small language model in every form that generation takes: with its cache in the session, with past and present, and
// without memory.
import type { Device } from '../../src/autograd/device.js'
import { toDecoderGraph } from '../../src/nn/decoder.js'
import { toGraph } from '../../src/nn/export.js'
import { InferenceSession, Tensor } from '../../src/node.js'
import { exportModel } from '../../src/onnx/export-any.js'
import { TinyLanguageModel } from '../support/language-model.js'

export interface Forms {
  readonly 'cache in the session': InferenceSession
  readonly 'cache with room, carried by the caller': InferenceSession
  readonly 'past and present': InferenceSession
  readonly 'past and present in the session': InferenceSession
  readonly 'no memory': InferenceSession
}

/** The model's files: a cache with room for 32, past and present, and scores of a whole text. */
function filesOf(model: TinyLanguageModel) {
  const whole = toGraph(model, [
    {
      name: 'ids',
      dtype: 'int64',
      shape: [
        { name: 'N', size: 2 },
        { name: 'T', size: 3 },
      ],
    },
  ])
  return {
    kept: exportModel(toDecoderGraph(model, { cache: 'session', maxLength: 32 })),
    past: exportModel(toDecoderGraph(model, { cache: 'past' })),
    whole: exportModel(whole),
  }
}

export async function formsOf(model: TinyLanguageModel): Promise<Forms> {
  const { kept, past, whole } = filesOf(model)
  const build = 'simd'
  return {
    'cache in the session': await InferenceSession.create(kept, { build, states: 'auto' }),
    'cache with room, carried by the caller': await InferenceSession.create(kept, { build }),
    'past and present': await InferenceSession.create(past, { build }),
    'past and present in the session': await InferenceSession.create(past, { build, states: 'auto' }),
    'no memory': await InferenceSession.create(whole, { build }),
  }
}

export function tinyModel(vocabulary: number, device: Device): TinyLanguageModel {
  return new TinyLanguageModel(vocabulary, device).eval()
}

/** Scores of what follows a text, by the module itself. */
export function scoresAfter(model: TinyLanguageModel, text: readonly number[]): Float32Array {
  const logits = model.predict(new Tensor('int64', BigInt64Array.from(text, BigInt), [1, text.length]))
  return (logits.data as Float32Array).slice(-model.vocabulary)
}
