// Writes src/onnx/schema/default-set.ts: what layers and functions apply, as the operator set has it that files have by
// default; of newer operators their first version. Made from src/onnx/schema/operators.ts.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { format, type FormatConfig } from 'oxfmt'
import '../src/all-ops.js'
import * as operators from '../src/autograd/operators.js'
import { schemaAt, schemasOf, type Place, type Schema } from '../src/onnx/schemas.js'
import { EXPORT_OPSET } from '../src/onnx/versions.js'

/** As .oxfmtrc.jsonc has it. */
const style: FormatConfig = { printWidth: 120, semi: false, singleQuote: true }
const file = fileURLToPath(new URL('../src/onnx/schema/default-set.ts', import.meta.url))

/**
 * Operators of ai.onnx that layers and functions apply without somebody naming them, and the one that gives a value the
 * name of an output.
 */
export function appliedOperators(): string[] {
  const names = new Set(['Identity', ...Object.values(operators).flatMap(({ domain, name }) => (domain ? [] : [name]))])
  const nn = fileURLToPath(new URL('../src/nn', import.meta.url))
  for (const name of readdirSync(nn, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue
    const source = readFileSync(join(nn, name), 'utf8')
    for (const [, imported] of source.matchAll(/import \{([^}]*)\} from '(?:\.\.\/)+ops\/[^']+'/g))
      for (const one of imported.split(',')) names.add(one.trim().split(' as ')[0])
  }
  return [...names].filter((name) => schemasOf('', name).length > 0).sort()
}

/** The version of an operator that is written by default. */
export function defaultVersion(name: string): Schema | undefined {
  return schemaAt('', name, EXPORT_OPSET) ?? schemasOf('', name).find(({ deprecated }) => !deprecated)
}

/** The file. */
export async function generate(): Promise<string> {
  const sets: string[] = []
  const alike = new Map<string, string[]>()
  for (const name of appliedOperators()) {
    const version = defaultVersion(name)
    if (!version) throw new Error(`${name} is in no operator set`)
    const line = lineOf(version, sets)
    alike.set(line, [...(alike.get(line) ?? []), name])
  }
  const rows = [...alike].map(([line, names]) => `${names.join(' ')}|${line}`).join('\n')
  const text = `// Made by scripts/default-set.ts: what layers and functions apply, as the default operator set has it; how to read it: src/onnx/schemas.ts.

/** Sets of types that stand in {@link OPERATORS} by their number. */
export const TYPE_SETS = '${sets.join(' ')}'

/** Operators that are alike a line. */
export const OPERATORS = \`${rows}\`
`
  const { code } = await format(file, text, style)
  return code
}

function lineOf({ since, inputs, outputs, attributes }: Schema, sets: string[]): string {
  const parameters = new Map<string, { name: string; types: string }>()
  const written = ({ parameter, types, optional, repeated }: Place): string => {
    const mark = optional ? '?' : { '': '', alike: '*', free: '+' }[repeated]
    if (!parameter) return `=${types}${mark}`
    // Called T, U, V …, so that as many operators as can be are alike.
    const name = String.fromCharCode('T'.charCodeAt(0) + parameters.size)
    if (!parameters.has(parameter)) parameters.set(parameter, { name, types })
    return `${parameters.get(parameter)?.name}${mark}`
  }
  const places = [inputs, outputs].map((list) => list.map(written).join()).join('>')
  const types = [...parameters.values()].map(({ name, types }) => {
    if (!sets.includes(types)) sets.push(types)
    return `${name}#${sets.indexOf(types)}`
  })
  return [since > EXPORT_OPSET ? since : '', places, [...attributes].join() || '-', types.join(' ') || '-'].join(';')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(file, await generate())
