// Small random models in the layouts that transformers.js expects, with their tokenizers: there are no weights to
// download.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import '../../src/all-ops.js'
import { exportModel, GraphBuilder, Tensor } from '../../src/node.js'
import type { Graph, Value } from '../../src/ir/graph.js'
import { seeded } from '../support/random.js'

const WORDS = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  ...'a bird sang in the old tree while two cats slept under it'.split(' '),
]
const HEADS = 2
const SIZE = 16
const WIDTH = HEADS * SIZE
const LAYERS = 2

/** How the weights of products are kept: the file endings of transformers.js' `dtype`. */
const endings = { fp32: '', fp16: '_fp16', q8: '_quantized', q4: '_q4' } as const
type Kind = keyof typeof endings

/** A graph with a random generator and products whose weights are kept in a way. */
class Net {
  readonly g: GraphBuilder
  private readonly random: () => number
  private names = 0

  constructor(
    name: string,
    readonly kind: Kind,
  ) {
    this.g = new GraphBuilder(name)
    this.random = seeded(5)
  }

  op(type: string, inputs: (Value | undefined)[], attributes: Record<string, unknown> = {}): Value {
    return this.g.op(type, inputs, attributes)
  }

  ints(...values: number[]): Value {
    return this.g.constant(`ints${this.names++}`, new Tensor('int64', values, [values.length]))
  }

  int(value: number): Value {
    return this.g.constant(`int${this.names++}`, new Tensor('int64', [value], []))
  }

  number(value: number): Value {
    return this.g.constant(`number${this.names++}`, new Tensor('float32', [value], []))
  }

  weights(shape: number[], scale = 0.4): Value {
    const size = shape.reduce((a, b) => a * b, 1)
    const values = Float32Array.from({ length: size }, () => (this.random() - 0.5) * 2 * scale)
    const value = this.g.constant(`weights${this.names++}`, new Tensor('float32', values, shape))
    return this.kind === 'fp16' ? this.op('Cast', [this.op('Cast', [value], { to: 10 })], { to: 1 }) : value
  }

  /** x · w, with w [rows, columns] kept as the kind says. */
  product(x: Value, rows: number, columns: number): Value {
    const values = Float32Array.from({ length: rows * columns }, () => (this.random() - 0.5) * 0.8)
    const name = `product${this.names++}`
    if (this.kind === 'q8') return this.dynamicallyQuantized(x, name, values, rows, columns)
    if (this.kind === 'q4') return this.packed(x, name, values, rows, columns)
    const w = this.g.constant(name, new Tensor('float32', values, [rows, columns]))
    if (this.kind === 'fp32') return this.op('MatMul', [x, w])
    const half = (value: Value) => this.op('Cast', [value], { to: 10 })
    return this.op('Cast', [this.op('MatMul', [half(x), half(w)])], { to: 1 })
  }

  private dynamicallyQuantized(x: Value, name: string, values: Float32Array, rows: number, columns: number): Value {
    const [q, scale, zero] = this.g.node('DynamicQuantizeLinear', [x], {}, { outputs: 3 })
    const step = 0.4 / 127
    const w = this.g.constant(
      name,
      new Tensor(
        'int8',
        Int8Array.from(values, (value) => Math.round(value / step)),
        [rows, columns],
      ),
    )
    const noZero = this.g.constant(`${name}.zero`, new Tensor('int8', [0], []))
    const sums = this.op('Cast', [this.op('MatMulInteger', [q, w, zero, noZero])], { to: 1 })
    return this.op('Mul', [sums, this.op('Mul', [scale, this.number(step)])])
  }

  private packed(x: Value, name: string, values: Float32Array, rows: number, columns: number): Value {
    const block = 16
    const blocks = rows / block
    const bytes = new Uint8Array((columns * rows) / 2)
    for (let n = 0; n < columns; n++)
      for (let k = 0; k < rows; k++)
        bytes[(n * rows + k) >> 1] |= (Math.round(values[k * columns + n] / 0.06) + 8) << (4 * (k % 2))
    const w = this.g.constant(name, new Tensor('uint8', bytes, [columns, blocks, block / 2]))
    const scales = this.g.constant(
      `${name}.scales`,
      new Tensor('float32', new Float32Array(columns * blocks).fill(0.06), [columns * blocks]),
    )
    const attributes = { K: rows, N: columns, bits: 4, block_size: block }
    return this.g.node('MatMulNBits', [x, w, scales], attributes, { domain: 'com.microsoft' })[0]
  }

  normalized(x: Value): Value {
    return this.op('LayerNormalization', [x, this.weights([WIDTH], 1), this.weights([WIDTH], 0.1)])
  }

  heads(x: Value): Value {
    return this.op('Transpose', [this.op('Reshape', [x, this.ints(0, 0, HEADS, SIZE)])], { perm: [0, 2, 1, 3] })
  }

  attention(q: Value, k: Value, v: Value, bias: Value): Value {
    const keys = this.op('Transpose', [k], { perm: [0, 1, 3, 2] })
    const scores = this.op('Add', [this.op('Div', [this.op('MatMul', [q, keys]), this.number(Math.sqrt(SIZE))]), bias])
    const mixed = this.op('MatMul', [this.op('Softmax', [scores], { axis: -1 }), v])
    return this.op('Reshape', [this.op('Transpose', [mixed], { perm: [0, 2, 1, 3] }), this.ints(0, 0, WIDTH)])
  }

  forward(x: Value): Value {
    return this.product(this.op('Gelu', [this.product(x, WIDTH, 2 * WIDTH)]), 2 * WIDTH, WIDTH)
  }

  /** 0 where the mask [batch, keys] is 1, and as good as −∞ elsewhere: [batch, 1, 1, keys]. */
  padding(mask: Value): Value {
    const wide = this.op('Unsqueeze', [this.op('Cast', [mask], { to: 1 }), this.ints(1, 2)])
    return this.op('Mul', [this.op('Sub', [this.number(1), wide]), this.number(-1e9)])
  }
}

/** A BERT: `last_hidden_state` of `input_ids`, `attention_mask` and `token_type_ids`. */
export function encoder(kind: Kind): Uint8Array {
  const net = new Net('encoder', kind)
  const { g } = net
  const axes = ['batch_size', 'sequence_length']
  const [ids, mask, types] = ['input_ids', 'attention_mask', 'token_type_ids'].map((name) =>
    g.input(name, 'int64', axes),
  )
  const bias = net.padding(mask)
  const words = net.op('Gather', [net.weights([WORDS.length, WIDTH]), ids])
  let x = net.normalized(net.op('Add', [words, net.op('Gather', [net.weights([2, WIDTH]), types])]))
  for (let layer = 0; layer < LAYERS; layer++) {
    const [q, k, v] = [0, 1, 2].map(() => net.heads(net.product(x, WIDTH, WIDTH)))
    x = net.normalized(net.op('Add', [x, net.product(net.attention(q, k, v, bias), WIDTH, WIDTH)]))
    x = net.normalized(net.op('Add', [x, net.forward(x)]))
  }
  g.output(x, 'last_hidden_state')
  return exportModel(g.graph())
}

/** A decoder that is fed its past, and gives one longer by the new tokens. */
function decoder(kind: Kind): Uint8Array {
  const net = new Net('decoder', kind)
  const { g } = net
  const ids = g.input('input_ids', 'int64', ['batch_size', 'sequence_length'])
  const mask = g.input('attention_mask', 'int64', ['batch_size', 'total_sequence_length'])
  const positions = g.input('position_ids', 'int64', ['batch_size', 'sequence_length'])
  // A key may be seen up to its own position.
  const total = net.op('Shape', [mask], { start: 1, end: 2 })
  const keys = net.op('Range', [net.int(0), net.op('Squeeze', [total, net.ints(0)]), net.int(1)])
  const late = net.op('Greater', [keys, net.op('Unsqueeze', [positions, net.ints(1, 3)])])
  const bias = net.op('Add', [net.padding(mask), net.op('Mul', [net.op('Cast', [late], { to: 1 }), net.number(-1e9)])])
  const presents: [string, Value][] = []
  const words = net.op('Gather', [net.weights([WORDS.length, WIDTH]), ids])
  let x = net.op('Add', [words, net.op('Gather', [net.weights([64, WIDTH]), positions])])
  for (let layer = 0; layer < LAYERS; layer++) {
    const given = net.normalized(x)
    const [q, newKeys, newValues] = [0, 1, 2].map(() => net.heads(net.product(given, WIDTH, WIDTH)))
    const [k, v] = (['key', 'value'] as const).map((what, i) => {
      const past = g.input(`past_key_values.${layer}.${what}`, 'float32', [
        'batch_size',
        HEADS,
        'past_sequence_length',
        SIZE,
      ])
      const present = net.op('Concat', [past, [newKeys, newValues][i]], { axis: 2 })
      presents.push([`present.${layer}.${what}`, present])
      return present
    })
    x = net.op('Add', [x, net.product(net.attention(q, k, v, bias), WIDTH, WIDTH)])
    x = net.op('Add', [x, net.forward(net.normalized(x))])
  }
  g.output(net.product(net.normalized(x), WIDTH, WORDS.length), 'logits')
  for (const [name, value] of presents) g.output(value, name)
  const graph = g.graph()
  return exportModel(graph)
}

const MELS = 8
const FRAMES = 100
const SPOKEN = ['<|endoftext|>', '<|startoftranscript|>', '<|en|>', '<|transcribe|>', '<|notimestamps|>']
const VOCABULARY = WORDS.length + SPOKEN.length

/** Two convolutions over log-mel features, then a layer of attention, as Whisper's encoder. */
function speechEncoder(kind: Kind): Uint8Array {
  const net = new Net('encoder', kind)
  const { g } = net
  const features = g.input('input_features', 'float32', ['batch_size', MELS, FRAMES])
  const convolved = (x: Value, channels: number, stride: number) =>
    net.op('Gelu', [
      net.op('Conv', [x, net.weights([WIDTH, channels, 3]), net.weights([WIDTH], 0.1)], {
        pads: [1, 1],
        strides: [stride],
      }),
    ])
  const rows = net.op('Transpose', [convolved(convolved(features, MELS, 1), WIDTH, 2)], { perm: [0, 2, 1] })
  let x = net.op('Add', [rows, net.weights([FRAMES / 2, WIDTH])])
  for (let layer = 0; layer < LAYERS; layer++) {
    const given = net.normalized(x)
    const [q, k, v] = [0, 1, 2].map(() => net.heads(net.product(given, WIDTH, WIDTH)))
    x = net.op('Add', [x, net.product(net.attention(q, k, v, net.number(0)), WIDTH, WIDTH)])
    x = net.op('Add', [x, net.forward(net.normalized(x))])
  }
  g.output(net.normalized(x), 'last_hidden_state')
  return exportModel(g.graph())
}

/**
 * A merged decoder: the keys and values of what was heard are made in the first step, and handed on by a branch in the
 * others.
 */
function speechDecoder(kind: Kind): Uint8Array {
  const net = new Net('decoder', kind)
  const { g } = net
  const ids = g.input('input_ids', 'int64', ['batch_size', 'decoder_sequence_length'])
  const heard = g.input('encoder_hidden_states', 'float32', ['batch_size', 'encoder_sequence_length', WIDTH])
  const pasts = Array.from({ length: LAYERS }, (_, layer) =>
    ['decoder.key', 'decoder.value', 'encoder.key', 'encoder.value'].map((what) =>
      g.input(`past_key_values.${layer}.${what}`, 'float32', [
        'batch_size',
        HEADS,
        what.startsWith('decoder') ? 'past_decoder_sequence_length' : 'encoder_sequence_length_out',
        SIZE,
      ]),
    ),
  )
  const cached = g.input('use_cache_branch', 'bool', [1])
  const length = (x: Value, axis: number) =>
    net.op('Squeeze', [net.op('Shape', [x], { start: axis, end: axis + 1 }), net.ints(0)])
  const past = length(pasts[0][0], 2)
  const total = net.op('Add', [past, length(ids, 1)])
  const positions = net.op('Range', [past, total, net.int(1)])
  const keys = net.op('Range', [net.int(0), total, net.int(1)])
  const late = net.op('Greater', [keys, net.op('Unsqueeze', [positions, net.ints(1)])])
  const bias = net.op('Mul', [net.op('Cast', [late], { to: 1 }), net.number(-1e9)])
  const presents: [string, Value][] = []
  const words = net.op('Gather', [net.weights([VOCABULARY, WIDTH]), ids])
  let x = net.op('Add', [words, net.op('Gather', [net.weights([64, WIDTH]), positions])])
  pasts.forEach(([pastKeys, pastValues, heardKeys, heardValues], layer) => {
    const given = net.normalized(x)
    const [q, newKeys, newValues] = [0, 1, 2].map(() => net.heads(net.product(given, WIDTH, WIDTH)))
    const k = net.op('Concat', [pastKeys, newKeys], { axis: 2 })
    const v = net.op('Concat', [pastValues, newValues], { axis: 2 })
    x = net.op('Add', [x, net.product(net.attention(q, k, v, bias), WIDTH, WIDTH)])
    const across = [heardKeys, heardValues].map((kept, i) => {
      const made = net.heads(net.product(heard, WIDTH, WIDTH))
      const branch = (name: string, from: Value): Graph => {
        const inner = new GraphBuilder(name)
        inner.output(inner.op('Identity', [from]), `${name}${layer}${i}`)
        return inner.graph()
      }
      return net.op('If', [cached], { then_branch: branch('kept', kept), else_branch: branch('made', made) })
    })
    const query = net.heads(net.product(net.normalized(x), WIDTH, WIDTH))
    x = net.op('Add', [x, net.product(net.attention(query, across[0], across[1], net.number(0)), WIDTH, WIDTH)])
    x = net.op('Add', [x, net.forward(net.normalized(x))])
    presents.push([`present.${layer}.decoder.key`, k], [`present.${layer}.decoder.value`, v])
    presents.push([`present.${layer}.encoder.key`, across[0]], [`present.${layer}.encoder.value`, across[1]])
  })
  g.output(net.product(net.normalized(x), WIDTH, VOCABULARY), 'logits')
  for (const [name, value] of presents) g.output(value, name)
  return exportModel(g.graph())
}

const json = (folder: string, name: string, value: object) => writeFileSync(join(folder, name), JSON.stringify(value))

function writeTokenizer(folder: string, words: readonly string[], special: (word: string) => boolean, config: object) {
  json(folder, 'tokenizer_config.json', {
    tokenizer_class: 'PreTrainedTokenizerFast',
    model_max_length: 64,
    pad_token: '[PAD]',
    unk_token: '[UNK]',
    ...config,
  })
  json(folder, 'tokenizer.json', {
    version: '1.0',
    added_tokens: words.flatMap((content, id) =>
      special(content)
        ? [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }]
        : [],
    ),
    normalizer: null,
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: null,
    decoder: null,
    model: { type: 'WordLevel', vocab: Object.fromEntries(words.map((word, id) => [word, id])), unk_token: '[UNK]' },
  })
}

function write(folder: string, config: object, models: Record<string, (kind: Kind) => Uint8Array>): void {
  mkdirSync(join(folder, 'onnx'), { recursive: true })
  json(folder, 'config.json', config)
  for (const kind of Object.keys(endings) as Kind[])
    for (const [name, make] of Object.entries(models))
      writeFileSync(join(folder, `onnx/${name}${endings[kind]}.onnx`), make(kind))
}

const sizes = {
  vocab_size: WORDS.length,
  hidden_size: WIDTH,
  num_hidden_layers: LAYERS,
  num_attention_heads: HEADS,
}

function writeSpeech(folder: string): void {
  const words = [...WORDS, ...SPOKEN]
  const id = (word: string) => words.indexOf(word)
  const [end, start, language, task, untimed] = SPOKEN.map(id)
  const tokens = { eos_token_id: end, bos_token_id: end, pad_token_id: end, decoder_start_token_id: start }
  const config = {
    model_type: 'whisper',
    architectures: ['WhisperForConditionalGeneration'],
    is_encoder_decoder: true,
    d_model: WIDTH,
    vocab_size: VOCABULARY,
    encoder_layers: LAYERS,
    decoder_layers: LAYERS,
    encoder_attention_heads: HEADS,
    decoder_attention_heads: HEADS,
    num_mel_bins: MELS,
    max_source_positions: FRAMES / 2,
    ...tokens,
  }
  write(folder, config, { encoder_model: speechEncoder, decoder_model_merged: speechDecoder })
  json(folder, 'generation_config.json', {
    ...tokens,
    is_multilingual: true,
    lang_to_id: { '<|en|>': language },
    task_to_id: { transcribe: task },
    no_timestamps_token_id: untimed,
    suppress_tokens: [end],
  })
  json(folder, 'preprocessor_config.json', {
    feature_extractor_type: 'WhisperFeatureExtractor',
    processor_class: 'WhisperProcessor',
    chunk_length: 1,
    feature_size: MELS,
    hop_length: 160,
    n_fft: 400,
    n_samples: 160 * FRAMES,
    nb_max_frames: FRAMES,
    sampling_rate: 16_000,
  })
  const special = (word: string) => word.startsWith('[') || word.startsWith('<|')
  writeTokenizer(folder, words, special, { tokenizer_class: 'WhisperTokenizer', eos_token: '<|endoftext|>' })
}

/** Writes the models `bert`, `llama` and `whisper` into a folder, each with its four kinds of weights. */
export function writeModels(folder: string): void {
  const special = (word: string) => word.startsWith('[')
  const marks = { cls_token: '[CLS]', sep_token: '[SEP]' }
  const bert = { model_type: 'bert', architectures: ['BertModel'], ...sizes }
  write(join(folder, 'bert'), bert, { model: encoder })
  writeTokenizer(join(folder, 'bert'), WORDS, special, marks)
  const llama = {
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    num_key_value_heads: HEADS,
    head_dim: SIZE,
    eos_token_id: 3,
    bos_token_id: 2,
    ...sizes,
  }
  write(join(folder, 'llama'), llama, { model: decoder })
  writeTokenizer(join(folder, 'llama'), WORDS, special, marks)
  writeSpeech(join(folder, 'whisper'))
}
