import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readCheckpoint, type StoriesConfig } from '../../models/stories/checkpoint.js'
import { Storyteller } from '../../models/stories/generate.js'
import { storiesGraph } from '../../models/stories/model.js'
import { decode, readPieces } from '../../models/stories/tokenizer.js'
import type { HostTensor } from '../../src/core/host.js'
import { exportModel, LanewiseError, Tensor } from '../../src/node.js'
import { onnxruntimeWeb } from '../conformance/engines.js'
import { agrees, compareTensors, describeComparison, modelTolerance } from '../support/agreement.js'
import { expectError } from '../support/expect-error.js'
import { randomTensor, seeded } from '../support/random.js'
import { skipUnlessShared } from '../support/shared.js'
import { builds } from '../support/wasm.js'

const small: StoriesConfig = { dim: 16, hiddenDim: 20, layers: 2, heads: 4, kvHeads: 2, vocabulary: 11, length: 160 }

/** A checkpoint of random weights, in the file's format. */
function smallFile({ shared = true, ...changes }: Partial<StoriesConfig & { shared: boolean }> = {}): Uint8Array {
  const { dim, hiddenDim, layers, heads, kvHeads, vocabulary, length } = { ...small, ...changes }
  const size = dim / heads
  const perLayer = 2 * dim + 2 * dim * dim + 2 * kvHeads * size * dim + 3 * hiddenDim * dim
  const angles = length * size
  const before = vocabulary * dim + layers * perLayer + dim
  const weights = randomTensor(seeded(17), 'float32', [before + angles + (shared ? 0 : vocabulary * dim)], -0.6, 0.6)
    .data as Float32Array
  for (let i = 0; i < angles / 2; i++) {
    const angle = Math.floor(i / (size / 2)) / 100 ** ((i % (size / 2)) / (size / 2))
    weights[before + i] = Math.cos(angle)
    weights[before + angles / 2 + i] = Math.sin(angle)
  }
  const header = Int32Array.of(dim, hiddenDim, layers, heads, kvHeads, shared ? vocabulary : -vocabulary, length)
  return new Uint8Array([...new Uint8Array(header.buffer), ...new Uint8Array(weights.buffer)])
}

/** How many plans a session has made for its outputs. */
function plansOf(teller: Storyteller): number {
  const { programs } = teller.session as unknown as {
    programs: { ready: Set<{ entries: { values(): Iterable<unknown> } }> }
  }
  return [...programs.ready].reduce((sum, program) => sum + [...program.entries.values()].length, 0)
}

const logitsOf = (tensor: Tensor): HostTensor => ({
  dtype: 'float32',
  shape: tensor.dims,
  data: Float32Array.from(tensor.data as Float32Array),
})

function expectAgreement(actual: HostTensor, expected: HostTensor): void {
  const comparison = compareTensors(actual, expected, modelTolerance)
  if (!agrees(comparison)) expect.fail(describeComparison(comparison))
}

describe('the checkpoint', () => {
  test('is read whole, at any offset', () => {
    const file = smallFile({ shared: false })
    const shifted = new Uint8Array(file.length + 1)
    shifted.set(file, 1)
    const [a, b] = [readCheckpoint(file), readCheckpoint(shifted.subarray(1))]
    expect(b).toEqual(a)
    expect(a.config).toEqual(small)
    expect(a.layers).toHaveLength(2)
    expect(a.classifier).toHaveLength(11 * 16)
    expect(a.classifier).not.toBe(a.embedding)
    expect(readCheckpoint(smallFile()).classifier).toHaveLength(11 * 16)
  })

  test.each<[string, (file: Uint8Array) => Uint8Array]>([
    ['no header', (file) => file.subarray(0, 20)],
    ['a byte is missing', (file) => file.subarray(0, -1)],
    ['a byte too many', (file) => new Uint8Array([...file, 0])],
    ['negative sizes', (file) => withWord(file, 2, -2)],
    ['sizes beyond memory', (file) => withWord(file, 1, 2 ** 30)],
    ['heads that do not divide', (file) => withWord(file, 3, 3)],
    ['shared heads that do not divide', (file) => withWord(file, 4, 3)],
  ])('%s: E_PARSE', (_, broken) => {
    expectError('E_PARSE', () => readCheckpoint(broken(smallFile())))
  })
})

function withWord(file: Uint8Array, index: number, value: number): Uint8Array {
  const copy = file.slice()
  new DataView(copy.buffer).setInt32(4 * index, value, true)
  return copy
}

describe('a small model', () => {
  test('one token at a time is the whole sequence at once, while the buffers grow', async () => {
    const tokens = Array.from({ length: 150 }, (_, i) => (i * i + 3 * i + 1) % 11)
    const [slow, whole] = await Promise.all([Storyteller.create(smallFile()), Storyteller.create(smallFile())])
    const expected = logitsOf(await whole.append(tokens))
    const sizes = new Set<number>()
    for (const [i, token] of tokens.entries()) {
      const row = logitsOf(await slow.append([token]))
      expectAgreement(row, { ...row, data: (expected.data as Float32Array).slice(11 * i, 11 * (i + 1)) })
      sizes.add(slow.rows)
    }
    expect([...sizes]).toEqual([64, 128, 160])
    // For 64 and for 128 rows; the plan for 160 is made of the second one.
    expect(plansOf(slow)).toBe(2)
    // A prompt in the middle of a sequence, and a sequence begun again over what the last one left.
    slow.reset()
    await slow.append(tokens.slice(0, 5))
    const rest = logitsOf(await slow.append(tokens.slice(5, 20)))
    expectAgreement(rest, { ...rest, data: (expected.data as Float32Array).slice(11 * 5, 11 * 20) })
    await Promise.all([slow.release(), whole.release()])
  })

  test.each(builds)(
    'a token outside the vocabulary is an error that names the node and the tensor (%s)',
    async (build) => {
      const teller = await Storyteller.create(smallFile(), { build })
      const before = logitsOf(await teller.append([3, 4]))
      for (const token of [11, -12, 2 ** 33]) {
        const error = await teller.append([token]).then(
          () => undefined,
          (thrown: unknown) => thrown,
        )
        expect(error).toBeInstanceOf(LanewiseError)
        expect(error).toMatchObject({
          code: 'E_VALUE',
          op: 'Gather',
          node: 'tok_embeddings',
          tensor: 'tokens',
          actual: String(token),
        })
      }
      // The sequence stands where it stood.
      expect(teller.position).toBe(2)
      teller.reset()
      expect(logitsOf(await teller.append([3, 4]))).toEqual(before)
      await teller.release()
    },
  )

  test('a sequence longer than the model has positions for: E_VALUE', async () => {
    const teller = await Storyteller.create(smallFile())
    await teller.append(new Array<number>(160).fill(1))
    await expect(teller.append([1])).rejects.toMatchObject({ code: 'E_VALUE', expected: 'at most 160 tokens' })
    await teller.release()
  })

  test('a classifier of its own', async () => {
    const [tied, own] = await Promise.all([
      Storyteller.create(smallFile()),
      Storyteller.create(smallFile({ shared: false })),
    ])
    const [a, b] = [await tied.append([1, 2]), await own.append([1, 2])]
    expect(b.dims).toEqual([2, 11])
    expect(a.data).not.toEqual(b.data)
    await Promise.all([tied.release(), own.release()])
  })
})

describe('the tokenizer', () => {
  const piece = (text: string): number[] => [
    ...new Uint8Array(4),
    text.length,
    0,
    0,
    0,
    ...new TextEncoder().encode(text),
  ]
  const file = Uint8Array.from([
    ...new Uint8Array(4),
    ...piece('<unk>'),
    ...piece('<s>'),
    ...piece('<0x0A>'),
    ...piece(' one'),
    ...piece('ly'),
  ])

  test('puts pieces together', () => {
    expect(decode(readPieces(file), [1, 3, 4, 2, 3])).toBe(' onely\n one')
  })

  test('refuses what is cut off, and tokens it does not have', () => {
    expectError('E_PARSE', () => readPieces(file.subarray(0, -1)))
    expectError('E_PARSE', () => readPieces(file.subarray(0, 7)))
    expectError('E_VALUE', () => decode(readPieces(file), [5]))
  })
})

interface Reference {
  readonly text: string
  readonly tokens: readonly number[]
  readonly logits_first16: readonly (readonly number[])[]
}

skipUnlessShared('stories260K', ['models', 'stories260K'], (folder) => {
  const file = readFileSync(join(folder, 'stories260K.bin'))
  const {
    text,
    tokens,
    logits_first16: logits,
  } = JSON.parse(readFileSync(join(folder, 'reference.json'), 'utf8')) as Reference
  const expectedRow = (i: number): HostTensor => ({
    dtype: 'float32',
    shape: [1, logits[i].length],
    data: Float32Array.from(logits[i]),
  })

  test.each(builds)('200 greedy tokens and the logits of 16 positions are the reference (%s)', async (build) => {
    const teller = await Storyteller.create(file, { build })
    // One token per run, and that at positions one after the other.
    const fed: bigint[] = []
    const run = teller.session.run.bind(teller.session) as (...args: unknown[]) => Promise<Record<string, Tensor>>
    const rows: HostTensor[] = []
    teller.session.run = async (feeds: Record<string, Tensor>, ...rest: unknown[]) => {
      expect(feeds.tokens.dims).toEqual([1])
      fed.push((feeds.positions.data as BigInt64Array)[0])
      const results = await run(feeds, ...rest)
      rows.push(logitsOf(results.logits))
      return results
    }
    expect([tokens[0], ...(await teller.greedy(tokens.slice(0, 1), 199))]).toEqual(tokens)
    expect(fed).toEqual(Array.from({ length: 199 }, (_, i) => BigInt(i)))
    logits.forEach((_, i) => expectAgreement(rows[i], expectedRow(i)))
    // For 64 and for 128 rows; the plan for 256 is made of the second one.
    expect(plansOf(teller)).toBe(2)
    await teller.release()
  })

  test('which are this text', () => {
    expect(decode(readPieces(readFileSync(join(folder, 'tok512.bin'))), tokens)).toBe(text)
  })

  test('the exported model says the same in onnxruntime-web', async () => {
    const checkpoint = readCheckpoint(file)
    const { layers, heads, kvHeads, dim } = checkpoint.config
    const width = (dim / heads) * kvHeads
    const engine = await onnxruntimeWeb()
    const model = await engine.load(exportModel(storiesGraph(checkpoint)))
    const teller = await Storyteller.create(file)
    let caches = new Map<string, HostTensor>()
    for (let i = 0; i < layers; i++) {
      for (const name of [`keys_${i}`, `values_${i}`])
        caches.set(name, { dtype: 'float32', shape: [256, width], data: new Float32Array(256 * width) })
    }
    const said = [tokens[0]]
    for (let position = 0; said.length < tokens.length; position++) {
      const integer = (value: number): HostTensor => ({
        dtype: 'int64',
        shape: [1],
        data: BigInt64Array.of(BigInt(value)),
      })
      const outputs = (await model.run(
        new Map([['tokens', integer(said[position])], ['positions', integer(position)], ...caches]),
      )) as Map<string, HostTensor>
      caches = new Map([...caches.keys()].map((name) => [name, outputs.get(`new_${name}`)!]))
      const row = outputs.get('logits')!
      expectAgreement(row, logitsOf(await teller.append([said[position]])))
      if (position < logits.length) expectAgreement(row, expectedRow(position))
      said.push((row.data as Float32Array).indexOf(Math.max(...(row.data as Float32Array))))
    }
    expect(said).toEqual(tokens)
    await Promise.all([model.release(), teller.release()])
  })
})
