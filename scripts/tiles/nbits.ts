// Products with weights of 2 and 4 bits as integers (assembly/quantize/nbits.ts), for both builds.
import { Exits, functionOf, upTo, type Lines } from './text.js'

interface Form {
  readonly bits: 2 | 4
  /** Elements of x are bytes, not whole numbers of 23 bits. */
  readonly coarse: boolean
  readonly relaxed: boolean
}

/** What the elements of x are cut into: the accumulator of each part, and by how many bits its sums are shifted. */
function partsOf({ coarse, relaxed }: Form): readonly (readonly [name: string, shift: number])[] {
  if (coarse) return [['a', 0]]
  return relaxed
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
const vectorsOf = ({ coarse, relaxed }: Form): number => (relaxed && !coarse ? 2 : 4)

/** Four columns of the weights in plane `t`, one per byte (relaxed) or 16-bit lane. */
function plane({ bits, relaxed }: Form, t: number, v: string): string {
  if (!relaxed && t === 16 / bits - 1) return `i16x8.shr_u(${v}, ${16 - bits})`
  return `v128.and(${t === 0 ? v : `i32x4.shr_u(${v}, ${bits * t})`}, mask)`
}

/** A row of words: one word of every column. */
function word(form: Form): Lines {
  const { bits, relaxed } = form
  const parts = partsOf(form)
  const columns = upTo(vectorsOf(form))
  const planes = upTo((relaxed ? 8 : 16) / bits)
  const exits = new Exits('s')
  const product = (sum: string, i: number): string =>
    relaxed
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

function product(bits: 2 | 4, coarse: boolean): Lines {
  const units = (relaxed: boolean): Lines => {
    const form = { bits, coarse, relaxed }
    const bytes = 4 * partsOf(form).length * ((relaxed ? 8 : 16) / bits)
    return [
      `let mask = ${relaxed ? 'i8x16' : 'i16x8'}.splat(${2 ** bits - 1});`,
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
    ]
  }
  return functionOf(
    `/** row[16] += x · W of a group of weights of ${bits} bits; x as ${coarse ? 'bytes' : 'whole numbers of 23 bits'}. */`,
    `add_${bits}_bits${coarse ? '_coarse' : ''}`,
    ['x: usize', 'p: usize', 'zeros: i32', 'blocks: i32', 'words: i32', 'unit: i32', 'row: usize'],
    ['if (ASC_FEATURE_RELAXED_SIMD) {', units(true), '} else {', units(false), '}'],
  )
}

/** The files of these tiles: their imports and their functions. */
export const nbitsTiles: Readonly<Record<string, Lines>> = {
  'nbits-tiles': ([2, 4] as const).flatMap((bits) => [false, true].flatMap((coarse) => product(bits, coarse))),
}
