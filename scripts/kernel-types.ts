/**
 * The declarations that asc writes, in which every number is a `number`, with addresses told apart: it says in each
 * function's comment which parameters were `usize`. 0 is the address of what is left out.
 */
export function typeAddresses(declarations: string): string {
  let addresses = new Set<string>()
  const lines = declarations.split('\n').map((line) => {
    if (line.trim() === '/**') addresses = new Set()
    const name = /@param (\w+) `usize`/.exec(line)?.[1]
    if (name) addresses.add(name)
    if (!line.includes('export function')) return line
    return line.replace(/(\w+): number/g, (whole, parameter: string) =>
      addresses.has(parameter) ? `${parameter}: WasmAddress | 0` : whole,
    )
  })
  return `import type { WasmAddress } from './address.js'\n${lines.join('\n')}`
}

/** What a parameter takes, as one letter: an address, a whole number, a number, a bigint. */
const letters: Readonly<Record<string, string>> = { usize: 'a', f32: 'f', f64: 'f', i64: 'l', u64: 'l' }

/** For each function that asc declares a line of its name and the letters of its parameters. */
export function parametersOf(declarations: string): string[] {
  const functions: string[] = []
  let kinds = ''
  for (const line of declarations.split('\n')) {
    if (line.trim() === '/**') kinds = ''
    const type = /@param \w+ `(\w+)`/.exec(line)?.[1]
    if (type) kinds += letters[type] ?? 'i'
    const name = /export function (\w+)\(/.exec(line)?.[1]
    if (name) functions.push(`${name} ${kinds}`.trim())
  }
  return functions.sort()
}

/** The module that tells operators of a user, at run time, what the declarations tell TypeScript. */
export function parametersModule(inference: readonly string[], training: readonly string[]): string {
  const more = training.filter((line) => !inference.includes(line))
  const list = (lines: readonly string[]) => `\`\n${lines.join('\n')}\``
  return `// Written by npm run build:wasm: kernels and what their parameters take: an address, a whole number (i), a float, an
// int64 (l).
/** Those of the inference builds. */
export const inferenceParameters = ${list(inference)}

/** Those that the training builds have besides. */
export const trainingParameters = ${list(more)}
`
}
