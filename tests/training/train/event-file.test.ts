import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as nn from '../../../src/train.js'
import { F } from '../../../src/train.js'
import type { Variable } from '../../../src/autograd/variable.js'

// A reader of event files that shares nothing with the writer: the wire format and the checksum as their specifications
// have them, and the messages of TensorFlow's .proto files (event, summary, graph, node_def, attr_value, tensor_shape,
// versions) with what this library may write of them. A field that is not there, of another wire type or twice where it
// stands once, is an error.

type Kind =
  | 'double'
  | 'float'
  | 'int'
  | 'bool'
  | 'string'
  | 'bytes'
  | 'floats'
  | 'ints'
  | keyof typeof messages
  | 'attributes'
type Schema = Readonly<Record<number, readonly [name: string, kind: Kind, repeated?: 'repeated']>>

const messages = {
  Event: {
    1: ['wall_time', 'double'],
    2: ['step', 'int'],
    3: ['file_version', 'string'],
    4: ['graph_def', 'GraphDef'],
    5: ['summary', 'Summary'],
    7: ['session_log', 'SessionLog'],
  },
  SessionLog: { 1: ['status', 'int'] },
  Summary: { 1: ['value', 'SummaryValue', 'repeated'] },
  SummaryValue: { 1: ['tag', 'string'], 2: ['simple_value', 'float'] },
  GraphDef: { 1: ['node', 'NodeDef', 'repeated'], 4: ['versions', 'VersionDef'] },
  VersionDef: { 1: ['producer', 'int'] },
  NodeDef: {
    1: ['name', 'string'],
    2: ['op', 'string'],
    3: ['input', 'string', 'repeated'],
    5: ['attr', 'AttrEntry', 'repeated'],
  },
  AttrEntry: { 1: ['key', 'string'], 2: ['value', 'AttrValue'] },
  AttrValue: {
    1: ['list', 'ListValue'],
    2: ['s', 'string'],
    3: ['i', 'int'],
    4: ['f', 'float'],
    5: ['b', 'bool'],
    6: ['type', 'int'],
    7: ['shape', 'TensorShape'],
  },
  ListValue: {
    2: ['s', 'string', 'repeated'],
    3: ['i', 'ints'],
    4: ['f', 'floats'],
    7: ['shape', 'TensorShape', 'repeated'],
  },
  TensorShape: { 2: ['dim', 'Dim', 'repeated'], 3: ['unknown_rank', 'bool'] },
  Dim: { 1: ['size', 'int'] },
} as const satisfies Record<string, Record<number, readonly [string, string, 'repeated'?]>>

type Message = Record<string, unknown>

class Wire {
  at = 0
  constructor(private readonly bytes: Buffer) {}
  get more(): boolean {
    return this.at < this.bytes.length
  }
  varint(): bigint {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      if (!this.more || shift > 63n) throw new Error(`a varint does not end at ${this.at}`)
      const byte = this.bytes[this.at++]
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return BigInt.asIntN(64, value)
    }
  }
  take(count: number): Buffer {
    if (this.at + count > this.bytes.length) throw new Error(`${count} bytes at ${this.at} are not there`)
    return this.bytes.subarray(this.at, (this.at += count))
  }
}

const wireTypes: Partial<Record<Kind, number>> = { double: 1, float: 5, int: 0, bool: 0 }

function decode(bytes: Buffer, name: keyof typeof messages): Message {
  const schema: Schema = messages[name]
  const message: Message = {}
  for (const wire = new Wire(bytes); wire.more;) {
    const key = Number(wire.varint())
    const field = schema[key >>> 3]
    if (!field) throw new Error(`${name} has no field ${key >>> 3}`)
    const [label, kind, repeated] = field
    if ((key & 7) !== (wireTypes[kind] ?? 2)) throw new Error(`${name}.${label} has the wire type ${key & 7}`)
    const value = valueOf(wire, kind)
    if (repeated) ((message[label] ??= []) as unknown[]).push(value)
    else if (label in message) throw new Error(`${name}.${label} stands twice`)
    else message[label] = value
  }
  return message
}

function valueOf(wire: Wire, kind: Kind): unknown {
  if (kind === 'double') return wire.take(8).readDoubleLE()
  if (kind === 'float') return wire.take(4).readFloatLE()
  if (kind === 'int') return Number(wire.varint())
  if (kind === 'bool') return wire.varint() === 1n
  const bytes = wire.take(Number(wire.varint()))
  if (kind === 'string') return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  if (kind === 'ints' || kind === 'floats') {
    const packed = new Wire(bytes)
    const values: number[] = []
    while (packed.more) values.push(kind === 'ints' ? Number(packed.varint()) : packed.take(4).readFloatLE())
    return values
  }
  return decode(bytes, kind as keyof typeof messages)
}

/** CRC-32C bit by bit, as a division of polynomials. */
function checksum(bytes: Buffer): number {
  let crc = 0xffffffffn
  for (const byte of bytes) {
    crc ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n
  }
  crc ^= 0xffffffffn
  // Masked: turned by 15 bits, and a constant added.
  return Number((((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn)
}

function eventsOf(path: string): Message[] {
  const bytes = readFileSync(path)
  const events: Message[] = []
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at))
    expect(bytes.readUInt32LE(at + 8)).toBe(checksum(bytes.subarray(at, at + 8)))
    expect(at + 16 + length).toBeLessThanOrEqual(bytes.length)
    const data = bytes.subarray(at + 12, at + 12 + length)
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(checksum(data))
    events.push(decode(data, 'Event'))
    at += 16 + length
  }
  return events
}

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-events-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

class Block extends nn.Module {
  conv = new nn.Conv2d(1, 4, 3, { padding: 1 })
  norm = new nn.BatchNorm2d(4)
  forward(x: Variable): Variable {
    return F.relu(this.norm.call(this.conv.call(x)))
  }
}
class Net extends nn.Module {
  features = new nn.Sequential(new Block(), new nn.MaxPool2d(2), new nn.Flatten())
  scores = new nn.Linear(4 * 4 * 4, 3)
  forward(x: Variable): Variable {
    return this.scores.call(this.features.call(x))
  }
}

test('what a run writes is read by another reader: scalars by step, and the graph with the scopes of the modules', async () => {
  nn.Device.current = await nn.Device.create({ deterministic: true, seed: 1 })
  const count = 24
  const data = new nn.TensorDataset({
    image: new nn.Tensor(
      'float32',
      Float32Array.from({ length: count * 64 }, (_, i) => Math.fround((i % 7) / 7)),
      [count, 1, 8, 8],
    ),
    label: new nn.Tensor(
      'int64',
      BigInt64Array.from({ length: count }, (_, i) => BigInt(i % 3)),
      [count],
    ),
  })
  const model = new Net()
  const optimizer = new nn.SGD(model.parameters(), { lr: 0.01 })
  await nn.fit(model, new nn.DataLoader(data, { batchSize: 8 }), {
    optimizer,
    epochs: 2,
    folder,
    validation: new nn.DataLoader(data, { batchSize: 12 }),
  })
  const [file, ...others] = readdirSync(join(folder, 'board'))
  expect(others).toEqual([])
  const events = eventsOf(join(folder, 'board', file))
  expect(events[0].file_version).toBe('brain.Event:2')
  const times = events.map((event) => event.wall_time as number)
  expect(times.every((time, i) => Math.abs(time - Date.now() / 1000) < 3600 && (i === 0 || time >= times[i - 1]))).toBe(
    true,
  )

  const scalars = events.flatMap(
    (event) =>
      ((event.summary as Message | undefined)?.value as Message[] | undefined)?.map(({ tag, simple_value: value }) => ({
        step: event.step,
        tag,
        value,
      })) ?? [],
  )
  const losses = scalars.filter(({ tag }) => /loss/.test(tag as string))
  expect(losses.length).toBeGreaterThanOrEqual(2)
  for (const { value } of losses) expect(value).toBeGreaterThan(0)
  expect(Math.max(...scalars.map(({ step }) => Number(step ?? 0)))).toBe(6)

  const graphs = events.filter((event) => event.graph_def)
  expect(graphs.length).toBe(1)
  const nodes = (graphs[0].graph_def as Message).node as {
    name: string
    op: string
    input?: string[]
    attr?: { key: string; value: Message }[]
  }[]
  const names = new Set(nodes.map(({ name }) => name))
  expect(names.size).toBe(nodes.length)
  // What TensorBoard and TensorFlow accept as a name.
  for (const { name, input = [] } of nodes) {
    expect(name).toMatch(/^[A-Za-z0-9.][A-Za-z0-9_.\\/-]*$/)
    for (const from of input) expect(names).toContain(from.replace(/:\d+$/, ''))
  }
  const conv = nodes.find(({ op }) => op === 'Conv')!
  expect(conv.name).toMatch(/^features\/0\/conv\//)
  expect(conv.input).toContain('features/0/conv/weight')
  expect(nodes.find(({ op }) => op === 'Gemm')?.name).toMatch(/^scores\//)
  const attributes = new Map(conv.attr!.map(({ key, value }) => [key, value]))
  expect((attributes.get('kernel_shape')!.list as Message).i).toEqual([3, 3])
  const [shape] = (attributes.get('_output_shapes')!.list as Message).shape as { dim: { size?: number }[] }[]
  expect(shape.dim.slice(1).map(({ size }) => size)).toEqual([4, 8, 8])
  expect(((graphs[0].graph_def as Message).versions as Message).producer).toBeGreaterThanOrEqual(21)
})
