// Tiles of matrix–vector products, which run at the speed of memory: few rows of A, long streams of B.
import { Exits, functionOf, load, upTo, type Lines, type Place } from './text.js'

/** One element of A times `vectors.length` vectors of B, for some steps of k; an exit after four vectors. */
function row(steps: number, vectors: (step: number) => readonly Place[], after: (step: number) => string): Lines {
  const exit = new Exits('a')
  return upTo(steps).flatMap((step) => {
    const places = vectors(step)
    const half = places.length / 2
    const add = (i: number): string => `s${i} = madd(x, ${load('load', places[i])}, s${i});`
    return [
      `${step === 0 ? 'let ' : ''}x = ${load('load32_splat', ['a', 4 * step])};`,
      ...upTo(half).map(add),
      exit.next(),
      ...upTo(half).map((i) => add(half + i)),
      ...(step < steps - 1 ? [after(step) || exit.next()] : []),
    ]
  })
}

const sums = 'let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;'
const PANELS = ['b', 'b1', 'b2', 'b3']

const fourPanels = functionOf(
  `/**
 * One row times four panels: four streams reach the memory's full rate where one gets three quarters of it, and one
 * splat of A serves eight vectors.
 */`,
  'row_by_four_panels',
  ['a: usize', 'b: usize', 'stride: i32', 'k: i32', 'c: usize', 'columns: i32'],
  [
    '// Panels past the last repeat it.',
    'let b1 = columns > NR ? b + stride : b, b2 = columns > 2 * NR ? b1 + stride : b1;',
    'let b3 = columns > 3 * NR ? b2 + stride : b2;',
    'let end = a + (k << 2);',
    sums,
    'while (a < end) {',
    [
      ...row(
        4,
        (step) =>
          PANELS.flatMap((panel): Place[] => [
            [panel, 32 * step],
            [panel, 32 * step + 16],
          ]),
        (step) => `if (a == end - ${4 * (step + 1)}) break;`,
      ),
      'a += 16;',
      ...PANELS.map((panel) => `${panel} += 128;`),
    ],
    '}',
    ...upTo(8).map((i) => `add_to(c${i === 0 ? '' : ` + ${16 * i}`}, s${i}, columns${i === 0 ? '' : ` - ${4 * i}`});`),
  ],
)

const widePanel = functionOf(
  `/**
 * c[32] += a[k] · b[k, 32] for a k that is a multiple of 8. A matrix of such panels is a single stream, which comes
 * from the second-level cache faster than four narrow panels side by side; from memory it is the other way round. Sums
 * run as in row_by_four_panels.
 */`,
  'row_by_wide_panel',
  ['a: usize', 'b: usize', 'k: i32', 'c: usize'],
  [
    'let end = a + (k << 2);',
    sums,
    'while (a < end) {',
    [
      ...row(
        8,
        (step) => upTo(8).map((i): Place => ['b', 128 * step + 16 * i]),
        () => '',
      ),
      'a += 32;',
      'b += 1024;',
    ],
    '}',
    ...upTo(8).map((i) => {
      const old = load('load', ['c', 16 * i])
      return `v128.store(c, f32x4.add(${old}, s${i})${i === 0 ? '' : `, ${16 * i}`});`
    }),
  ],
)

/** Eight rows of B added to sixteen columns of C. */
const rowsStep: Lines = upTo(8).flatMap((step) => [
  ...(step > 0 ? ['r = r + step;'] : ['let r = q;']),
  ...upTo(4).map((i) => {
    const b = load('load', ['r', 16 * i])
    return step > 0
      ? `s${i} = madd(x${step}, ${b}, s${i});`
      : `let s${i} = madd(x0, ${b}, ${load('load', ['row', 16 * i])});`
  }),
  ...(step % 2 === 1 && step < 7 ? [`if (row == ${step}) break;`] : []),
])

const eightRows = functionOf(
  `/**
 * row[left] += Σ a[i] · b[i] over eight rows of B, \`step\` bytes apart from \`q\` on, and eight elements of A at \`x\`.
 */
// @ts-ignore: decorator
@inline`,
  'add_eight_rows',
  ['x: usize', 'q: usize', 'step: i32', 'row: usize', 'left: i32'],
  [
    ...upTo(8).map((i) => `let x${i} = ${load('load32_splat', ['x', 4 * i])};`),
    'for (; left >= 16; left -= 16) {',
    [
      ...rowsStep,
      ...upTo(4).map((i) => `v128.store(row, s${i}${i === 0 ? '' : `, ${16 * i}`});`),
      'row += 64;',
      'q += 64;',
    ],
    '}',
    'for (; left > 0; left -= 4) {',
    [
      'let count = min(left, 4), r = q, s = madd(x0, lanes(r, count), lanes(row, count));',
      ...upTo(7).flatMap((i) => ['r += step;', `s = madd(x${i + 1}, lanes(r, count), s);`]),
      'if (count == 4) v128.store(row, s);',
      'else store_some(row, s, count);',
      'row += 16;',
      'q += 16;',
    ],
    '}',
  ],
)

export const vectorTiles: Readonly<Record<string, Lines>> = {
  'gemv-tiles': [
    'import { madd, store_some } from "../lib/simd";',
    'import { add_to, lanes, NR } from "../lib/tile";',
    ...fourPanels,
    ...widePanel,
    ...eightRows,
  ],
}
