import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerAllOps } from '../../src/api/register-all.js'
import {
  logMelGraph,
  noRepeatedRuns,
  speechConfig,
  transcribe,
  type SpeechModel,
  type SpeechSegment,
  type TranscribeOptions,
} from '../../src/generate.js'
import { stretchesOf, timestampRules } from '../../src/generate/timestamps.js'
import { exportModel, InferenceSession, Tensor } from '../../src/node.js'
import { WordPieceTokenizer } from '../../src/text/index.js'
import { writeModels } from '../clients/models.js'
import { expectError, expectRejects } from '../support/expect-error.js'
import { seeded } from '../support/random.js'
import { builds } from '../support/wasm.js'

registerAllOps()

/** Whisper's features by their definition, in float64. */
function features(samples: ArrayLike<number>, mels: number): number[][] {
  const [rate, frame, hop] = [16_000, 400, 160]
  const mirrored = (i: number): number => samples[i < 0 ? -i : i >= samples.length ? 2 * samples.length - 2 - i : i]
  const melOf = (f: number) => (f < 1000 ? (3 * f) / 200 : 15 + (27 * Math.log(f / 1000)) / Math.log(6.4))
  const hertzOf = (m: number) => (m < 15 ? (200 * m) / 3 : 1000 * 6.4 ** ((m - 15) / 27))
  const edges = Array.from({ length: mels + 2 }, (_, i) => hertzOf((i * melOf(rate / 2)) / (mels + 1)))
  const rows = Array.from({ length: Math.floor(samples.length / hop) }, (_, t) => {
    const power = Array.from({ length: frame / 2 + 1 }, (_, k) => {
      let [re, im] = [0, 0]
      for (let i = 0; i < frame; i++) {
        const angle = (2 * Math.PI * ((k * i) % frame)) / frame
        const x = mirrored(t * hop + i - frame / 2) * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / frame))
        re += x * Math.cos(angle)
        im -= x * Math.sin(angle)
      }
      return re * re + im * im
    })
    return Array.from({ length: mels }, (_, m) => {
      const [low, centre, high] = edges.slice(m, m + 3)
      return power.reduce((sum, p, k) => {
        const f = (k * rate) / frame
        return (
          sum + (p * 2 * Math.max(0, Math.min((f - low) / (centre - low), (high - f) / (high - centre)))) / (high - low)
        )
      }, 0)
    })
  })
  const logs = rows.map((row) => row.map((p) => Math.log10(Math.max(p, 1e-10))))
  const least = Math.max(...logs.flat()) - 8
  return logs.map((row) => row.map((p) => (Math.max(p, least) + 4) / 4))
}

describe('features', () => {
  test('are those of the definition, of noise, of a tone and of silence', async () => {
    const random = seeded(3)
    const sounds: Record<string, Float32Array> = {
      noise: Float32Array.from({ length: 3200 }, (_, i) => (random() - 0.5) * Math.sin(i / 300)),
      tone: Float32Array.from({ length: 3200 }, (_, i) => 0.3 * Math.sin((2 * Math.PI * 440 * i) / 16_000)),
      silence: new Float32Array(3200),
    }
    for (const mels of [80, 128]) {
      for (const build of builds) {
        await using session = await InferenceSession.create(exportModel(logMelGraph({ samples: 3200, mels })), {
          build,
        })
        for (const [name, sound] of Object.entries(sounds)) {
          const { input_features: made } = await session.run({ samples: new Tensor('float32', sound, [1, 3200]) })
          expect(made.dims).toEqual([1, mels, 20])
          const expected = features(sound, mels)
          // Float32: quiet bands beside a loud tone are small sums of large products (4.8e-6 at most; noise 5.2e-7).
          let worst = 0
          ;(made.data as Float32Array).forEach((value, i) => {
            worst = Math.max(worst, Math.abs(value - expected[i % 20][Math.floor(i / 20)]))
          })
          expect(worst, `${name}, ${mels} bands, ${build}`).toBeLessThan(name === 'noise' ? 2e-6 : 2e-5)
        }
      }
    }
  })

  test("a band of librosa's filters.mel(sr=16000, n_fft=400, n_mels=80)", async () => {
    const graph = logMelGraph({ samples: 400 })
    const bands = graph.nodes.filter(({ op }) => op.name === 'Conv')[1].inputs[1]?.constant?.data as Float32Array
    const second = bands.subarray(2 * 201)
    expect([bands[0], bands[1], bands[2], second[0], second[1]].map((x) => x.toFixed(7))).toEqual([
      '0.0000000',
      '0.0248626',
      '0.0000000',
      '0.0000000',
      '0.0019908',
    ])
  })

  test('sizes that make no frames are refused', () => {
    expectError('E_VALUE', () => logMelGraph({ samples: 100 }), /samples/)
    expectError('E_VALUE', () => logMelGraph({ samples: 1600, hop: 0 }), /hop/)
    expectError('E_VALUE', () => logMelGraph({ samples: 1600, mels: 0.5 }), /mels/)
    expectError('E_VALUE', () => logMelGraph({ samples: 1600, bands: 3 } as never), /bands/)
  })
})

describe('a model in the layout of Whisper', () => {
  let folder: string
  let model: SpeechModel
  let whole: InferenceSession
  const sound = Float32Array.from({ length: 16_000 }, (_, i) => Math.sin(i / 7) * Math.sin(i / 900) ** 2)

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lanewise-speech-'))
    writeModels(folder)
    const json = (name: string) =>
      JSON.parse(readFileSync(join(folder, 'whisper', `${name}.json`), 'utf8')) as Record<string, unknown>
    const config = speechConfig({
      config: json('config'),
      generation: json('generation_config'),
      preprocessor: json('preprocessor_config'),
    })
    const create = (name: string, states?: 'auto') =>
      InferenceSession.create(join(folder, 'whisper/onnx', name), { build: 'simd', states })
    whole = await create('decoder_model_merged.onnx')
    model = {
      config: { ...config, maxLength: 24 },
      tokenizer: WordPieceTokenizer.fromJSON(json('tokenizer')),
      features: await InferenceSession.create(exportModel(logMelGraph(config.sound)), { build: 'simd' }),
      encoder: await create('encoder_model.onnx'),
      decoder: await create('decoder_model_merged.onnx', 'auto'),
    }
  }, 120_000)

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  async function all(samples: Float32Array, options: TranscribeOptions, of = model) {
    const segments: SpeechSegment[] = []
    const iterator = transcribe(of, samples, options)
    for (;;) {
      const { value, done } = await iterator.next()
      if (done) return { segments, ...value }
      segments.push(value)
    }
  }

  /** Scores after a text, by one run of the decoder that remembers nothing. */
  async function scoresAfter(window: Float32Array, tokens: readonly number[]): Promise<number[]> {
    const { input_features } = await model.features.run(
      { samples: new Tensor('float32', window, [1, 16_000]) } as never,
      ['input_features'] as never,
    )
    const { last_hidden_state: heard } = await model.encoder.run(
      { input_features } as never,
      ['last_hidden_state'] as never,
    )
    const feeds: Record<string, Tensor> = {
      input_ids: new Tensor('int64', BigInt64Array.from(tokens, BigInt), [1, tokens.length]),
      encoder_hidden_states: new Tensor('float32', heard.data as Float32Array, heard.dims),
      use_cache_branch: new Tensor('bool', [false], [1]),
    }
    for (const name of whole.inputNames)
      if (name.startsWith('past')) feeds[name] = new Tensor('float32', [], [1, 2, 0, 16])
    const { logits } = await whole.run(feeds, ['logits'])
    return [...(logits.data as Float32Array).slice(-logits.dims[2])]
  }

  // Random weights repeat themselves.
  const adjust = noRepeatedRuns(2)

  async function greedily(window: Float32Array, count: number): Promise<number[]> {
    const { config } = model
    const prompt = [config.start, config.languages.get('en')!, config.tasks.get('transcribe')!, config.noTimestamps]
    const tokens = [...prompt]
    while (tokens.length < prompt.length + count) {
      const scores = Float32Array.from(await scoresAfter(window, tokens))
      for (const token of config.suppressed) scores[token] = -Infinity
      adjust(scores, tokens, prompt.length)
      tokens.push(scores.indexOf(Math.max(...scores)))
    }
    return tokens.slice(prompt.length)
  }

  test('windows are written as the decoder writes them without its cache, whatever the session keeps', async () => {
    const expected = await greedily(sound, 12)
    expect(new Set(expected).size).toBeGreaterThan(2)
    const text = model.tokenizer.decode(expected, { skipSpecial: true })
    for (const decoder of [model.decoder, whole])
      for (const time of ['first', 'second']) {
        const made = await all(sound, { language: 'en', maxTokens: 12, adjust }, { ...model, decoder })
        expect(made, `the ${time} time`).toEqual({
          segments: [{ from: 0, to: 1, text, tokens: expected }],
          text: text.trim(),
          language: 'en',
        })
      }
    // Two windows and a half: each from its own beginning, the last filled up by silence.
    const quiet = sound.map((x, i) => x * Math.sin(i / 50))
    const long = Float32Array.from([...sound, ...quiet, ...sound.subarray(0, 8000)])
    const rest = new Float32Array(16_000)
    rest.set(sound.subarray(0, 8000))
    const { segments } = await all(long, { language: 'en', maxTokens: 9, adjust })
    expect(segments.map(({ from, to }) => [from, to])).toEqual([
      [0, 1],
      [1, 2],
      [2, 2.5],
    ])
    expect(segments.map(({ tokens }) => tokens)).toEqual([
      await greedily(sound, 9),
      await greedily(quiet, 9),
      await greedily(rest, 9),
    ])
    expect((await all(new Float32Array(0), {})).segments).toEqual([])
  }, 120_000)

  test('the language is that which the first step holds to be the likeliest', async () => {
    const scores = await scoresAfter(sound, [model.config.start])
    const names = ['a', 'bird', 'sang', 'tree']
    const languages = new Map(names.map((name) => [name, (model.tokenizer as WordPieceTokenizer).idOf(name)]))
    const best = names.reduce((a, b) => (scores[languages.get(a)!] >= scores[languages.get(b)!] ? a : b))
    const config = { ...model.config, languages }
    expect((await all(sound, { maxTokens: 2 }, { ...model, config })).language).toBe(best)
  })

  test('what the model does not have is refused', async () => {
    await expectRejects('E_VALUE', () => all(sound, { language: 'xx' }), /no language "xx": it has en/)
    await expectRejects('E_VALUE', () => all(sound, { task: 'translate' }), /no task "translate"/)
    await expectRejects('E_VALUE', () => all(sound, { timestamps: true }), /no timestamps/)
    await expectRejects('E_VALUE', () => all(sound, { maxTokens: 0 }), /maxTokens/)
    await expectRejects('E_VALUE', () => all(sound, { lang: 'en' } as never), /"lang"/)
    await expectRejects('E_STATE', () => all(sound, { signal: AbortSignal.abort() }), /aborted/)
    const files = { config: { vocab_size: 10 }, generation: {}, preprocessor: {} }
    expectError('E_PARSE', () => speechConfig(files), /no_timestamps_token_id is missing/)
  })
})

describe('timestamps', () => {
  // 0 … 4 text, 5 the end, 6 none, 7 … 16 are 0 … 9 steps.
  const [end, none, first] = [5, 6, 7]
  const rules = timestampRules({ first, end, none })
  const possible = (made: number[], scores = new Float32Array(17)) => {
    rules(scores, [1, 2, ...made], 2)
    return [...scores.keys()].filter((token) => scores[token] > -Infinity)
  }
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
  const loud = (token: number) => new Float32Array(17).map((_, i) => (i === token ? 9 : 0))

  test('open a window, come in pairs and never go back', () => {
    expect(possible([], loud(2))).toEqual(range(7, 17))
    expect(possible([8], loud(2))).toEqual(range(0, 6))
    expect(possible([8, 2], loud(2))).toEqual([0, 1, 2, 3, 4, 5, ...range(9, 17)])
    expect(possible([8, 2, 10], loud(5))).toEqual([5, ...range(10, 17)])
    expect(possible([8, 2, 10, 10], loud(2))).toEqual(range(0, 6))
    expect(possible([8, 2, 10, 10, 3], loud(2))).toEqual([0, 1, 2, 3, 4, 5, ...range(11, 17)])
    // Ten timestamps together are likelier than any text.
    expect(possible([8, 2])).toEqual(range(9, 17))
  })

  test('the first is within a second', () => {
    const scores = new Float32Array(200)
    timestampRules({ first, end, none })(scores, [1], 1)
    expect([...scores.keys()].filter((token) => scores[token] > -Infinity)).toEqual(range(7, 58))
  })

  test('cut a window into stretches, and say where the next begins', () => {
    expect(stretchesOf([7, 1, 2, 10, 10, 3, 12, 12, 4], first)).toEqual({
      stretches: [
        { from: 0, to: 3, tokens: [1, 2] },
        { from: 3, to: 5, tokens: [3] },
      ],
      next: 5,
    })
    expect(stretchesOf([8, 1, 10, 10, 3, 12], first)).toEqual({
      stretches: [
        { from: 1, to: 3, tokens: [1] },
        { from: 3, to: 5, tokens: [3] },
      ],
      next: undefined,
    })
    expect(stretchesOf([7, 1, 12], first)).toEqual({ stretches: [{ from: 0, to: 5, tokens: [1] }], next: undefined })
    expect(stretchesOf([7, 1], first)).toEqual({
      stretches: [{ from: 0, to: undefined, tokens: [1] }],
      next: undefined,
    })
    expect(stretchesOf([], first)).toEqual({ stretches: [{ from: 0, to: undefined, tokens: [] }], next: undefined })
  })

  test('a long sound goes on where the last sentence ended', async () => {
    const sound = { samples: 3200, rate: 16_000, frame: 400, hop: 160, mels: 80 }
    const begun: number[] = []
    // Each window has a ramp, so that its first sample tells where it begins; the decoder writes what the script says.
    const scripts = [
      [7, 1, 10, 10, 2, 14, 14, 3],
      [7, 3, 4, 12],
      [8, 2],
    ]
    let [window, step] = [-1, 0]
    const session = (
      outputs: string[],
      inputs: [string, string, (number | string)[]][],
      run: (feeds: never) => object,
    ) =>
      ({
        inputNames: inputs.map(([name]) => name),
        outputNames: outputs,
        inputMetadata: inputs.map(([name, type, shape]) => ({ name, isTensor: true, type, shape })),
        run: (feeds: never) => Promise.resolve(run(feeds)),
      }) as SpeechModel['encoder']
    const tensor = (data: Float32Array, dims: number[]) => ({ type: 'float32', data, dims })
    const model: SpeechModel = {
      config: {
        sound,
        start: 1,
        ends: [end],
        languages: new Map(),
        tasks: new Map(),
        noTimestamps: none,
        firstTimestamp: first,
        suppressed: [],
        suppressedFirst: [],
        maxLength: 40,
      },
      tokenizer: { decode: (tokens) => Array.from(tokens, (token) => ' abcd'[token]).join('') },
      features: session(
        ['input_features'],
        [['samples', 'float32', [1, 3200]]],
        (feeds: { samples: { data: Float32Array } }) => {
          begun.push(Math.round(feeds.samples.data[0] * 1e5))
          ;[window, step] = [window + 1, 0]
          return { input_features: tensor(new Float32Array(1), [1, 1]) }
        },
      ),
      encoder: session(['last_hidden_state'], [['input_features', 'float32', [1, 1]]], () => ({
        last_hidden_state: tensor(new Float32Array(1), [1, 1]),
      })),
      decoder: session(
        ['logits'],
        [
          ['input_ids', 'int64', ['batch', 'length']],
          ['encoder_hidden_states', 'float32', [1, 1]],
        ],
        () => ({ logits: tensor(loud(scripts[window][step++] ?? end), [1, 1, 17]) }),
      ),
    }
    const ramp = Float32Array.from({ length: 6400 }, (_, i) => i / 1e5)
    const segments: SpeechSegment[] = []
    const iterator = transcribe(model, ramp)
    let next = await iterator.next()
    for (; !next.done; next = await iterator.next()) segments.push(next.value)
    // Steps of 320 samples: the first window ends its last whole sentence after 7 of them.
    expect(begun).toEqual([0, 2240, 5440])
    expect(segments.map(({ from, to, text }) => [from, to, text])).toEqual([
      [0, 0.06, 'a'],
      [0.06, 0.14, 'b'],
      [0.14, 0.24, 'cd'],
      [0.36, 0.4, 'b'],
    ])
    expect(next.value).toEqual({ text: 'a b cd b', language: undefined })
  })
})
