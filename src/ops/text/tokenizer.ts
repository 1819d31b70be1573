import { LanewiseError } from '../../core/errors.js'
import { formatShape } from '../../core/shape.js'
import { int, required, string, strings } from '../../ir/attributes.js'
import { defineOp } from '../../ir/op.js'
import { allMatches } from './regex.js'

/** What marks the beginning and the end of a text. */
const [START, END] = ['\u0002', '\u0003']

/**
 * onnxruntime's Tokenizer: texts [C] or [N, C] cut at separators, into characters (one separator that is empty), or into what an expression finds; shorter
 * than `mincharnum` is left out, and rows are filled up to the longest.
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
  *work({ attributes: { mark, mincharnum, pad_value, separators, tokenexp }, inputs: [x] }) {
    const { shape, data } = x
    if (!Array.isArray(data) || shape.length < 1 || shape.length > 2)
      throw new LanewiseError('E_TENSOR', `texts must be strings [C] or [N, C], got ${x.dtype}${formatShape(shape)}`)
    if (mincharnum < 1) throw new LanewiseError('E_VALUE', `mincharnum must be positive, got ${mincharnum}`)
    const cut = cutter(separators, tokenexp)
    const rows: string[][] = []
    for (const text of data) {
      const tokens = (yield* cut(text)).filter((token) => Array.from(token).length >= mincharnum)
      rows.push(mark ? [START, ...tokens, END] : tokens)
    }
    const width = rows.reduce((most, { length }) => Math.max(most, length), 0)
    const result = rows.flatMap((row) => [...row, ...new Array<string>(width - row.length).fill(pad_value)])
    return [{ dtype: 'string', shape: [...shape, width], data: result }]
  },
})

type Cut = (text: string) => Generator<undefined, readonly string[], undefined>

function cutter(separators: readonly string[] | undefined, expression: string | undefined): Cut {
  if (expression) return allMatches(expression)
  if (!separators?.length) throw new LanewiseError('E_VALUE', 'one of separators and tokenexp must be given')
  const characters = separators.length === 1 && separators[0] === ''
  if (!characters && separators.includes('')) throw new LanewiseError('E_VALUE', 'a separator is empty')
  return function* (text) {
    if (characters) return Array.from(text)
    // One separator after the other, as they are given.
    let parts: string[] = [text]
    for (const separator of separators) {
      parts = parts.flatMap((part) => part.split(separator))
      yield
    }
    return parts.filter((part) => part !== '')
  }
}
