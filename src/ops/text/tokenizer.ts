import { LanewiseError } from '../../core/errors.js'
import { placeBytes } from '../../core/host-memory.js'
import { formatShape } from '../../core/shape.js'
import { int, required, string, strings } from '../../ir/attributes.js'
import { defineOp, type Room } from '../../ir/op.js'
import { Pieces, splitAt, STRETCH } from './pieces.js'
import { allMatches } from './regex.js'

/** What marks the beginning and the end of a text. */
const [START, END] = ['\u0002', '\u0003']

/**
 * onnxruntime's Tokenizer: texts [C] or [N, C] cut at separators, into characters (one separator that is empty), or
 * into what an expression finds; shorter than `mincharnum` is left out, and rows are filled up to the longest.
 */
export const Tokenizer = defineOp({
  name: 'Tokenizer',
  domain: 'com.microsoft',
  arity: 1,
  attributes: {
    mark: required(int()),
    mincharnum: required(int()),
    pad_value: required(string()),
    separators: strings(),
    tokenexp: string(),
  },
  *work({ attributes: { mark, mincharnum, pad_value, separators, tokenexp }, inputs: [x], room }) {
    const { shape, data } = x
    if (!Array.isArray(data) || shape.length < 1 || shape.length > 2)
      throw new LanewiseError('E_TENSOR', `texts must be strings [C] or [N, C], got ${x.dtype}${formatShape(shape)}`)
    if (mincharnum < 1) throw new LanewiseError('E_VALUE', `mincharnum must be positive, got ${mincharnum}`)
    const cut = cutter(separators, tokenexp, room)
    const pieces = new Pieces(room)
    const take = (token: string): void => {
      if (isAsLong(token, mincharnum)) pieces.push(token)
    }
    const rows: string[][] = []
    for (const text of data as readonly string[]) {
      pieces.begin()
      if (mark) pieces.push(START)
      yield* cut(text, take)
      if (mark) pieces.push(END)
      rows.push(pieces.list)
      yield
    }
    const width = rows.reduce((most, { length }) => Math.max(most, length), 0)
    // One long row makes all of them long.
    pieces.reserve(placeBytes(rows.length * width))
    const result = new Array<string>(rows.length * width).fill(pad_value)
    rows.forEach((row, r) => row.forEach((token, column) => (result[r * width + column] = token)))
    return [{ dtype: 'string', shape: [...shape, width], data: result }]
  },
})

/** Whether a text has at least so many characters. */
function isAsLong(text: string, least: number): boolean {
  if (text.length < least) return false
  let count = 0
  for (const _ of text) if (++count >= least) return true
  return false
}

type Cut = (text: string, take: (token: string) => void) => Generator<undefined, void, undefined>

function cutter(
  separators: readonly string[] | undefined,
  expression: string | undefined,
  room: Room | undefined,
): Cut {
  if (expression) return allMatches(expression)
  if (!separators?.length) throw new LanewiseError('E_VALUE', 'one of separators and tokenexp must be given')
  const characters = separators.length === 1 && separators[0] === ''
  if (!characters && separators.includes('')) throw new LanewiseError('E_VALUE', 'a separator is empty')
  return function* (text, take) {
    if (characters) {
      let count = 0
      for (const character of text) {
        take(character)
        if (++count % STRETCH === 0) yield
      }
      return
    }
    // One separator after the other, as they are given.
    let parts: readonly string[] = [text]
    for (const separator of separators) {
      const pieces = new Pieces(room)
      for (const part of parts) yield* splitAt(part, separator, Infinity, pieces)
      parts = pieces.list
      yield
    }
    for (const part of parts) if (part !== '') take(part)
  }
}
