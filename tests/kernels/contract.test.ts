import { readFileSync } from 'node:fs'
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
import type { Address, KernelEmitter } from '../../src/ir/emitter.js'
import type { GradientEmitter } from '../../src/ir/gradient.js'
import type { Device } from '../../src/autograd/device.js'
declare const e: KernelEmitter
declare const g: GradientEmitter<unknown>
declare const device: Device
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
    name: 'a kernel, where the number is 0',
    right: bare('softmax_f32(x, y, columns, 1, 0, 1)'),
    swapped: bare('softmax_f32(x, 0, columns, 1, y, 1)'),
  },
  {
    name: 'a kernel, where both are addresses by arithmetic',
    right: bare('softmax_f32(x, y, columns, 1, 0, 1)'),
    swapped: bare('softmax_f32(x, x + 4 * columns, columns, 1, 0, 1)'),
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
  {
    name: 'a call that is made at once',
    right: recorded(`device.call('adagrad_f32', x, y, device.context.alloc(8), columns, 0, 0, 0)`),
    swapped: recorded(`device.call('adagrad_f32', x, y, columns, device.context.alloc(8), 0, 0, 0)`),
  },
]

/** What the compiler says of scripts that stand in this folder. */
function errorsOf(scripts: readonly string[]): string[] {
  const files = scripts.map((_, i) => `${root}tests/kernels/script-${i}.ts`)
  const config = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile).config as { compilerOptions: object }
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

/** The exported functions of a module with their parameters, from the declarations that the build writes. */
function exportsOf(module: string): { name: string; parameters: number }[] {
  const declarations = readFileSync(`${root}bindings/${module}.d.ts`, 'utf8')
  return [...declarations.matchAll(/export function (\w+)\(([^)]*)\)/g)].map(([, name, parameters]) => ({
    name,
    parameters: parameters === '' ? 0 : parameters.split(',').length,
  }))
}

/** The largest tables that a call still reads well without: sizes of windows travel in memory. */
const MOST_PARAMETERS = 16

describe.each(['exports', 'quantized-exports', 'train-exports'])('%s', (module) => {
  const kernels = exportsOf(module)

  it('takes few enough numbers by position', () => {
    expect(kernels.length).toBeGreaterThan(10)
    expect(kernels.filter(({ parameters }) => parameters > MOST_PARAMETERS)).toEqual([])
  })

  it('is named by operator, variant and type', () => {
    const page = readFileSync(`${root}docs/kernel-names.md`, 'utf8')
    const untyped = page.slice(page.indexOf('## Names without a type'))
    const operators = page.slice(page.indexOf('## Operators and variants'), page.indexOf('## Names without a type'))
    const named = (text: string) => new Set([...text.matchAll(/`(\w+)[…`]/g)].map(([, name]) => name))
    const decodes = ({ name }: { name: string }) => {
      if (named(untyped).has(name)) return true
      const stem = /^(\w+)_(?:f32|f64|i32|i64|u8|i8|q8|f16|bf16|bool|size)$/.exec(name)?.[1]
      return [...named(operators)].some(
        (operator) => stem === operator || stem?.startsWith(`${operator.replace(/_$/, '')}_`),
      )
    }
    const unknown = kernels.filter((kernel) => !decodes(kernel)).map(({ name }) => name)
    expect(unknown, 'names that docs/kernel-names.md does not decode').toEqual([])
  })
})
