// Tiles of depthwise convolution: seven outputs in a row of four channels each, per kernel width and stride.
import { functionOf, load, times, upTo, type Lines } from './text.js'

const OUTPUTS = 7
const sums = upTo(OUTPUTS).map((i) => `a${i}`)
const begin = `let a0 = v128.load(bias), ${sums
  .slice(1)
  .map((a) => `${a} = a0`)
  .join(', ')};`

const bounded = (sum: string): string => `f32x4.pmin(f32x4.pmax(${sum}, low), high)`

/** Stores the first n outputs. */
const put = functionOf(
  `/** pmax(a, low) is a < low ? low : a, so a NaN in a stays. */
// @ts-ignore: decorator
@inline`,
  'put',
  ['y: usize', 'pitch: i32', 'n: i32', 'low: v128', 'high: v128', ...sums.map((a) => `${a}: v128`)],
  sums.flatMap((a, i) => [
    ...(i > 0 ? [`if (n == ${i}) return;`, 'y += pitch;'] : []),
    `v128.store(y, ${bounded(a)});`,
  ]),
)

const parameters = [
  ...['p: usize', 'px: i32', 'down: i32', 'end: usize', 'size: i32', 'w: usize', 'height: i32', 'blocks: i32'],
  ...['wBlock: i32', 'bias: usize', 'y: usize', 'pitch: i32', 'n: i32', 'low: f32', 'high: f32'],
]

/** All blocks of four channels of a tile; \`taps\` are the products of one kernel row, whose first pixel is at \`row\`. */
const blocks = (taps: Lines): Lines => [
  'let vlow = f32x4.splat(low), vhigh = f32x4.splat(high);',
  'for (; blocks > 0; blocks--) {',
  [
    'let row = p, wp = w;',
    begin,
    'for (let kh = height; kh > 0; kh--) {',
    [...taps, 'row += down;', 'if (row >= end) row -= size;'],
    '}',
    `put(y, pitch, n, vlow, vhigh, ${sums.join(', ')});`,
    'p += 16;',
    'w += wBlock;',
    'bias += 16;',
    'y += 16;',
  ],
  '}',
]

/** All of an input pixel's products, of those outputs that see it: so few registers are live, and V8 has no load to move. */
function pixel(at: number, width: number, stride: number): Lines {
  const seen = upTo(OUTPUTS).filter((output) => at >= output * stride && at < output * stride + width)
  return seen.map((output) => `a${output} = madd(v, w${at - output * stride}, a${output});`)
}

function tile(width: number, stride: number): Lines {
  const pixels = (OUTPUTS - 1) * stride + width
  return functionOf(
    `/** A kernel ${width} wide at stride ${stride}. */`,
    `tile_${width}x${stride}`,
    parameters,
    blocks([
      ...upTo(width).map((i) => `let w${i} = ${load('load', ['wp', 16 * i])};`),
      `wp += ${16 * width};`,
      'let q = row;',
      'let v = v128.load(q);',
      ...pixel(0, width, stride),
      ...upTo(pixels - 1).flatMap((i) => ['q += px;', 'v = v128.load(q);', ...pixel(i + 1, width, stride)]),
    ]),
  )
}

/** Where the pixel of an output is, from the nearest of p0, p3 and p6. */
const near = (output: number): string => {
  const rest = output % 3
  return `p${output - rest}${rest === 0 ? '' : ` + ${times(rest, 'step')}`}`
}

const any = functionOf(
  '/** Any kernel width; `step` bytes between the pixels of two outputs, `right` between two kernel columns. */',
  'tile_any',
  [...parameters.filter((parameter) => !parameter.startsWith('px')), 'kw: i32', 'step: i32', 'right: i32'],
  blocks([
    'let p0 = row, p3 = row + 3 * step, p6 = p3 + 3 * step;',
    'for (let i = kw; i > 0; i--) {',
    [
      'let w0 = v128.load(wp);',
      'wp += 16;',
      ...sums.map((a, i) => `${a} = madd(v128.load(${near(i)}), w0, ${a});`),
      ...[0, 3, 6].map((i) => `p${i} += right;`),
    ],
    '}',
  ]),
)

/** Four channels of two outputs at stride 2. */
function line(block: number): Lines {
  const [a, b] = [`a${block}`, `b${block}`]
  const at = (pixel: number): string => load('load', [`q${pixel}`, 16 * block])
  return [
    'w0 = v128.load(wp); w1 = v128.load(wp, 16); w2 = v128.load(wp, 32);',
    `${a} = madd(${at(0)}, w0, ${a});`,
    `${a} = madd(${at(1)}, w1, ${a});`,
    `v = ${at(2)};`,
    `${a} = madd(v, w2, ${a});`,
    `${b} = madd(v, w0, ${b});`,
    `${b} = madd(${at(3)}, w1, ${b});`,
    `${b} = madd(${at(4)}, w2, ${b});`,
    `if (wp == ${block + 1}) break;`,
    ...(block < 3 ? ['wp += wBlock;'] : []),
  ]
}

const lines = functionOf(
  `/**
 * Two outputs of a 3×3 kernel at stride 2, sixteen channels at a time: few streams, each of whole cache lines, for
 * images from beyond the second-level cache.
 */`,
  'tile_3x2_lines',
  [
    ...[
      'p: usize',
      'px: i32',
      'down: i32',
      'w: usize',
      'height: i32',
      'blocks: i32',
      'wBlock: i32',
      'bias: usize',
      'y: usize',
    ],
    ...['pitch: i32', 'low: f32', 'high: f32'],
  ],
  [
    'let vlow = f32x4.splat(low), vhigh = f32x4.splat(high);',
    'for (; blocks > 0; blocks -= 4) {',
    [
      'let row = p, wRow = w;',
      'let a0 = v128.load(bias), a1 = v128.load(bias, 16), a2 = v128.load(bias, 32), a3 = v128.load(bias, 48);',
      'let b0 = a0, b1 = a1, b2 = a2, b3 = a3;',
      'for (let kh = height; kh > 0; kh--) {',
      [
        'let wp = wRow, q0 = row, q1 = row + px, q2 = q1 + px, q3 = q2 + px, q4 = q3 + px;',
        'let v: v128, w0: v128, w1: v128, w2: v128;',
        ...upTo(4).flatMap(line),
        'wRow += 48;',
        'row += down;',
      ],
      '}',
      ...upTo(4).map(
        (i) => `v128.store(y, f32x4.pmin(f32x4.pmax(a${i}, vlow), vhigh)${i === 0 ? '' : `, ${16 * i}`});`,
      ),
      'let z = y + pitch;',
      ...upTo(4).map(
        (i) => `v128.store(z, f32x4.pmin(f32x4.pmax(b${i}, vlow), vhigh)${i === 0 ? '' : `, ${16 * i}`});`,
      ),
      'p += 64;',
      'w += 4 * wBlock;',
      'bias += 64;',
      'y += 64;',
    ],
    '}',
  ],
)

export const depthwiseTiles: Readonly<Record<string, Lines>> = {
  'depthwise-tiles': [
    'import { madd } from "../lib/simd";',
    ...put,
    ...tile(3, 1),
    ...tile(3, 2),
    ...lines,
    ...tile(5, 1),
    ...tile(5, 2),
    ...any,
  ],
}
