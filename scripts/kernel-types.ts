/**
 * The declarations that asc writes, in which every number is a `number`, with addresses told apart: it says in each function's comment which
 * parameters were `usize`. 0 is the address of what is left out.
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
