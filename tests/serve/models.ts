import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportModel, GraphBuilder, Tensor } from './built.js'

const floats = (...values: number[]) => new Tensor('float32', values, [values.length])

/** y = x · factor, [N,2]: the factor tells which of two files was loaded. */
export function scaled(factor: number): Uint8Array {
  return exportModel(scaling(factor))
}

/** The same with the factor in a file of its own. */
export function scaledExternally(factor: number, location: string): { model: Uint8Array; data: Uint8Array } {
  const parts: Uint8Array[] = []
  const write = (piece: Uint8Array): void => void parts.push(piece.slice())
  const model = exportModel(scaling(factor), { externalData: { location, write, threshold: 0 } })
  return { model, data: Buffer.concat(parts) }
}

function scaling(factor: number) {
  const g = new GraphBuilder('scaled')
  g.output(g.op('Mul', [g.input('x', 'float32', ['N', 2]), g.constant('f', floats(factor))]), 'y')
  return g.graph()
}

/** y = rows of a table of 4; any other index is an error of the run. */
export function picky(): Uint8Array {
  const g = new GraphBuilder('picky')
  const table = g.constant('table', floats(10, 11, 12, 13))
  g.output(g.op('Gather', [table, g.input('i', 'int64', ['N', 1])]), 'y')
  return exportModel(g.graph())
}

/** x after so many rounds of a loop in TypeScript: takes as long as one likes. */
function slow(): Uint8Array {
  const body = new GraphBuilder('body')
  body.input('i', 'int64', [])
  const keep = body.input('keep', 'bool', [])
  const x = body.input('state', 'float32', [1])
  body.output(body.op('Identity', [keep]), 'again')
  body.output(body.op('Sin', [x]), 'next')
  const g = new GraphBuilder('slow')
  const trips = g.input('trips', 'int64', [])
  const last = g.op('Loop', [trips, undefined, g.input('x', 'float32', [1])], { body: body.graph() })
  // A file says what its outputs are; of a loop's result nothing else does.
  g.output(last, 'y').declared = { kind: 'tensor', dtype: 'float32', shape: [1] }
  return exportModel(g.graph())
}

/** The sum of all before, row after row: its first axis is as free as that of a batch, and is none. */
function running(): Uint8Array {
  const g = new GraphBuilder('running')
  const axis = g.constant('axis', new Tensor('int64', [0n], []))
  g.output(g.op('CumSum', [g.input('x', 'float32', ['T', 2]), axis]), 'y')
  return exportModel(g.graph())
}

/** A layer that is small, and the pictures that it takes. */
export function small(): Uint8Array {
  const g = new GraphBuilder('small')
  const weights = new Tensor(
    'float32',
    Float32Array.from({ length: 4 * 9 }, (_, i) => Math.sin(i)),
    [4, 1, 3, 3],
  )
  const features = g.op('Conv', [g.input('image', 'float32', ['N', 1, 8, 8]), g.constant('w', weights)], {
    strides: [2, 2],
  })
  g.output(g.op('Flatten', [g.op('Relu', [features])]), 'scores')
  return exportModel(g.graph())
}

/** a + b, of any sizes that can be broadcast. */
export function summed(): Uint8Array {
  const g = new GraphBuilder('summed')
  const sum = g.op('Add', [g.input('a', 'float32', ['N', 'A']), g.input('b', 'float32', ['M', 'B'])])
  g.output(sum, 'y').declared = { kind: 'tensor', dtype: 'float32', shape: ['K', 'C'] }
  return exportModel(g.graph())
}

/** The same number 2^20 times. */
export function large(): Uint8Array {
  const g = new GraphBuilder('large')
  const shape = g.constant('shape', new Tensor('int64', [2n ** 20n], [1]))
  g.output(g.op('Expand', [g.input('x', 'float32', [1]), shape]), 'y')
  return exportModel(g.graph())
}

/** A folder with a file of each. */
export function modelFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lanewise-serve-'))
  const models = { small: small(), scaled: scaled(2), picky: picky(), slow: slow(), running: running() }
  for (const [name, bytes] of Object.entries(models)) writeFileSync(join(folder, `${name}.onnx`), bytes)
  return folder
}
