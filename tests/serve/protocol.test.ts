import { describe, expect, test } from 'vitest'
import type { DType } from '../../src/core/dtype.js'
import { hostFrom, type HostTensor } from '../../src/core/host.js'
import { numericTensor } from '../../src/ops/shared/scalar-floats.js'
import { bytesOf, jsonOf, tensorFromBytes, tensorFromJson } from '../../src/serve/datatypes.js'
import { readRequest, writeAnswer, type ModelDescription } from '../../src/serve/protocol.js'
import { expectError, expectRejects } from '../support/expect-error.js'

const model: ModelDescription = {
  inputs: [
    { name: 'x', dtype: 'float32', shape: ['N', 2] },
    { name: 'words', dtype: 'string', shape: ['N'] },
  ],
  outputs: [
    { name: 'y', dtype: 'float32', shape: ['N', 2] },
    { name: 'n', dtype: 'int64', shape: [] },
  ],
}
const x = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }
const words = { name: 'words', datatype: 'BYTES', shape: [1], data: ['a'] }
const body = (value: unknown, ...binary: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat([Buffer.from(JSON.stringify(value)), ...binary])
const bytes = (...values: number[]) => Uint8Array.from(values)

describe('a request', () => {
  test('has its tensors in JSON, nested or not', async () => {
    const { inputs, outputs, id, timeout } = await readRequest(
      body({ id: '7', inputs: [words, { ...x, shape: [2, 2], data: [[1, 2], [3, 4]] }], parameters: { timeout: 5000 } }), // prettier-ignore
      undefined,
      model,
    )
    expect(inputs.x).toEqual({ dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) })
    expect(inputs.words.data).toEqual(['a'])
    expect({ id, timeout }).toEqual({ id: '7', timeout: 5 })
    expect(outputs).toEqual([
      { name: 'y', binary: false },
      { name: 'n', binary: false },
    ])
  })

  test('has its tensors behind the JSON, in the order of the inputs', async () => {
    const json = {
      inputs: [
        { name: 'words', datatype: 'BYTES', shape: [2], parameters: { binary_data_size: 11 } },
        { name: 'x', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } },
      ],
      outputs: [{ name: 'n' }, { name: 'y', parameters: { binary_data: false } }],
      parameters: { binary_data_output: true },
    }
    const whole = body(json, bytes(0, 0, 0, 0, 3, 0, 0, 0, 0xe2, 0x82, 0xac), bytes(0, 0, 128, 63, 0, 0, 0, 64))
    const { inputs, outputs } = await readRequest(whole, String(JSON.stringify(json).length), model)
    expect(inputs.words.data).toEqual(['', '€'])
    expect(inputs.x.data).toEqual(Float32Array.of(1, 2))
    expect(outputs).toEqual([
      { name: 'n', binary: true },
      { name: 'y', binary: false },
    ])
  })

  const hostile: [string, string, unknown, RegExp, string?][] = [
    ['no JSON', 'E_PARSE', undefined, /no JSON/],
    ['a list', 'E_PARSE', [], /must be a JSON object/],
    ['no inputs', 'E_TENSOR', {}, /"inputs" must be an array/],
    ['an input that is a number', 'E_TENSOR', { inputs: [1] }, /each input must be an object/],
    ['an input without a name', 'E_TENSOR', { inputs: [{}] }, /each input must be an object with a name/],
    ['an unknown input', 'E_TENSOR', { inputs: [{ name: '__proto__' }] }, /no input "__proto__" \(inputs: x, words\)/],
    ['an input twice', 'E_TENSOR', { inputs: [x, x] }, /"x" is there twice/],
    ['an input that is missing', 'E_TENSOR', { inputs: [x] }, /"words" is missing/],
    ['a type that is none', 'E_TENSOR', { inputs: [{ ...x, datatype: 'FP8' }] }, /"FP8" is none of BOOL/],
    ['no type', 'E_TENSOR', { inputs: [{ ...x, datatype: undefined }] }, /^"x": "datatype" is missing, one of BOOL/],
    ['another type', 'E_TENSOR', { inputs: [{ ...x, datatype: 'FP64' }] }, /is FP32, got FP64/],
    ['a shape that is text', 'E_TENSOR', { inputs: [{ ...x, shape: '1,2' }] }, /must be an array/],
    ['a shape of 65 axes', 'E_TENSOR', { inputs: [{ ...x, shape: new Array(65).fill(1) }] }, /has 65 axes, at most 64/],
    ['a negative size', 'E_TENSOR', { inputs: [{ ...x, shape: [-1, 2] }] }, /whole numbers/],
    ['half a size', 'E_TENSOR', { inputs: [{ ...x, shape: [0.5, 2] }] }, /whole numbers/],
    ['sizes beyond 2^53', 'E_TENSOR', { inputs: [{ ...x, shape: [2 ** 52, 2 ** 52] }] }, /too many elements/],
    ['another rank', 'E_TENSOR', { inputs: [{ ...x, shape: [2] }] }, /has the shape \[N,2\], got \[2\]/],
    ['another size', 'E_TENSOR', { inputs: [{ ...x, shape: [1, 3] }] }, /has the shape \[N,2\], got \[1,3\]/],
    ['more elements than are sent', 'E_TENSOR', { inputs: [{ ...x, shape: [2 ** 40, 2] }] }, /but 2 were sent/],
    ['no data', 'E_TENSOR', { inputs: [{ ...x, data: undefined }] }, /"data" of "x" must be an array/],
    ['ragged data', 'E_TENSOR', { inputs: [{ ...x, shape: [2, 2], data: [[1], [2, 3, 4]] }] }, /nested data/],
    ['data nested too deep', 'E_TENSOR', { inputs: [{ ...x, data: [[[1], [2]]] }] }, /nested data/],
    ['text for a number', 'E_TENSOR', { inputs: [{ ...x, data: [1, '2'] }] }, /"2" is no number of float32/],
    ['null for a number', 'E_TENSOR', { inputs: [{ ...x, data: [1, null] }] }, /null is no number/],
    ['a number beyond float32', 'E_TENSOR', { inputs: [{ ...x, data: [1, 1e39] }] }, /1e\+39 is no number of float32/],
    ['a number for a string', 'E_TENSOR', { inputs: [{ ...words, data: [1] }] }, /BYTES are strings/],
    ['parameters that are a list', 'E_TENSOR', { inputs: [x, words], parameters: [] }, /parameters of the request/],
    ['a sequence', 'E_UNSUPPORTED', { inputs: [x, words], parameters: { sequence_id: 1 } }, /"sequence_id"/],
    ['shared memory', 'E_UNSUPPORTED', { inputs: [{ ...x, parameters: { shared_memory_region: 'r' } }] }, /shared_mem/],
    ['an output that is none', 'E_TENSOR', { inputs: [x, words], outputs: [{ name: 'z' }] }, /no output "z"/],
    ['an output twice', 'E_TENSOR', { inputs: [x, words], outputs: [{ name: 'y' }, { name: 'y' }] }, /is there twice/],
    ['outputs that are none', 'E_TENSOR', { inputs: [x, words], outputs: {} }, /"outputs" must be an array/],
    ['an id that is a number', 'E_TENSOR', { id: 1, inputs: [x, words] }, /"id" must be a string/],
    ['a flag that is text', 'E_TENSOR', { inputs: [x, words], parameters: { binary_data_output: 'true' } }, /true or false, got "true"/], // prettier-ignore
    ['a flag that is 1', 'E_TENSOR', { inputs: [x, words], outputs: [{ name: 'y', parameters: { binary_data: 1 } }] }, /"binary_data" must be/], // prettier-ignore
    ['half of a surrogate pair', 'E_TENSOR', { inputs: [{ ...words, data: ['\ud83d'] }] }, /surrogate/],
    ['no time', 'E_TENSOR', { inputs: [x, words], parameters: { timeout: -1 } }, /microseconds/],
    ['a header longer than the body', 'E_TENSOR', { inputs: [x, words] }, /the body has/, '9999'],
    ['a header that is no number', 'E_TENSOR', { inputs: [x, words] }, /Inference-Header/, '-1'],
    ['binary data that are not there', 'E_TENSOR', { inputs: [{ ...x, data: undefined, parameters: { binary_data_size: 8 } }] }, /0 bytes are left/], // prettier-ignore
    ['a negative size of binary data', 'E_TENSOR', { inputs: [{ ...x, data: undefined, parameters: { binary_data_size: -8 } }] }, /bytes are left/], // prettier-ignore
    ['data twice', 'E_TENSOR', { inputs: [{ ...x, parameters: { binary_data_size: 0 } }] }, /both data and binary/],
  ]
  test.each(hostile)('with %s is %s', async (_, code, value, message, header) => {
    const sent = value === undefined ? Buffer.from('{"inputs": [') : body(value)
    await expectRejects(code as 'E_PARSE', () => readRequest(sent, header, model), message)
  })

  test('has null for what is not there, and 0 for no timeout and no sequence', async () => {
    const nothing = { id: null, outputs: null, parameters: null }
    const { id, outputs } = await readRequest(
      body({ ...nothing, inputs: [{ ...x, parameters: { binary_data_size: null } }, words] }),
      undefined,
      model,
    )
    expect({ id, outputs }).toEqual({
      id: undefined,
      outputs: [
        { name: 'y', binary: false },
        { name: 'n', binary: false },
      ],
    })
    const zero = { timeout: 0, sequence_id: 0, binary_data_output: null }
    expect((await readRequest(body({ inputs: [x, words], parameters: zero }), undefined, model)).timeout).toBe(
      undefined,
    )
    const json = { inputs: [{ ...x, data: null, parameters: { binary_data_size: 8 } }, words] }
    const sent = body(json, bytes(0, 0, 128, 63, 0, 0, 0, 64))
    expect((await readRequest(sent, String(JSON.stringify(json).length), model)).inputs.x.data).toEqual(
      Float32Array.of(1, 2),
    )
  })

  test('has its inputs in the order of the model, whatever its own', async () => {
    const { inputs } = await readRequest(body({ inputs: [words, x] }), undefined, model)
    expect(Object.keys(inputs)).toEqual(['x', 'words'])
  })

  test('that is not UTF-8 is refused, not read as other characters', async () => {
    const json = JSON.stringify({ inputs: [x, { ...words, data: ['?'] }] })
    await expectRejects(
      'E_PARSE',
      () => readRequest(Buffer.from(json.replace('?', '\xff'), 'latin1'), undefined, model),
      /no JSON/,
    )
  })

  test('may be the bytes of the only input alone', async () => {
    const only = (dtype: DType, shape: readonly (number | string)[]): ModelDescription => ({
      inputs: [{ name: 'x', dtype, shape }],
      outputs: model.outputs,
    })
    const raw = (sent: Uint8Array, described: ModelDescription, batches = false) =>
      readRequest(sent, '0', described, batches)
    const six = bytes(1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0)
    expect(await raw(six, only('int16', [2, 'L']))).toEqual({
      id: undefined,
      inputs: { x: { dtype: 'int16', shape: [2, 3], data: Int16Array.of(1, 2, 3, 4, 5, 6) } },
      outputs: [
        { name: 'y', binary: true },
        { name: 'n', binary: true },
      ],
      timeout: undefined,
    })
    // The first axis of a batch is 1.
    expect((await raw(six, only('int16', ['N', 'L']), true)).inputs.x.shape).toEqual([1, 6])
    expect((await raw(Buffer.from('ß'), only('string', ['N']))).inputs.x).toEqual({
      dtype: 'string',
      shape: [1],
      data: ['ß'],
    })
    await expectRejects(
      'E_TENSOR',
      () => raw(six, only('int16', ['N', 'L'])),
      /does not tell the sizes of "x", \[N,L\]/,
    )
    await expectRejects('E_TENSOR', () => raw(six, only('int16', ['N', 4]), true), /has 8 bytes, but 12/)
    await expectRejects('E_TENSOR', () => raw(six, only('int16', [0, 'L'])), /has 0 bytes, but 12/)
    await expectRejects('E_TENSOR', () => raw(bytes(255), only('string', [1])), /not UTF-8/)
    await expectRejects('E_TENSOR', () => raw(six, only('string', [1, 2])), /does not tell/)
    await expectRejects('E_TENSOR', () => raw(six, model), /models of one input/)
  })

  test('with a number beyond all numbers says so, not that it is null', async () => {
    const sent = (text: string) =>
      Buffer.from(JSON.stringify({ inputs: [x, words] }).replace(text, text.replace('2]', '-1e400]')))
    await expectRejects(
      'E_TENSOR',
      () => readRequest(sent('"data":[1,2]'), undefined, model),
      /beyond -1.8e308 is no number of/,
    )
    await expectRejects(
      'E_TENSOR',
      () => readRequest(sent('"shape":[1,2]'), undefined, model),
      /got \[1,a number beyond -1/,
    )
    expectError(
      'E_TENSOR',
      () => tensorFromJson('x', 'int64', [1], JSON.parse('[1e400]')),
      /a number beyond 1.8e308 is/,
    )
  })

  test('nested a million deep is refused, not followed', async () => {
    const deep = Buffer.from(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":${'['.repeat(1e6)}${']'.repeat(1e6)}}]}`) // prettier-ignore
    await expectRejects('E_TENSOR', () => readRequest(deep, undefined, model), /nested data/)
  })

  test('is the same by its pieces as by JSON.parse, wherever they are cut', async () => {
    const count = 40_000
    const data = Array.from({ length: 2 * count }, (_, i) => (i % 3 ? i / 7 : -(i + 1) * 1e-3))
    const texts = Array.from({ length: count }, (_, i) => ['', '],[', '"', '\\', 'ß\ud83d\ude00', '{'][i % 6])
    const request = {
      inputs: [
        { ...words, shape: [count], data: texts },
        { ...x, shape: [count, 2], data },
      ],
      outputs: [{ name: 'y', data: [1, 2] }],
    }
    const nested = { ...request.inputs[1], data: texts.map((_, i) => data.slice(2 * i, 2 * i + 2)) }
    for (const text of [JSON.stringify(request), JSON.stringify({ ...request, inputs: [request.inputs[0], nested] })]) {
      let pauses = 0
      let held = 0
      const breathe = async (more: number) => void ((held += more), pauses++)
      const { inputs } = await readRequest(Buffer.from(text), undefined, model, false, breathe)
      expect(inputs.x.data).toEqual(Float32Array.from(data))
      expect(inputs.words.data).toEqual(texts)
      expect(pauses).toBeGreaterThan(text.length / 2 ** 17)
      expect(held).toBeGreaterThanOrEqual(8 * count)
    }
  })

  const plain = '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":?},{"name":"words","datatype":"BYTES","shape":[1],"data":["a"]}]}' // prettier-ignore
  test.each([
    ['[1,2', 'E_PARSE'],
    ['[1,2}', 'E_PARSE'],
    ['[1,2,]', 'E_PARSE'],
    ['[,1,2]', 'E_PARSE'],
    ['[1,,2]', 'E_PARSE'],
    ['[1 2]', 'E_PARSE'],
    ['[01,2]', 'E_PARSE'],
    ['[0x1,2]', 'E_PARSE'],
    ['[1.,2]', 'E_PARSE'],
    ['[+1,2]', 'E_PARSE'],
    ['[1,NaN]', 'E_PARSE'],
    ['[1,2]]', 'E_PARSE'],
    ['[[1,2],]', 'E_PARSE'],
    ['[[1,2][3,4]]', 'E_PARSE'],
    ['[1,2\u00a0]', 'E_PARSE'],
    ['[1,"\u0001"]', 'E_PARSE'],
    ['[1,{}]', 'E_TENSOR'],
    ['[1,[2]]', 'E_TENSOR'],
    ['[[1],2]', 'E_TENSOR'],
    ['[[1,2],[]]', 'E_TENSOR'],
    ['[1,2,3]', 'E_TENSOR'],
    ['[]', 'E_TENSOR'],
    ['0', 'E_TENSOR'],
    ['{"0":1}', 'E_TENSOR'],
  ] as const)('with data %s is refused by %s', async (data, code) => {
    await expectRejects(code, () => readRequest(Buffer.from(plain.replace('?', data)), undefined, model))
  })

  test.each([
    ['the last of two of one name', '[5,6],"data":[1,2]'],
    ['spelt otherwise', '7,"\\u0064ata" : [ 1 ,\n[2]]'.replace('[2]', '2')],
    ['nested', '[[1,2]]'],
    ['texts', '["1","2"],"data" :[1,2]'],
    ['something else', '[0],"more":{"data":[0]},"data":[1,2],"list":[{"data":[0]}]'],
  ])('has its data, %s', async (_, data) => {
    const { inputs } = await readRequest(Buffer.from(plain.replace('?', data)), undefined, model)
    expect(inputs.x.data).toEqual(Float32Array.of(1, 2))
  })

  test.each([
    ['objects in a parameter', '{"parameters":{"p":[', '{}', ']},"inputs":[]}', 'E_BUDGET'],
    ['lists for inputs', '{"inputs":[', '[]', ']}', 'E_BUDGET'],
    ['inputs', '{"inputs":[', '{"name":"x","data":[1]}', ']}', 'E_BUDGET'],
    ['lists for numbers', plain.slice(0, plain.indexOf('?')) + '[', '[]', ']}]}', 'E_TENSOR'],
    ['objects for numbers', plain.slice(0, plain.indexOf('?')) + '[', '{}', ']}]}', 'E_TENSOR'],
    ['strings', '{"inputs":[{"name":"words","datatype":"BYTES","shape":[300000],"data":[', '""', ']}]}', 'E_BUDGET'],
  ])('of millions of %s is refused before much is made of it', async (_, head, item, tail, code) => {
    const sent = Buffer.from(`${head}${`${item},`.repeat(2e6)}${item}${tail}`)
    const before = process.cpuUsage()
    const heap = process.memoryUsage()
    await expectRejects(code as 'E_BUDGET', () => readRequest(sent, undefined, model))
    const { user } = process.cpuUsage(before)
    // JSON.parse takes seconds and hundreds of megabytes for these.
    expect(user).toBeLessThan(500_000)
    expect(process.memoryUsage().heapUsed - heap.heapUsed).toBeLessThan(2 ** 26)
  })

  test('with bytes that belong to nothing is refused', async () => {
    const json = { inputs: [x, words] }
    await expectRejects(
      'E_TENSOR',
      () => readRequest(body(json, bytes(1)), String(JSON.stringify(json).length), model),
      /1 bytes of the body belong to no input/,
    )
  })
})

describe('elements', () => {
  const numbers: [DType, readonly (number | bigint)[], string][] = [
    ['bool', [1, 0], '[true,false]'],
    ['uint8', [0, 255], '[0,255]'],
    ['uint16', [0, 65535], '[0,65535]'],
    ['uint32', [0, 4294967295], '[0,4294967295]'],
    ['uint64', [0n, 9007199254740991n], '[0,9007199254740991]'],
    ['int8', [-128, 127], '[-128,127]'],
    ['int16', [-32768, 32767], '[-32768,32767]'],
    ['int32', [-2147483648, 2147483647], '[-2147483648,2147483647]'],
    ['int64', [-9007199254740991n, 3n], '[-9007199254740991,3]'],
    ['float32', [0.5, -3.4028234663852886e38], '[0.5,-3.4028234663852886e+38]'],
    ['float64', [0.1, 1e-300], '[0.1,1e-300]'],
  ]
  const halves: [DType, HostTensor, string][] = [
    ['float16', numericTensor('float16', [2], [0.5, -65504]), '[0.5,-65504]'],
    ['bfloat16', numericTensor('bfloat16', [2], [0.5, -2]), '[0.5,-2]'],
    ['string', { dtype: 'string', shape: [2], data: ['', 'ß"\n'] }, '["","ß\\"\\n"]'],
  ]
  const all = [
    ...numbers.map(([dtype, values, json]) => [dtype, hostFrom(dtype, [2], values), json] as const),
    ...halves,
  ]
  test.each(all)('of %s are the same after JSON and after bytes', (dtype, tensor, json) => {
    expect(jsonOf(tensor)).toBe(json)
    expect(tensorFromJson('x', dtype, [2], JSON.parse(json))).toEqual(tensor)
    // At an odd address, as in a request.
    const shifted = Buffer.concat([bytes(0), bytesOf(tensor)]).subarray(1)
    expect(tensorFromBytes('x', dtype, [2], shifted)).toEqual(tensor)
  })

  test('that JSON has no numbers for are text', () => {
    const tensor = { dtype: 'float32', shape: [3], data: Float32Array.of(NaN, -Infinity, Infinity) } as const
    expect(jsonOf(tensor)).toBe('["NaN","-Infinity","Infinity"]')
    expect(tensorFromJson('x', 'float32', [3], JSON.parse(jsonOf(tensor)))).toEqual(tensor)
  })

  test('of -0 keep their sign', () => {
    const tensor = { dtype: 'float32', shape: [3], data: Float32Array.of(-0, 0, NaN) } as const
    expect(jsonOf(tensor)).toBe('[-0,0,"NaN"]')
    expect(tensorFromJson('x', 'float32', [3], JSON.parse(jsonOf(tensor)))).toEqual(tensor)
  })

  test('of 64 bits are written in full, and refused in JSON where they would be rounded', () => {
    const most = hostFrom('int64', [1], [2n ** 63n - 1n])
    expect(jsonOf(most)).toBe('[9223372036854775807]')
    expectError('E_TENSOR', () => tensorFromJson('x', 'int64', [1], JSON.parse(jsonOf(most))), /only binary data/)
  })

  const wrong: [string, DType, unknown][] = [
    ['256 as uint8', 'uint8', [256]],
    ['-1 as uint64', 'uint64', [-1]],
    ['1.5 as int32', 'int32', [1.5]],
    ['2 as bool', 'bool', [2]],
    ['a string as int64', 'int64', ['1']],
    ['65536 as float16', 'float16', [65536]],
  ]
  test.each(wrong)('%s is refused', (_, dtype, data) => {
    expectError('E_TENSOR', () => tensorFromJson('x', dtype, [1], data))
  })

  const wrongBytes: [string, DType, number, Uint8Array, RegExp, 'E_BUDGET'?][] = [
    ['3 bytes for a float32', 'float32', 1, bytes(1, 2, 3), /has 4 bytes, but 3/],
    ['a byte of 2 for a bool', 'bool', 1, bytes(2), /0 or 1/],
    ['a string that is cut off', 'string', 1, bytes(5, 0, 0, 0, 65), /of 5 bytes is cut off/],
    ['a string of 4 GiB', 'string', 1, bytes(255, 255, 255, 255), /cut off/],
    [
      '2^18 + 1 strings',
      'string',
      2 ** 18 + 1,
      new Uint8Array(4 * (2 ** 18 + 1)),
      /may have 262144 strings/,
      'E_BUDGET',
    ],
    ['2^40 strings', 'string', 2 ** 40, bytes(0, 0, 0, 0), /cannot hold/],
    ['a string too few', 'string', 2, bytes(3, 0, 0, 0, 65, 65, 65, 0), /cut off after 1 of 2/],
    ['a string too many', 'string', 1, bytes(0, 0, 0, 0, 0, 0, 0, 0), /4 bytes are left/],
    ['a string that is not UTF-8', 'string', 1, bytes(1, 0, 0, 0, 255), /not UTF-8/],
  ]
  test.each(wrongBytes)('%s is refused', (_, dtype, size, data, message, code) => {
    expectError(code ?? 'E_TENSOR', () => tensorFromBytes('x', dtype, [size], data), message)
  })
})

test('an answer has JSON and then the bytes of what was wanted so', async () => {
  const results = {
    y: hostFrom('float32', [1, 2], [1, 2]),
    n: hostFrom('int64', [], [5n]),
  }
  const outputs = [
    { name: 'n', binary: false },
    { name: 'y', binary: true },
  ]
  const { pieces, size, headerLength } = await writeAnswer({ name: 'm', version: '1' }, { id: '7', outputs }, results)
  const answer = Buffer.concat(pieces)
  expect(size).toBe(answer.length)
  const json = answer.subarray(0, headerLength)
  expect(JSON.parse(json.toString())).toEqual({
    model_name: 'm',
    model_version: '1',
    id: '7',
    outputs: [
      { name: 'n', datatype: 'INT64', shape: [], data: [5] },
      { name: 'y', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } },
    ],
  })
  expect(answer.slice(headerLength)).toEqual(Buffer.from([0, 0, 128, 63, 0, 0, 0, 64]))
})

test('a large answer in JSON is written in pieces with a pause between them, and refused by its size before it is made', async () => {
  const count = 100_003
  const y = {
    dtype: 'float32',
    shape: [count],
    data: Float32Array.from({ length: count }, (_, i) => (i % 7) / 4),
  } as const
  const asked = { id: undefined, outputs: [{ name: 'y', binary: false }] }
  const turns: number[] = []
  const write = (limit?: number) =>
    writeAnswer({ name: 'm', version: '1' }, asked, { y }, limit, async (bytes) => void turns.push(bytes))
  const { pieces, size } = await write()
  const whole = Buffer.concat(pieces)
  expect(size).toBe(whole.length)
  expect((JSON.parse(whole.toString()) as { outputs: unknown[] }).outputs).toEqual([
    { name: 'y', datatype: 'FP32', shape: [count], data: [...y.data] },
  ])
  expect(turns.length).toBeGreaterThan(3)
  expect(Math.max(...turns)).toBeLessThan(2 ** 18)
  turns.length = 0
  await expect(write(2 * count - 1)).rejects.toMatchObject({ code: 'E_BUDGET' })
  expect(turns).toEqual([])
  // What is longer than it might be is given up on the way.
  await expect(write(size - 1)).rejects.toMatchObject({ code: 'E_BUDGET' })
  expect((await write(size)).size).toBe(size)
})
