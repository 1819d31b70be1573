import { describe, expect, it } from 'vitest'
import { hostFrom, type HostTensor } from '../../../src/core/host.js'
import { fullMatcher } from '../../../src/ops/text/regex.js'
import { runNode } from '../../support/cases/run-node.js'

/** Whether an expression matches all of a text. */
function matches(pattern: string, text: string): boolean {
  const work = fullMatcher(pattern)(text)
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
  }
}

const text = (...data: string[]): HostTensor => ({ dtype: 'string', shape: [data.length], data })

describe('regular expressions', () => {
  // Patterns that mean the same in RE2 and in JavaScript, which is asked for the expected answer.
  const patterns = [
    '',
    'a',
    'a*b+c?',
    '(ab|cd)*e',
    '[a-f]{2,3}',
    '[^a-c\\d]+',
    '\\w+@\\w+\\.com',
    'a.c',
    '(?:x|y){2}z',
    'a{0}b',
    '\\bab\\b.*',
    '(a|b(c|d))+',
    '[\\w.-]+',
    '^a$',
    'a|^b|c$',
    '(a*)*b',
    '[]]'.replace('[]]', '[\\]]'),
    '\\x41\\n?',
    'a+?b',
  ]
  const texts = [
    '',
    'a',
    'b',
    'ab',
    'abc',
    'aab',
    'aabc',
    'abcde',
    'ababe',
    'fed',
    'xyz',
    'a@b.com',
    'a\nc',
    'xxz',
    'bcbd',
    'bcd',
    '12',
    'zz',
    ']',
    'A',
    'A\n',
    'aaaaaaaaaaaaaaaac',
    'ab cd',
  ]

  it.each(patterns)('%s', (pattern) => {
    const expected = new RegExp(`^(?:${pattern})$`, 'u')
    for (const candidate of texts)
      expect(matches(pattern, candidate), JSON.stringify(candidate)).toBe(expected.test(candidate))
  })

  it('know what only RE2 has', () => {
    expect(matches('(?i)straSSe', 'STRASSE')).toBe(true)
    expect(matches('(?s:a.)b', 'a\nb')).toBe(true)
    expect(matches('[[:alpha:]]+[[:^digit:]]', 'abc')).toBe(true)
    expect(matches('\\Aa\\z', 'a')).toBe(true)
    expect(matches('\\Qa.b\\E+', 'a.bbb')).toBe(true)
    expect(matches('(?P<name>\\p{Greek}+)', 'λόγος')).toBe(true)
    expect(matches('\\pL\\PL', 'ä1')).toBe(true)
    expect(matches('.', '😀')).toBe(true)
  })

  it('take linear time where backtracking would not end', () => {
    expect(matches('(a|a)*(a*)*b', 'a'.repeat(20_000))).toBe(false)
  })

  it.each([
    '(',
    ')',
    '[a',
    'a**b(',
    '*a',
    'a{2000}',
    '[b-a]',
    '\\',
    '(?=a)',
    '(?<!a)b',
    '\\1',
    '[[:nothing:]]',
    '\\p{Nothing}',
    'a{3,2}',
  ])('%s is refused', (pattern) => {
    expect(() => fullMatcher(pattern)).toThrow(expect.objectContaining({ code: 'E_VALUE' }) as Error)
  })

  it('too large ones are refused', () => {
    expect(() => fullMatcher('((a{100}){100}){100}')).toThrow(
      expect.objectContaining({ code: 'E_UNSUPPORTED' }) as Error,
    )
  })
})

describe('strings', () => {
  it('are joined with broadcasting', async () => {
    const [y] = await runNode({
      op: 'StringConcat',
      inputs: [{ dtype: 'string', shape: [2, 1], data: ['a', 'b'] }, text('x', 'y')],
    })
    expect(y).toEqual({ dtype: 'string', shape: [2, 2], data: ['ax', 'ay', 'bx', 'by'] })
  })

  it.each([
    [{}, ' a  b c ', ['a', 'b', 'c'], 3],
    [{ maxsplit: 1 }, ' a  b c ', ['a', 'b c'], 2],
    [{ delimiter: ',' }, 'a,,b', ['a', '', 'b'], 3],
    [{ delimiter: ',', maxsplit: 1 }, 'a,b,c', ['a', 'b,c'], 2],
    [{ delimiter: ',' }, '', [''], 1],
    [{}, '', [], 0],
  ] as const)('are split %#', async (attributes, given, parts, count) => {
    const [y, counts] = await runNode({ op: 'StringSplit', inputs: [text(given)], attributes, outputs: 2 })
    expect(y).toEqual({ dtype: 'string', shape: [1, parts.length], data: [...parts] })
    expect(counts).toEqual({ dtype: 'int64', shape: [1], data: BigInt64Array.of(BigInt(count)) })
  })

  it.each([
    [{ case_change_action: 'UPPER', is_case_sensitive: 1, stopwords: ['b'] }, ['a', 'b', 'B'], ['A', 'B']],
    [{ case_change_action: 'LOWER', stopwords: ['b'] }, ['A', 'b', 'B'], ['a']],
    [{ stopwords: ['A'] }, ['a', 'A'], ['']],
  ] as const)('are normalised %#', async (attributes, given, kept) => {
    const [y] = await runNode({ op: 'StringNormalizer', inputs: [text(...given)], attributes })
    expect(y).toEqual({ dtype: 'string', shape: [kept.length], data: [...kept] })
  })

  it('are counted as n-grams', async () => {
    const attributes = {
      mode: 'TFIDF',
      min_gram_length: 1,
      max_gram_length: 2,
      max_skip_count: 1,
      ngram_counts: [0, 2],
      ngram_indexes: [0, 1, 2],
      pool_strings: ['a', 'b', 'a', 'b'],
      weights: [1, 10, 0.5],
    }
    // a twice, b twice; "a b" once side by side and once with "b" left out between.
    const [y] = await runNode({ op: 'TfIdfVectorizer', inputs: [text('a', 'b', 'b', 'a')], attributes })
    expect(y).toEqual({ dtype: 'float32', shape: [3], data: Float32Array.of(2, 20, 1) })
  })

  it('are made of numbers that only a run knows', async () => {
    const [y] = await runNode({ op: 'Cast', inputs: [hostFrom('float32', [3], [1.5, -2, 0.1])], attributes: { to: 8 } })
    expect(y).toEqual({ dtype: 'string', shape: [3], data: ['1.5', '-2', '0.1'] })
  })

  it('become labels', async () => {
    const [y] = await runNode({
      op: 'LabelEncoder',
      domain: 'ai.onnx.ml',
      inputs: [text('b', 'x')],
      attributes: { keys_strings: ['a', 'b'], values_strings: ['one', 'two'] },
    })
    expect(y.data).toEqual(['two', '_Unused'])
  })
})
