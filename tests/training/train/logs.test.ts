import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PbfReader } from 'pbf'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { GraphBuilder } from '../../../src/api/graph/builder.js'
import '../../../src/node.js'
import { MetricsLog, readMetrics, type MetricsRecord } from '../../../src/train/metrics-log.js'
import { metricText, ProgressBar, timeText } from '../../../src/train/progress.js'
import { boardNodes, crc32c, encodeGraphDef, encodeRecord, TensorBoardWriter } from '../../../src/train/tensorboard.js'
import { expectError } from '../../support/expect-error.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-logs-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('metrics', () => {
  test('are a JSON object a line and come back, also what JSON has not', () => {
    const path = join(folder, 'run', 'metrics.jsonl')
    const records: MetricsRecord[] = [
      { step: 1, loss: 0.5, note: 'a\nb' },
      { step: 2, loss: NaN, grad: -Infinity, ok: false, none: null },
    ]
    using log = MetricsLog.create(path)
    for (const record of records) log.write(record)
    expect(readMetrics(path)).toEqual(records)
    expect(readFileSync(path, 'utf8').split('\n').length).toBe(3)
    log.close()
    expectError('E_STATE', () => log.write(records[0]))
    MetricsLog.create(path).close()
    expect(readMetrics(path)).toEqual([])
  })

  test('a run that goes on forgets later steps and half a line', () => {
    const path = join(folder, 'metrics.jsonl')
    const log = MetricsLog.create(path)
    for (let step = 1; step <= 5; step++) log.write({ step, loss: 1 / step })
    log.close()
    appendFileSync(path, '{"step":6,"lo')
    expect(readMetrics(path).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5])
    const resumed = MetricsLog.resume(path, 3)
    resumed.write({ step: 4, loss: 9 })
    resumed.close()
    expect(readMetrics(path)).toEqual([
      { step: 1, loss: 1 },
      { step: 2, loss: 1 / 2 },
      { step: 3, loss: 1 / 3 },
      { step: 4, loss: 9 },
    ])
    MetricsLog.resume(join(folder, 'new.jsonl'), 3).close()
    expect(readdirSync(folder).sort()).toEqual(['metrics.jsonl', 'new.jsonl'])
  })

  test('a file that is none is refused', () => {
    const path = join(folder, 'metrics.jsonl')
    for (const text of ['{"step":1}\nnonsense\n', '{"step":1}\n[2]\n', '{"step":1}\n{"loss":2}\n', '{"step":1}\n\n']) {
      writeFileSync(path, text)
      expectError('E_PARSE', () => readMetrics(path), /line 2/)
    }
    expectError('E_EXTERNAL', () => readMetrics(join(folder, 'none')))
  })
})

/** Any message as [field, value] pairs; messages inside stay bytes. */
function fieldsOf(bytes: Uint8Array): [number, number | Uint8Array][] {
  const fields: [number, number | Uint8Array][] = []
  new PbfReader(bytes).readFields((tag, list, pbf) => {
    if (pbf.type === 0) list.push([tag, pbf.readVarint(true)])
    else if (pbf.type === 1) list.push([tag, pbf.readDouble()])
    else if (pbf.type === 5) list.push([tag, pbf.readFloat()])
    else list.push([tag, pbf.readBytes()])
  }, fields)
  return fields
}

const one = (bytes: Uint8Array, tag: number) => fieldsOf(bytes).find(([field]) => field === tag)?.[1]
const inside = (bytes: Uint8Array, ...tags: number[]) => tags.reduce((data, tag) => one(data, tag) as Uint8Array, bytes)
const textOf = (value: number | Uint8Array | undefined) => new TextDecoder().decode(value as Uint8Array)

/** The records of an event file, every checksum looked at. */
function recordsOf(path: string): Uint8Array[] {
  const bytes = readFileSync(path)
  const records: Uint8Array[] = []
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at))
    const unmask = (value: number) => {
      const rotated = (value - 0xa282ead8) >>> 0
      return ((rotated << 15) | (rotated >>> 17)) >>> 0
    }
    expect(unmask(bytes.readUInt32LE(at + 8))).toBe(crc32c(bytes.subarray(at, at + 8)))
    const data = bytes.subarray(at + 12, at + 12 + length)
    expect(unmask(bytes.readUInt32LE(at + 12 + length))).toBe(crc32c(data))
    records.push(data)
    at += 16 + length
  }
  return records
}

describe('TensorBoard', () => {
  test('checksums are those of RFC 3720, records those of TFRecord', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
    expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43)
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e)
    // The empty record, as TensorFlow writes it.
    expect(Buffer.from(encodeRecord(new Uint8Array(0))).toString('hex')).toBe('000000000000000029039807d8ea82a2')
  })

  test('scalars with their step and time', () => {
    const writer = new TensorBoardWriter(join(folder, 'run'), { now: () => 1_700_000_000_500 })
    writer.scalars(7, { 'loss/train': 0.25, 'loss/validation': NaN })
    writer.scalars(2 ** 40, { x: -1 })
    writer.close()
    expect(writer.path).toMatch(/events\.out\.tfevents\.1700000000\./)
    const [version, first, second] = recordsOf(writer.path)
    expect(textOf(one(version, 3))).toBe('brain.Event:2')
    expect([one(first, 1), one(first, 2)]).toEqual([1_700_000_000.5, 7])
    const values = fieldsOf(inside(first, 5)).map(([, value]) => value as Uint8Array)
    expect(values.map((value) => [textOf(one(value, 1)), one(value, 2)])).toEqual([
      ['loss/train', 0.25],
      ['loss/validation', NaN],
    ])
    expect(one(second, 2)).toBe(2 ** 40)
    expectError('E_STATE', () => writer.scalars(1, { x: 1 }))
  })

  test('a run that goes on says after which step, in a file of its own', () => {
    const [a, b] = [new TensorBoardWriter(folder), new TensorBoardWriter(folder, { resumeAt: 30 })]
    a.close()
    b.close()
    expect(a.path).not.toBe(b.path)
    const [, start] = recordsOf(b.path)
    expect(one(start, 2)).toBe(30)
    expect(one(inside(start, 7), 1)).toBe(1)
  })

  test('a graph with scopes, edges, types and shapes', () => {
    const g = new GraphBuilder('net')
    const image = g.input('image', 'float32', ['N', 1, 28, 28])
    const weight = g.constant('features.conv.weight', {
      dtype: 'float32',
      shape: [2, 1, 3, 3],
      data: new Float32Array(18),
    })
    const convolved = g.op('Conv', [image, weight], { pads: [1, 1, 1, 1] }, '/features/conv/Conv')
    const [left, right] = g.node(
      'Split',
      [convolved],
      { axis: 1, num_outputs: 2 },
      { name: '/features/Split', outputs: 2 },
    )
    g.output(g.op('Add', [left, right], {}, '/features/Add'), 'y')
    const nodes = boardNodes(g.graph())
    expect(nodes.map(({ name, op, inputs = [] }) => [name, op, ...inputs])).toEqual([
      ['image', 'Placeholder'],
      ['features/conv/weight', 'Const'],
      ['features/conv/Conv', 'Conv', 'image', 'features/conv/weight'],
      ['features/Split', 'Split', 'features/conv/Conv'],
      ['features/Add', 'Add', 'features/Split', 'features/Split:1'],
      ['y', 'Identity', 'features/Add'],
    ])
    const writer = new TensorBoardWriter(folder)
    writer.graph(nodes)
    writer.close()
    const definition = inside(recordsOf(writer.path)[1], 4)
    expect(Buffer.from(definition).equals(Buffer.from(encodeGraphDef(nodes)))).toBe(true)
    const [placeholder, , conv] = fieldsOf(definition)
      .filter(([tag]) => tag === 1)
      .map(([, node]) => node as Uint8Array)
    expect([textOf(one(placeholder, 1)), textOf(one(placeholder, 2))]).toEqual(['image', 'Placeholder'])
    const attributes = (node: Uint8Array) =>
      new Map(
        fieldsOf(node)
          .filter(([tag]) => tag === 5)
          .map(([, entry]) => [textOf(one(entry as Uint8Array, 1)), inside(entry as Uint8Array, 2)]),
      )
    expect(one(attributes(placeholder).get('dtype')!, 6)).toBe(1)
    const shape = inside(attributes(placeholder).get('_output_shapes')!, 1, 7)
    expect(fieldsOf(shape).map(([, dim]) => one(dim as Uint8Array, 1))).toEqual([-1, 1, 28, 28])
    expect(new PbfReader(inside(attributes(conv).get('pads')!, 1, 3)).length).toBe(4)
    expect(
      fieldsOf(conv)
        .filter(([tag]) => tag === 3)
        .map(([, name]) => textOf(name)),
    ).toEqual(['image', 'features/conv/weight'])
  })

  test('names are made unique, and wrong ones are refused', () => {
    const g = new GraphBuilder('net')
    const x = g.input('a b', 'float32', [1])
    g.output(g.op('Relu', [g.op('Relu', [x], {}, '/r.s/')], {}, 'r/s'), 'ü')
    expect(boardNodes(g.graph()).map(({ name }) => name)).toEqual(['a_b', 'r/s', 'r/s_1', 'n_'])
    expectError('E_VALUE', () =>
      encodeGraphDef([
        { name: 'a', op: 'x' },
        { name: 'a', op: 'y' },
      ]),
    )
    expectError('E_VALUE', () => encodeGraphDef([{ name: '', op: 'x' }]))
    expectError('E_VALUE', () => encodeGraphDef([{ name: 'a', op: 'x', inputs: ['b'] }]))
  })
})

describe('progress', () => {
  function bar(isTTY: boolean, columns = 200) {
    let text = ''
    let time = 0
    const stream = { isTTY, columns, write: (piece: string) => (text += piece) }
    return {
      make: (options: object) => new ProgressBar({ stream, now: () => time, ...options }),
      at: (ms: number) => (time = ms),
      text: () => text,
    }
  }

  test('a terminal has one line that is written over', () => {
    const { make, at, text } = bar(true)
    const progress = make({ label: 'epoch 1/3', total: 1000 })
    at(1000)
    progress.update(250, { loss: 1.23456, accuracy: 0.5 })
    at(1050)
    progress.update(260)
    at(2000)
    progress.finish(1000, { loss: 0.1 })
    expect(text()).toBe(
      '\repoch 1/3  ━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌   25 %  loss 1.235  accuracy 50.00 %  250 samples/s  0:03 left' +
        '\repoch 1/3  ━━━━━━━━━━━━━━━━━━━━  100 %  loss 0.1000  500 samples/s  0:02 in all               \n',
    )
  })

  test('a terminal that is narrow gets no line that wraps', () => {
    const { make, at, text } = bar(true, 30)
    const progress = make({ total: 100 })
    at(500)
    progress.update(50, { loss: 1 })
    expect(text().length).toBe(30)
    progress.clear()
    expect(text().slice(30)).toBe(`\r${' '.repeat(29)}\r`)
  })

  test('a file gets plain lines, not many', () => {
    const { make, at, text } = bar(false)
    const progress = make({ total: 1000, start: 200 })
    for (let second = 1; second <= 25; second++) {
      at(second * 1000)
      progress.update(200 + second * 30, { loss: second })
    }
    progress.finish(1000)
    expect(text()).toBe(
      ' 50 %  loss 10.00  30.0 samples/s  0:17 left\n 80 %  loss 20.00  30.0 samples/s  0:07 left\n100 %  32.0 samples/s  0:25 in all\n',
    )
  })

  test('a stream has no end that is known', () => {
    const { make, at, text } = bar(false)
    const progress = make({})
    at(4000)
    progress.finish(2000, { loss: NaN })
    expect(text()).toBe('2000 samples  loss NaN  500 samples/s  0:04 in all\n')
  })

  test('numbers for people', () => {
    expect(
      ['loss', 'loss', 'loss', 'val_accuracy', 'loss'].map((name, i) =>
        metricText(name, [0, 1e-5, 123456, 0.98765, Infinity][i]),
      ),
    ).toEqual(['0.000', '1.000e-5', '1.235e+5', '98.77 %', 'Infinity'])
    expect([0, 59.6, 61, 3725, -1].map(timeText)).toEqual(['0:00', '1:00', '1:01', '1:02:05', '0:00'])
  })
})
