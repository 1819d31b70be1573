// Tiles of rows × 8 columns: matrix products, convolutions, attention; floats and bytes. B is packed in panels of 8 columns (gemm_pack_f32).
import { Exits, functionOf, load, times, upTo, type Lines, type Place } from './text.js'

/** The loop over k of a tile. */
interface Steps {
  rows: number
  /** Steps of k that are written out. */
  steps: number
  /** The address of B's panel, 32 bytes a step. */
  b: string
  /** Where the left side's element of a row at a step is. */
  left(row: number, step: number): Place
  /** accumulator + x · b */
  product?(accumulator: string, x: string, b: string): string
  exits?: boolean
}

const float = (accumulator: string, x: string, b: string): string => `madd(${x}, ${b}, ${accumulator})`
/** Two steps of k at once, of 16 bits each. */
const integer = (accumulator: string, x: string, b: string): string =>
  `i32x4.add(${accumulator}, i32x4.dot_i16x8_s(${x}, ${b}))`

/** Every row's element times the same eight of B, with an exit after two rows. */
function steps({ rows, steps: count, b, left, product = float, exits = true }: Steps): Lines {
  const exit = new Exits(b)
  const add = (row: number): string =>
    [0, 1].map((half) => `c${row}${half} = ${product(`c${row}${half}`, 'x', `b${half}`)};`).join(' ')
  return upTo(count).flatMap((step) => {
    const [b0, b1] = [load('load', [b, 32 * step]), load('load', [b, 32 * step + 16])]
    return upTo(rows).flatMap((row) => {
      const x = load('load32_splat', left(row, step))
      const lines =
        row > 0
          ? [`x = ${x};`]
          : [step > 0 ? `b0 = ${b0}; b1 = ${b1}; x = ${x};` : `let b0 = ${b0}, b1 = ${b1}, x = ${x};`]
      lines.push(add(row))
      const last = row === rows - 1
      if (exits && (row === 1 || row === 3 || last) && !(last && step === count - 1)) lines.push(exit.next())
      return lines
    })
  })
}

/** Accumulators of all rows, zero at first. */
const zeros = (rows: number): Lines =>
  upTo(rows).map((row) => `let c${row}0 = f32x4.splat(0), c${row}1 = f32x4.splat(0);`)

/** Where rows are from the first on: rows past the end repeat the last one, and are not stored. */
const distances = (rows: number, step: string, last: string): Lines =>
  upTo(rows)
    .slice(1)
    .map((row) => `let r${row} = min(${times(row, step)}, ${last});`)

/** The left side by rows of pointers `r1`, `r2`, … from `address`; elements follow each other. */
const byDistance =
  (address: string) =>
  (row: number, step: number): Place => [row === 0 ? address : `${address} + r${row}`, 4 * step]

/** Accumulators one row up, for a loop that stores the first. */
const shifted = (rows: number): Lines =>
  upTo(rows - 1).map((row) => `c${row}0 = c${row + 1}0; c${row}1 = c${row + 1}1;`)

/** Stores a tile: whole rows of eight columns, or a loop that moves each row to the front, for the last columns are rare. */
const finish = (rows: number, left: string, mode: string): Lines => {
  const offset = (row: number, of: string, by: string): string => (row === 0 ? of : `${of} + ${times(row, by)}`)
  const whole = (row: number): Lines => {
    const residual = row === 0 ? 'residual' : `residual ? ${offset(row, 'residual', 'ldr')} : 0`
    return [
      `${row === 0 ? '' : `if (${left} > ${row}) `}finish_full(`,
      [`${offset(row, 'c', 'ldc')}, c${row}0, c${row}1, ${mode}, bias0, bias1, ${residual}, act, vlow, vhigh,`],
      ');',
    ]
  }
  return [
    'let vlow = f32x4.splat(low), vhigh = f32x4.splat(high);',
    'let bias0 = load_bias(bias, columns), bias1 = load_bias(bias + 16, bias ? columns - 4 : 0);',
    'if (columns >= NR) {',
    upTo(rows).flatMap(whole),
    '} else {',
    [
      'let ci = c, ri = residual;',
      `for (let i = min(${left}, ${rows}); i > 0; i--) {`,
      [
        `finish_lanes(ci, c00, columns, ${mode}, bias0, ri, act, vlow, vhigh);`,
        `if (columns > 4) finish_lanes(ci + 16, c01, columns - 4, ${mode}, bias1, ri ? ri + 16 : 0, act, vlow, vhigh);`,
        'ci += ldc;',
        'if (ri) ri += ldr;',
        ...shifted(rows),
      ],
      '}',
    ],
    '}',
  ]
}

const EPILOGUE = ['bias: usize', 'residual: usize', 'ldr: i32', 'act: i32', 'low: f32', 'high: f32']

/** Tiles of gemm_panels. */
function gemm(rows: number): Lines {
  return functionOf(
    `/**
 * \`rows\` rows by \`columns\` ≤ 8 in tiles of ${rows} rows. Eight steps of k share one round of pointer additions and one look
 * at a cache line that is wanted later, at \`ahead\` (\`b\` where none is). A call per tile costs as much as half a tile of
 * 32 steps, so there is one per panel.
 */`,
    `tiles_${rows}x8`,
    [
      ...[
        'a: usize',
        'lda: i32',
        'b: usize',
        'k: i32',
        'c: usize',
        'ldc: i32',
        'rows: i32',
        'columns: i32',
        'mode: i32',
      ],
      ...[...EPILOGUE, 'ahead: usize'],
    ],
    [
      'let end = b + (k << 5), main = end - 224;',
      'for (let i = 1; ; i++) {',
      [
        `let last = (min(rows, ${rows}) - 1) * lda;`,
        ...distances(rows, 'lda', 'last'),
        ...zeros(rows),
        'let p = a, q = b;',
        'if (k >= 8) {',
        [
          'for (; q < main; q += 256, p += 32, ahead += 64) {',
          ['load<i32>(ahead);', ...steps({ rows, steps: 8, b: 'q', left: byDistance('p') })],
          '}',
        ],
        '}',
        'for (; q < end; q += 32, p += 4) {',
        steps({ rows, steps: 1, b: 'q', left: byDistance('p') }),
        '}',
        ...finish(rows, 'rows', 'mode'),
        `rows -= ${rows};`,
        'if (rows <= 0) return;',
        `a += ${rows} * lda;`,
        `c += ${rows} * ldc;`,
        `if (residual) residual += ${rows} * ldr;`,
        '// The first tile of a panel waits for it, the others find it in the cache, while memory idles: so the first four',
        '// fetch a quarter of the next one each.',
        'if (i >= 4) ahead = b;',
      ],
      '}',
    ],
  )
}

/** Tiles of convolutions whose rows of taps lie one after the other. */
function direct(rows: number): Lines {
  return functionOf(
    `/** ${rows} pixels at a time by a panel of filters, summed over all kernel rows; see row_tiles. */`,
    `row_panel_${rows}x8`,
    [
      ...[
        'rows: usize',
        'step: i32',
        'b: usize',
        'kh: i32',
        'runBytes: i32',
        'c: usize',
        'ldc: i32',
        'left: i32',
        'columns: i32',
      ],
      ...EPILOGUE,
    ],
    [
      'let offset: usize = 0, rowsEnd = rows + (kh << 2);',
      `for (; left > 0; left -= ${rows}) {`,
      [
        'let last = (left - 1) * step;',
        ...distances(rows, 'step', 'last'),
        ...zeros(rows),
        'let p = b;',
        'for (let row = rows; row < rowsEnd; row += 4) {',
        [
          'let a = load<usize>(row) + offset;',
          'let end = p + runBytes;',
          'for (let main = end - 96; p < main; p += 128, a += 16) {',
          steps({ rows, steps: 4, b: 'p', left: byDistance('a') }),
          '}',
          'for (; p < end; p += 32, a += 4) {',
          steps({ rows, steps: 1, b: 'p', left: byDistance('a') }),
          '}',
        ],
        '}',
        ...finish(rows, 'left', 'TILE_STORE'),
        `offset += ${rows} * step;`,
        `c += ${rows} * ldc;`,
        `if (residual) residual += ${rows} * ldr;`,
      ],
      '}',
    ],
  )
}

/** Tiles of products whose left side is transposed: rows of the tile are neighbours in memory. */
function transposed(rows: number): Lines {
  const left = (row: number, step: number): Place => [step === 0 ? 'a' : `a${step}`, 4 * row]
  return functionOf(
    `/** ${rows} columns of A by eight of B; those from \`rows\` on are not stored. */`,
    `tn_tile_${rows}x8`,
    [
      'a: usize',
      'lda: i32',
      'b: usize',
      'count: i32',
      'c: usize',
      'ldc: i32',
      'rows: i32',
      'columns: i32',
      'mode: i32',
    ],
    [
      ...zeros(rows),
      'let end = b + (count << 5), main = end - 96;',
      'if (count >= 4) {',
      [
        'for (; b < main; b += 128, a += 4 * lda) {',
        ['let a1 = a + lda, a2 = a1 + lda, a3 = a2 + lda;', ...steps({ rows, steps: 4, b: 'b', left })],
        '}',
      ],
      '}',
      'for (; b < end; b += 32, a += lda) {',
      steps({ rows, steps: 1, b: 'b', left }),
      '}',
      'finish(c, c00, c01, columns, mode);',
      ...upTo(rows)
        .slice(1)
        .map((row) => `if (rows > ${row}) finish(c + ${times(row, 'ldc')}, c${row}0, c${row}1, columns, mode);`),
    ],
  )
}

/** Tiles of the products within an attention: one panel of columns against many rows. */
function attention(rows: number): Lines {
  const all = upTo(rows)
  const left = (row: number, step: number): Place => [`a${row}`, 4 * step]
  const advance = (bytes: number): string => all.map((row) => `a${row} += ${bytes};`).join(' ')
  return functionOf(
    `/**
 * c[rows, 8] = a[rows, k] · b[k, 8], or added to c. \`rows\` is rounded up to a multiple of ${rows}, and so many rows are read
 * and written. \`lda\` and \`ldc\` are in bytes.
 */`,
    `panel_rows_${rows}x8`,
    ['a: usize', 'lda: i32', 'b: usize', 'k: i32', 'c: usize', 'ldc: i32', 'rows: i32', 'add: bool'],
    [
      'const end = b + (k << 5), main = end - 96;',
      `for (; rows > 0; rows -= ${rows}) {`,
      [
        ...zeros(rows),
        `let a0 = a, ${all
          .slice(1)
          .map((row) => `a${row} = a${row - 1} + lda`)
          .join(', ')}, p = b;`,
        'if (k >= 4) {',
        ['for (; p < main; p += 128) {', [...steps({ rows, steps: 4, b: 'p', left }), advance(16)], '}'],
        '}',
        'for (; p < end; p += 32) {',
        [...steps({ rows, steps: 1, b: 'p', left }), advance(4)],
        '}',
        ...all.map((row) => `c = put(c, ldc, c${row}0, c${row}1, add);`),
        `a += ${rows} * lda;`,
      ],
      '}',
    ],
  )
}

/** Tiles of products of bytes, widened to 16 bits: a step is a pair of k. */
function bytes(rows: number): Lines {
  const loop = { rows, b: 'b', left: byDistance('a'), product: integer }
  return functionOf(
    `/** \`rows\` ≤ ${rows} rows by \`columns\` ≤ 8 of ${rows === 1 ? 'one row' : `${rows} rows`}; rows past \`rows\` repeat the last one. */`,
    `q8_tile_${rows}x8`,
    [
      ...[
        'a: usize',
        'lda: i32',
        'b: usize',
        'pairs: i32',
        'epilogue: usize',
        'column: usize',
        'row: usize',
        'mode: i32',
      ],
      ...['y: usize', 'ldy: i32', 'rows: i32', 'columns: i32'],
    ],
    [
      ...(rows > 1 ? ['let last = (rows - 1) * lda;'] : []),
      ...distances(rows, 'lda', 'last'),
      "// An epilogue's column begins with the bias.",
      'let c00 = v128.load(column), c01 = v128.load(column, 16);',
      ...upTo(rows)
        .slice(1)
        .map((row) => `let c${row}0 = c00, c${row}1 = c01;`),
      'let end = b + (<usize>pairs << 5), main = end - 32;',
      'if (pairs >= 2) {',
      ['for (; b < main; b += 64, a += 8) {', steps({ ...loop, steps: 2, exits: rows > 1 }), '}'],
      '}',
      'if (b < end) {',
      steps({ ...loop, steps: 1, exits: false }),
      '}',
      'integer_finish(y, c00, c01, epilogue, column, row, mode, columns);',
      ...upTo(rows)
        .slice(1)
        .map(
          (row) =>
            `if (rows > ${row}) integer_finish(y + ${times(row, 'ldy')}, c${row}0, c${row}1, epilogue, column, row, mode, columns);`,
        ),
    ],
  )
}

/** Tiles of products of bytes, widened to 16 bits, whose sums are stored: those of 16 positions of a tile side by side. */
function sums(rows: number): Lines {
  const loop = { rows, b: 'p', left: byDistance('q'), product: integer }
  const more = upTo(rows).slice(1)
  return functionOf(
    `/** y[left, 8] of \`left\` rows, ${rows} at a time, by a panel of \`pairs\` pairs; rows of y are 512 bytes apart. */`,
    `q8_sums_${rows}x8`,
    ['a: usize', 'lda: i32', 'b: usize', 'pairs: i32', 'y: usize', 'left: i32'],
    [
      'let end = b + (<usize>pairs << 5), main = end - 32;',
      `for (; left > 0; left -= ${rows}, a += ${times(rows, 'lda')}, y += ${512 * rows}) {`,
      [
        'let last = (left - 1) * lda;',
        ...distances(rows, 'lda', 'last'),
        'let c00 = i32x4.splat(0), c01 = c00;',
        ...more.map((row) => `let c${row}0 = c00, c${row}1 = c00;`),
        'let p = b, q = a;',
        'if (pairs >= 2) {',
        ['for (; p < main; p += 64, q += 8) {', steps({ ...loop, steps: 2 }), '}'],
        '}',
        'if (p < end) {',
        steps({ ...loop, steps: 1, exits: false }),
        '}',
        ...upTo(rows).flatMap((row) => {
          const store = `v128.store(y, c${row}0, ${512 * row}); v128.store(y, c${row}1, ${512 * row + 16});`
          return row === 0 ? [store] : [`if (left > ${row}) {`, [store], '}']
        }),
      ],
      '}',
    ],
  )
}

/** Tiles of products of bytes as they are: a step is four elements of k. Elements under a pixel lie in segments. */
function dots(rows: number): Lines {
  const loop = {
    rows,
    b: 'p',
    left: byDistance('a'),
    product: (accumulator: string, x: string, b: string) => `dot_bytes(${b}, ${x}, ${accumulator})`,
  }
  const all = upTo(rows)
  const offset = (row: number): string => (row === 0 ? 'y' : `y + ${times(row, 'ldy')}`)
  const more = all.slice(1)
  return functionOf(
    `/**
 * A panel of columns for \`left\` pixels, ${rows} at a time: each is the segments at \`base\` plus its place plus \`segs\`, of
 * \`bytes\` bytes of B. There are places beyond the last pixel, up to a multiple of ${rows}.
 */`,
    `q8_dot_${rows}x8`,
    [
      ...['base: usize', 'places: usize', 'segs: usize', 'segsEnd: usize', 'b: usize', 'bytes: i32'],
      ...['epilogue: usize', 'column: usize', 'row: usize', 'mode: i32'],
      ...['y: usize', 'ldy: i32', 'left: i32', 'columns: i32'],
    ],
    [
      'let whole = mode == INTEGER_BYTES && columns >= INR;',
      `for (; left > 0; left -= ${rows}, places += ${4 * rows}, y += ${times(rows, 'ldy')}) {`,
      [
        'let first = load<i32>(places);',
        ...more.map((row) => `let r${row} = load<i32>(places, ${4 * row}) - first;`),
        "// An epilogue's column begins with the bias.",
        'let c00 = v128.load(column), c01 = v128.load(column, 16);',
        ...more.map((row) => `let c${row}0 = c00, c${row}1 = c01;`),
        'let p = b, from = base + first;',
        'for (let seg = segs; seg < segsEnd; seg += 4) {',
        [
          'let a = from + load<i32>(seg), end = p + bytes;',
          'for (let main = end - 32; p < main; p += 64, a += 8) {',
          steps({ ...loop, steps: 2, exits: rows > 1 }),
          '}',
          'if (p < end) {',
          [...steps({ ...loop, steps: 1, exits: false }), 'p += 32;'],
          '}',
        ],
        '}',
        'if (whole) {',
        all.map((row) => {
          const store = `v128.store64_lane(${offset(row)}, integer_bytes(c${row}0, c${row}1, epilogue, column, row), 0);`
          return row === 0 ? store : `if (left > ${row}) ${store}`
        }),
        '} else {',
        all.map((row) => {
          const store = `store_row(${offset(row)}, c${row}0, c${row}1, epilogue, column, row, mode, columns);`
          return row === 0 ? store : `if (left > ${row}) ${store}`
        }),
        '}',
      ],
      '}',
    ],
  )
}

const finishImport = 'import { finish_full, finish_lanes, load_bias, NR } from "../lib/tile";'
const madd = 'import { madd } from "../lib/simd";'

/** The files of these tiles: their imports and their functions. */
export const productTiles: Readonly<Record<string, Lines>> = {
  'gemm-tiles': [madd, finishImport, ...[4, 5, 6].flatMap(gemm)],
  'direct-tiles': [madd, finishImport.replace('NR', 'NR, TILE_STORE'), ...[5, 6].flatMap(direct)],
  'gemm-tn-tiles': [madd, 'import { finish_sums as finish } from "../lib/tile";', ...[4, 5, 6].flatMap(transposed)],
  'attention-tiles': [madd, 'import { put_row as put } from "../lib/tile";', ...[5, 6].flatMap(attention)],
  'integer-tiles': ['import { integer_finish } from "../lib/epilogue";', ...[1, 5].flatMap(bytes), ...sums(5)],
  'dot-tiles': [
    'import { dot_bytes } from "../lib/dot-bytes";',
    'import { INTEGER_BYTES } from "../abi/codes";',
    'import { INR, integer_bytes, store_row } from "../lib/epilogue";',
    ...[1, 5].flatMap(dots),
  ],
}
