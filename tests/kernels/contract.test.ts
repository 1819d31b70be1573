import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

const bare = (call: string) => `
import { Context } from '../../bindings/context.js'
declare const context: Context
const columns = 8
const x = context.alloc(4 * columns)
const y = context.alloc(4 * columns)
context.kernels.${call}
`

const recorded = (call: string) => `
import type { Address, KernelEmitter } from '../../src/ir/op.js'
import type { GradientEmitter } from '../../src/ir/gradient.js'
declare const e: KernelEmitter
declare const g: GradientEmitter<unknown>
declare const x: Address
declare const y: Address
const columns = 8
${call}
`

const calls = [
  {
    name: 'a kernel',
    right: bare('softmax_f32(x, y, columns, 1, 0, 1)'),
    swapped: bare('softmax_f32(x, columns, y, 1, 0, 1)'),
  },
  {
    name: 'a call in a plan',
    right: recorded(`e.call('softmax_f32', x, y, columns, 1, 0, 1)`),
    swapped: recorded(`e.call('softmax_f32', x, columns, y, 1, 0, 1)`),
  },
  {
    name: 'a call of a gradient',
    right: recorded(`g.call('fill_f32', x, 0, columns)`),
    swapped: recorded(`g.call('fill_f32', columns, 0, x)`),
  },
]

/** What the compiler says of scripts that stand in this folder. */
function errorsOf(scripts: readonly string[]): string[] {
  const files = scripts.map((_, i) => `${root}tests/kernels/script-${i}.ts`)
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile)
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root)
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists } = host
  host.fileExists = (name) => files.includes(name) || fileExists(name)
  host.getSourceFile = (name, ...rest) => {
    const index = files.indexOf(name)
    return index < 0 ? getSourceFile(name, ...rest) : ts.createSourceFile(name, scripts[index], rest[0])
  }
  const program = ts.createProgram(files, options, host)
  return files.map((file) =>
    ts
      .getPreEmitDiagnostics(program, program.getSourceFile(file))
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
      .join(),
  )
}

describe('addresses and numbers do not change places in', () => {
  let errors: string[]
  beforeAll(() => {
    errors = errorsOf(calls.flatMap(({ right, swapped }) => [right, swapped]))
  }, 120_000)

  calls.forEach(({ name }, i) =>
    it(name, () => {
      expect(errors[2 * i]).toBe('')
      expect(errors[2 * i + 1]).toMatch(/not assignable|No overload/)
    }),
  )
})
