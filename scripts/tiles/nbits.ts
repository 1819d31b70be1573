// Products with weights of 2 and 4 bits as integers (assembly/quantize/nbits.ts).
import { Exits, functionOf, upTo, type Lines } from './text.js'

interface Form {
  readonly bits: 2 | 4
  /** Elements of x are bytes, not whole numbers of 23 bits. */
  readonly coarse: boolean
  /** By the dot product of bytes, not of 16 bits. */
  readonly dots: boolean
}

/** What the elements of x are cut into: the accumulator of each part, and by how many bits its sums are shifted. */
function partsOf({ coarse, dots }: Form): readonly (readonly [name: string, shift: number])[] {
  if (coarse) return [['a', 0]]
  return dots
    ? [
        ['a', 0],
        ['b', 8],
        ['c', 16],
      ]
    : [
        ['a', 0],
        ['b', 12],
      ]
}

/** Vectors of columns at a time: their accumulators leave room for operands. */
const vectorsOf = ({ coarse, dots }: Form): number => (dots && !coarse ? 2 : 4)

/** Four columns of the weights in plane `t`, one per byte (dots) or 16-bit lane. */
function plane({ bits, dots }: Form, t: number, v: string): string {
  if (!dots && t === 16 / bits - 1) return `i16x8.shr_u(${v}, ${16 - bits})`
  return `v128.and(${t === 0 ? v : `i32x4.shr_u(${v}, ${bits * t})`}, mask)`
}

/** A row of words: one word of every column. */
function word(form: Form): Lines {
  const { bits, dots } = form
  const parts = partsOf(form)
  const columns = upTo(vectorsOf(form))
  const planes = upTo((dots ? 8 : 16) / bits)
  const exits = new Exits('s')
  const product = (sum: string, i: number): string =>
    dots
      ? `${sum} = i32x4.relaxed_dot_i8x16_i7x16_add_s(e, w${i}, ${sum});`
      : `${sum} = i32x4.add(${sum}, i32x4.dot_i16x8_s(e, w${i}));`
  return [
    ...columns.map((i) => `let v${i} = v128.load(q${i === 0 ? '' : `, ${16 * i}`});`),
    `let e: v128, ${columns.map((i) => `w${i}: v128`).join(', ')};`,
    ...planes.flatMap((t) => [
      ...columns.map((i) => `w${i} = ${plane(form, t, `v${i}`)};`),
      ...parts.flatMap(([name], p) => [
        `e = v128.load32_splat(s, ${4 * (t * parts.length + p)});`,
        ...columns.map((i) => product(`${name}${i}`, i)),
      ]),
      ...(t < planes.length - 1 ? [exits.next()] : []),
    ]),
    'q += 64;',
    `s += ${4 * planes.length * parts.length};`,
  ]
}

/** The columns that are taken at a time, for one unit of x. */
function columnsOf(form: Form): Lines {
  const parts = partsOf(form)
  const columns = upTo(vectorsOf(form))
  const at = (i: number) => `h${i === 0 ? '' : ` + ${16 * i}`}`
  return [
    `for (let h = 0; h < 64; h += ${16 * columns.length}) {`,
    [
      'let a0 = start, q = p + h, s = x + 8;',
      ...columns.slice(1).map((i) => `let a${i} = start;`),
      ...parts.slice(1).flatMap(([name]) => columns.map((i) => `let ${name}${i} = i32x4.splat(0);`)),
      'for (let u = unit; u > 0; u--) {',
      word(form),
      '}',
      ...parts
        .slice(1)
        .flatMap(([name, shift]) => columns.map((i) => `a${i} = i32x4.add(a${i}, i32x4.shl(${name}${i}, ${shift}));`)),
      'if (zeros) {',
      columns.map((i) => `a${i} = i32x4.sub(a${i}, i32x4.mul(sum, v128.load(scales + ${at(i)}, 64)));`),
      '}',
      '// Not fused in either build.',
      ...columns.flatMap((i) => [
        `let f${i} = f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(a${i}), scale), v128.load(scales + ${at(i)}));`,
        `v128.store(row + ${at(i)}, f32x4.add(v128.load(row + ${at(i)}), f${i}));`,
      ]),
    ],
    '}',
  ]
}

/**
 * Products of bytes (`dots`) are in the relaxed build alone. `most` is the greatest weight: a mask made of a constant would be made anew at every use (V8 13.6),
 * by three instructions.
 */
function product(bits: 2 | 4, coarse: boolean, dots: boolean): Lines {
  const form = { bits, coarse, dots }
  const bytes = 4 * partsOf(form).length * ((dots ? 8 : 16) / bits)
  return functionOf(
    `/**
 * row[16] += x · W of a group of weights of ${bits} bits; x as ${coarse ? 'bytes' : 'whole numbers of 23 bits'}, products of ${dots ? 'bytes' : '16 bits'}.
 */`,
    `add_${bits}_bits${coarse ? '_coarse' : ''}${dots ? '_dots' : ''}`,
    ['x: usize', 'p: usize', 'zeros: i32', 'blocks: i32', 'words: i32', 'unit: i32', 'most: i32', 'row: usize'],
    [
      `let mask = ${dots ? 'i8x16' : 'i16x8'}.splat(<${dots ? 'i8' : 'i16'}>most);`,
      'for (; blocks > 0; blocks--) {',
      [
        'let scales = p;',
        'p += zeros ? 128 : 64;',
        'for (let w = 0; w < words; w += unit) {',
        [
          'let scale = v128.load32_splat(x), sum = v128.load32_splat(x, 4);',
          `let start = zeros ? i32x4.splat(0) : i32x4.neg(i32x4.shl(sum, ${bits - 1}));`,
          ...columnsOf(form),
          `x += 8 + unit * ${bytes};`,
          'p += unit << 6;',
        ],
        '}',
      ],
      '}',
    ],
  )
}

/** The files of these tiles: their imports and their functions. */
export const nbitsTiles: Readonly<Record<string, Lines>> = {
  'nbits-tiles': ([2, 4] as const).flatMap((bits) =>
    [false, true].flatMap((coarse) => [false, true].flatMap((dots) => product(bits, coarse, dots))),
  ),
}
