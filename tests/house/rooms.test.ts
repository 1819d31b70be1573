import { execFileSync } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { lint } from './oxlint.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

const refused = [
  ['src/core/example.ts', "import { registerOp } from '../ir/registry.js'"],
  ['src/core/example.ts', "import type { Graph } from '../ir/graph.js'"],
  ['src/ir/example.ts', "export { allOps } from '../ops/all.js'"],
  ['src/ops/conv/example.ts', "import { optimize } from '../../passes/optimize.js'"],
  ['src/ops/conv/example.ts', "import type { Step } from '../../plan/emitter.js'"],
  ['src/passes/load/example.ts', "import { specialize } from '../../plan/specialize.js'"],
  ['src/plan/example.ts', "const session = await import('../api/session.js')"],
  ['src/onnx/example.ts', "import { Tensor } from '../api/tensor.js'"],
  ['src/api/example.ts', "import { Device } from '../autograd/device.js'"],
  ['src/autograd/example.ts', "import { Linear } from '../nn/linear.js'"],
  ['src/nn/example.ts', "import { fit } from '../train/index.js'"],
  ['src/data/example.ts', "import { fit } from '../train/index.js'"],
  ['src/train/example.ts', "import { main } from '../cli/main.js'"],
  ['src/ops/conv/example.ts', "import { InferenceSession } from '../../index.js'"],
  ['src/ops/conv/example.ts', "import { gemm } from '../../../assembly/matmul/gemm.js'"],
  ['bindings/example.ts', "import type { Graph } from '../src/ir/graph.js'"],
]

const allowed = [
  ['src/ops/conv/example.ts', "import { UNARY_RELU } from '../../../assembly/abi/codes.js'"],
  ['src/ops/conv/example.ts', "import { defineOp } from '../../ir/op.js'"],
  ['src/plan/example.ts', "import { optimize } from '../passes/optimize.js'"],
  ['src/cli/example.ts', "import { fit } from '../train/index.js'"],
]

/** A line is a file of its own beside the one that it is said to be in. */
const fileOf = ([file]: readonly string[], i: number) => file.replace('example', `example-${i}`)
const rows = [...refused, ...allowed]
const found = lint(Object.fromEntries(rows.map((row, i) => [fileOf(row, i), `${row[1]}\n`])))
const messages = rows.map((row, i) => found.get(fileOf(row, i))?.map(({ message }) => message))

describe('arrows between rooms', () => {
  test.each(refused.map(([file, line], i) => [file, line, messages[i]] as const))('%s: %s is refused', (...row) => {
    expect(row[2]).toEqual([expect.stringMatching(/may look at|through bindings/)])
  })

  test.each(allowed.map(([file, line], i) => [file, line, messages[refused.length + i]] as const))(
    '%s: %s is allowed',
    (...row) => {
      expect(row[2]).toEqual([])
    },
  )
})

test('no folder holds more than 25 files', () => {
  const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).trim().split('\n')
  const counts = new Map<string, number>()
  // What fuzzing found is as much as it is.
  for (const file of files.filter((name) => !name.startsWith('tests/fixtures/')))
    counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1)
  expect([...counts].filter(([, count]) => count > 25)).toEqual([])
})
