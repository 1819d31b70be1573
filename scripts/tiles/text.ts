// What the templates of register tiles are written with.

/** Numbers from 0 on. */
export const upTo = (count: number): number[] => [...Array(count).keys()]

/** A load, without an offset of 0. */
export function load(kind: 'load' | 'load32_splat', [address, offset = 0]: Place): string {
  return `v128.${kind}(${address}${offset === 0 ? '' : `, ${offset}`})`
}

/** An address and a constant offset in bytes. */
export type Place = readonly [address: string, offset?: number]

/** A multiple of something: `step`, `2 * step`, … */
export const times = (count: number, of: string): string => (count === 1 ? of : `${count} * ${of}`)

/** Lines of a block; an array in it is a block within. */
export type Lines = readonly (string | Lines)[]

/** Lines as text. */
export function indented(lines: Lines, depth = 0): string {
  return lines
    .map((line) => (typeof line === 'string' ? `${'  '.repeat(depth)}${line}`.trimEnd() : indented(line, depth + 1)))
    .join('\n')
}

/** A list in lines of at most 118 columns. */
function wrapped(items: readonly string[], separator = ', '): string[] {
  const lines: string[] = []
  for (const item of items) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + separator.length + item.length < 110)
      lines[lines.length - 1] = last + separator + item
    else lines.push(item)
  }
  return lines.map((line, i) => (i < lines.length - 1 ? line + separator.trimEnd() : line))
}

/** A function: what it takes, what it does, and `before` it a comment. */
export function functionOf(
  comment: string,
  name: string,
  parameters: readonly string[],
  body: Lines,
  result = 'void',
): Lines {
  return [
    '',
    ...comment.split('\n'),
    `export function ${name}(`,
    wrapped(parameters).map((line, i, all) => (i === all.length - 1 ? `${line},` : line)),
    `): ${result} {`,
    body,
    '}',
  ]
}

/**
 * Exits that are never taken, for `variable` is an address. V8 moves all loads of a basic block to its start, where they take more registers than
 * there are: an exit ends the block and costs one fused compare-and-branch. Without them the 5×8 tile of the simd build runs at half its speed (Node 20).
 */
export class Exits {
  private count = 0

  constructor(private readonly variable: string) {}

  next(): string {
    return `if (${this.variable} == ${++this.count}) break;`
  }
}
