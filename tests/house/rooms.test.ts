import { ESLint, type Linter } from 'eslint'
import { execFileSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import ts from 'typescript-eslint'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

// The configuration of ESLint is JavaScript without declarations.
const { default: rooms } = (await import(pathToFileURL(join(root, 'eslint.rooms.js')).href)) as {
  default: Linter.Config
}

const eslint = new ESLint({
  cwd: root,
  overrideConfigFile: true,
  overrideConfig: [
    { files: ['**/*.ts'], languageOptions: { parser: ts.parser } },
    rooms,
  ] as ESLint.Options['overrideConfig'],
})

/** What the rule says of one line in a file that need not exist. */
async function messages(filePath: string, line: string): Promise<string[]> {
  const [result] = await eslint.lintText(line, { filePath: join(root, filePath) })
  return result.messages.map(({ message }) => message)
}

describe('arrows between rooms', () => {
  test.each([
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
  ])('%s: %s is refused', async (file, line) => {
    expect(await messages(file, line)).toEqual([expect.stringMatching(/may look at|through bindings/)])
  })

  test.each([
    ['src/ops/conv/example.ts', "import { UNARY_RELU } from '../../../assembly/abi/codes.js'"],
    ['src/ops/conv/example.ts', "import { defineOp } from '../../ir/op.js'"],
    ['src/plan/example.ts', "import { optimize } from '../passes/optimize.js'"],
    ['src/cli/example.ts', "import { fit } from '../train/index.js'"],
  ])('%s: %s is allowed', async (file, line) => {
    expect(await messages(file, line)).toEqual([])
  })
})

test('no folder holds more than 25 files', () => {
  const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).trim().split('\n')
  const counts = new Map<string, number>()
  // What fuzzing found is as much as it is.
  for (const file of files.filter((name) => !name.startsWith('tests/fixtures/')))
    counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1)
  expect([...counts].filter(([, count]) => count > 25)).toEqual([])
})
