// Regular expressions in the syntax of RE2, which ONNX refers to. Matching takes time linear in the text whatever the
// expression (Thompson, 1968): a model must not be able to hang its host, which JavaScript's own backtracking
// expressions allow.
import { LanewiseError } from '../../core/errors.js'

type Test = (code: number) => boolean

/** What an instruction does; `split` goes both ways, `assert` goes on if a condition of the place holds. */
type Instruction =
  | { readonly kind: 'char'; readonly test: Test }
  | { readonly kind: 'split'; a: number; b: number }
  | { readonly kind: 'jump'; to: number }
  | { readonly kind: 'assert'; readonly holds: (before: number, after: number) => boolean }
  | { readonly kind: 'match' }

/** A parsed expression: emits itself into a program. */
type Piece = (program: Program) => void

/** RE2's own limit for counted repetition, and a bound for what nested counts multiply to. */
const MAX_REPEAT = 1000
const MAX_INSTRUCTIONS = 20_000
const MAX_DEPTH = 200
/** Instructions between two places where matching may be broken off. */
const STRETCH = 2 ** 14
/** Before the first and after the last character. */
const EDGE = -1
const NEWLINE = 10

class Program {
  readonly code: Instruction[] = []

  push(instruction: Instruction): number {
    if (this.code.length >= MAX_INSTRUCTIONS)
      throw new LanewiseError('E_UNSUPPORTED', 'the regular expression is too large')
    return this.code.push(instruction) - 1
  }
}

interface Flags {
  readonly ignoreCase: boolean
  readonly dotAll: boolean
  readonly multiline: boolean
}

const digit: Test = (c) => c >= 48 && c <= 57
const word: Test = (c) => digit(c) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122) || c === 95
const space: Test = (c) => c === 32 || c === 9 || c === 10 || c === 12 || c === 13
const not =
  (test: Test): Test =>
  (c) =>
    !test(c)

const classEscapes: Record<string, Test> = { d: digit, D: not(digit), w: word, W: not(word), s: space, S: not(space) }
const charEscapes: Record<string, number> = { n: 10, t: 9, r: 13, f: 12, v: 11, a: 7 }

const posix: Record<string, Test> = {
  alnum: (c) => word(c) && c !== 95,
  alpha: (c) => word(c) && !digit(c) && c !== 95,
  ascii: (c) => c < 128,
  blank: (c) => c === 32 || c === 9,
  cntrl: (c) => c < 32 || c === 127,
  digit,
  graph: (c) => c > 32 && c < 127,
  lower: (c) => c >= 97 && c <= 122,
  print: (c) => c >= 32 && c < 127,
  punct: (c) => c > 32 && c < 127 && (c === 95 || !word(c)),
  space: (c) => space(c) || c === 11,
  upper: (c) => c >= 65 && c <= 90,
  word,
  xdigit: (c) => digit(c) || (c >= 65 && c <= 70) || (c >= 97 && c <= 102),
}

/** `\Q…\E`, within which every character stands for itself, written with a backslash before each. */
function unquoted(chars: readonly string[]): string[] {
  const result: string[] = []
  for (let i = 0; i < chars.length; i++) {
    if (chars[i] !== '\\' || i + 1 === chars.length) {
      result.push(chars[i])
    } else if (chars[++i] !== 'Q') {
      result.push('\\', chars[i])
    } else {
      for (i++; i < chars.length && !(chars[i] === '\\' && chars[i + 1] === 'E'); i++) {
        result.push(...(/\w/.test(chars[i]) ? [chars[i]] : ['\\', chars[i]]))
      }
      i++
    }
  }
  return result
}

class Parser {
  private at = 0
  private depth = 0
  private readonly text: readonly string[]

  constructor(private readonly pattern: string) {
    this.text = unquoted([...pattern])
  }

  parse(): Piece {
    const piece = this.alternatives({ ignoreCase: false, dotAll: false, multiline: false })
    if (this.at < this.text.length) this.fail('a ")" too many')
    return piece
  }

  private fail(what: string): never {
    throw new LanewiseError('E_VALUE', `"${this.pattern}" is not a regular expression: ${what} at character ${this.at}`)
  }

  private peek(text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.text[this.at + i] !== text[i]) return false
    return true
  }

  private take(text: string): boolean {
    if (!this.peek(text)) return false
    this.at += text.length
    return true
  }

  private alternatives(flags: Flags): Piece {
    if (++this.depth > MAX_DEPTH) this.fail('too many groups within each other')
    const branches: Piece[] = []
    let current = flags
    do {
      const pieces: Piece[] = []
      while (this.at < this.text.length && !this.peek('|') && !this.peek(')')) {
        if (this.peek('(?')) {
          const switched = this.flagSwitch(current)
          if (switched) {
            current = switched
            continue
          }
        }
        pieces.push(this.repeated(current))
      }
      branches.push((program) => pieces.forEach((piece) => piece(program)))
    } while (this.take('|'))
    this.depth--
    return branches.reduceRight((rest, branch) => either(branch, rest))
  }

  /** `(?i)`: flags from here to the end of the group. */
  private flagSwitch(flags: Flags): Flags | undefined {
    const start = this.at
    this.at += 2
    const result = this.flags(flags)
    if (result && this.take(')')) return result
    this.at = start
    return undefined
  }

  private flags(flags: Flags): Flags | undefined {
    let on = true
    let { ignoreCase, dotAll, multiline } = flags
    for (;;) {
      if (this.take('-')) on = false
      else if (this.take('i')) ignoreCase = on
      else if (this.take('s')) dotAll = on
      else if (this.take('m')) multiline = on
      else if (!this.take('U')) return this.peek(')') || this.peek(':') ? { ignoreCase, dotAll, multiline } : undefined
    }
  }

  private repeated(flags: Flags): Piece {
    let piece = this.atom(flags)
    for (;;) {
      const from = this.at
      const [least, most] = this.counts() ?? [-1, -1]
      if (least < 0) return piece
      // Lazy or greedy makes no difference to whether all of a text matches.
      this.take('?')
      if (this.at === from) return piece
      piece = repeat(piece, least, most)
    }
  }

  private counts(): [number, number] | undefined {
    if (this.take('*')) return [0, Infinity]
    if (this.take('+')) return [1, Infinity]
    if (this.take('?')) return [0, 1]
    const match = /^\{(\d+)(,(\d*))?\}/.exec(this.text.slice(this.at, this.at + 16).join(''))
    if (!match) return undefined
    this.at += match[0].length
    const least = Number(match[1])
    const most = match[2] === undefined ? least : match[3] === '' ? Infinity : Number(match[3])
    if (least > MAX_REPEAT || (most !== Infinity && most > MAX_REPEAT) || most < least)
      this.fail(`the count ${match[0]}`)
    return [least, most]
  }

  private atom(flags: Flags): Piece {
    if (this.take('(')) return this.group(flags)
    if (this.take('[')) return one(this.set(flags))
    if (this.take('.')) return one(flags.dotAll ? () => true : (c) => c !== NEWLINE)
    if (this.take('^'))
      return assert(flags.multiline ? (before) => before === EDGE || before === NEWLINE : (before) => before === EDGE)
    if (this.take('$'))
      return assert(flags.multiline ? (_, after) => after === EDGE || after === NEWLINE : (_, after) => after === EDGE)
    if (this.take('\\')) return this.escape(flags)
    if (this.peek('*') || this.peek('+') || this.peek('?')) this.fail('nothing to repeat')
    return one(literal(this.text[this.at++], flags))
  }

  private group(flags: Flags): Piece {
    let inner = flags
    if (this.take('?')) {
      if (this.take('P<') || (this.peek('<') && !this.peek('<=') && !this.peek('<!') && this.take('<'))) {
        while (this.at < this.text.length && !this.take('>')) this.at++
      } else {
        const changed = this.flags(flags)
        if (!changed || !this.take(':')) this.fail('a kind of group that RE2 does not have')
        inner = changed
      }
    }
    const piece = this.alternatives(inner)
    if (!this.take(')')) this.fail('a ")" missing')
    return piece
  }

  private escape(flags: Flags): Piece {
    const char = this.text[this.at]
    if (char === undefined) this.fail('nothing behind "\\"')
    if (this.take('b')) return assert((before, after) => word(before) !== word(after))
    if (this.take('B')) return assert((before, after) => word(before) === word(after))
    if (this.take('A')) return assert((before) => before === EDGE)
    if (this.take('z')) return assert((_, after) => after === EDGE)
    const found = this.classOrChar()
    return one(typeof found === 'number' ? literal(String.fromCodePoint(found), flags) : found)
  }

  /** What follows a backslash, in or out of a set: a class of characters or one character. */
  private classOrChar(): Test | number {
    const char = this.text[this.at++]
    if (char === undefined) this.fail('nothing behind "\\"')
    if (Object.hasOwn(classEscapes, char)) return classEscapes[char]
    if (Object.hasOwn(charEscapes, char)) return charEscapes[char]
    if (char === 'p' || char === 'P') return this.property(char === 'P')
    if (char === 'x') {
      const match = /^(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2}))/.exec(this.text.slice(this.at, this.at + 8).join(''))
      const code = match ? parseInt(match[1] ?? match[2], 16) : Infinity
      if (!match || code > 0x10ffff) this.fail('a code behind "\\x"')
      this.at += match[0].length
      return code
    }
    if (/[A-Za-z1-9]/.test(char)) this.fail(`"\\${char}"`)
    return char === '0' ? 0 : (char.codePointAt(0) ?? 0)
  }

  /** `\pL`, `\p{Greek}`: asked of JavaScript one character at a time. */
  private property(negated: boolean): Test {
    const match = /^(?:\{(\^?)(\w+)\}|([A-Z]))/.exec(this.text.slice(this.at, this.at + 40).join(''))
    if (!match) this.fail('a name behind "\\p"')
    const name = match[2] ?? match[3]
    for (const form of [name, `Script=${name}`]) {
      try {
        const expression = new RegExp(`^\\p{${form}}$`, 'u')
        this.at += match[0].length
        const wanted = negated === (match[1] === '^')
        return (c) => c >= 0 && expression.test(String.fromCodePoint(c)) === wanted
      } catch {
        continue
      }
    }
    this.fail(`the class "${name}"`)
  }

  private set(flags: Flags): Test {
    const negated = this.take('^')
    const tests: Test[] = []
    for (let first = true; first || !this.take(']'); first = false) {
      if (this.at >= this.text.length) this.fail('a "]" missing')
      const named = /^\[:(\^?)(\w+):\]/.exec(this.text.slice(this.at, this.at + 12).join(''))
      if (named) {
        if (!Object.hasOwn(posix, named[2])) this.fail(`the class "${named[2]}"`)
        this.at += named[0].length
        tests.push(named[1] ? not(posix[named[2]]) : posix[named[2]])
        continue
      }
      const low = this.setChar()
      if (typeof low !== 'number') {
        tests.push(low)
        continue
      }
      let high = low
      if (this.peek('-') && this.text[this.at + 1] !== ']' && this.at + 1 < this.text.length) {
        this.at++
        const end = this.setChar()
        if (typeof end !== 'number' || end < low) this.fail('a range that is none')
        high = end
      }
      tests.push(
        flags.ignoreCase
          ? (c) => foldings(c).some((code) => code >= low && code <= high)
          : (c) => c >= low && c <= high,
      )
    }
    const any: Test = (c) => tests.some((test) => test(c))
    return negated ? not(any) : any
  }

  private setChar(): Test | number {
    return this.take('\\') ? this.classOrChar() : (this.text[this.at++].codePointAt(0) ?? 0)
  }
}

/** A character and its other cases. */
function foldings(code: number): number[] {
  const char = String.fromCodePoint(code)
  return [char, char.toLowerCase(), char.toUpperCase()].map((text) => text.codePointAt(0) ?? 0)
}

function literal(char: string, { ignoreCase }: Flags): Test {
  const code = char.codePointAt(0) ?? 0
  if (!ignoreCase) return (c) => c === code
  const codes = foldings(code)
  return (c) => codes.includes(c) || foldings(c).some((folded) => codes.includes(folded))
}

function one(test: Test): Piece {
  return (program) => void program.push({ kind: 'char', test })
}

function assert(holds: (before: number, after: number) => boolean): Piece {
  return (program) => void program.push({ kind: 'assert', holds })
}

function either(first: Piece, second: Piece): Piece {
  return (program) => {
    const split = { kind: 'split' as const, a: 0, b: 0 }
    split.a = program.push(split) + 1
    first(program)
    const jump = { kind: 'jump' as const, to: 0 }
    split.b = program.push(jump) + 1
    second(program)
    jump.to = program.code.length
  }
}

function repeat(piece: Piece, least: number, most: number): Piece {
  return (program) => {
    for (let i = 0; i < least; i++) piece(program)
    if (most === Infinity) {
      const split = { kind: 'split' as const, a: 0, b: 0 }
      const start = program.push(split)
      split.a = start + 1
      piece(program)
      split.b = program.push({ kind: 'jump', to: start }) + 1
      return
    }
    const splits: { kind: 'split'; a: number; b: number }[] = []
    for (let i = least; i < most; i++) {
      const split = { kind: 'split' as const, a: 0, b: 0 }
      split.a = program.push(split) + 1
      splits.push(split)
      piece(program)
    }
    for (const split of splits) split.b = program.code.length
  }
}

/**
 * Says whether an expression matches all of a text, as work that may be broken off: a long expression times a long text
 * takes long, linear as it is.
 *
 * @throws LanewiseError `E_VALUE` if it is not an expression of RE2.
 */
export function fullMatcher(pattern: string): (text: string) => Generator<undefined, boolean, undefined> {
  const longest = longestMatcher(pattern)
  return function* (text) {
    return (yield* longest(text, 0)) === text.length
  }
}

/**
 * Gives the parts of a text that an expression matches, from the left and each as long as can be, to `take`; empty ones
 * are none.
 */
export function allMatches(pattern: string) {
  const longest = longestMatcher(pattern)
  return function* (text: string, take: (part: string) => void): Generator<undefined, void, undefined> {
    for (let at = 0; at < text.length;) {
      const end = yield* longest(text, at)
      if (end > at) take(text.slice(at, end))
      at = end > at ? end : at + ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1)
    }
  }
}

/** Where the longest match ends that begins at a place; −1 if there is none. */
function longestMatcher(pattern: string): (text: string, from: number) => Generator<undefined, number, undefined> {
  const program = new Program()
  new Parser(pattern).parse()(program)
  program.push({ kind: 'match' })
  const { code } = program
  const mark = new Uint32Array(code.length)
  let generation = 0
  /** Follows everything that consumes nothing; returns the instructions that wait for a character. */
  const closure = (starts: readonly number[], before: number, after: number): number[] => {
    generation++
    const waiting: number[] = []
    const stack = [...starts]
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      if (mark[at] === generation) continue
      mark[at] = generation
      const instruction = code[at]
      if (instruction.kind === 'split') stack.push(instruction.b, instruction.a)
      else if (instruction.kind === 'jump') stack.push(instruction.to)
      else if (instruction.kind === 'assert') {
        if (instruction.holds(before, after)) stack.push(at + 1)
      } else waiting.push(at)
    }
    return waiting
  }
  return function* (text, from) {
    let before = from > 0 ? text.charCodeAt(from - 1) : EDGE
    let starts = [0]
    let looked = 0
    let end = -1
    for (let place = from; ;) {
      const char = text.codePointAt(place) ?? EDGE
      looked += 1 + starts.length
      if (looked > STRETCH) {
        looked = 0
        yield
      }
      const next: number[] = []
      for (const at of closure(starts, before, char)) {
        const instruction = code[at]
        if (instruction.kind === 'match') end = place
        else if (instruction.kind === 'char' && char !== EDGE && instruction.test(char)) next.push(at + 1)
      }
      if (next.length === 0) return end
      starts = next
      before = char
      place += char > 0xffff ? 2 : 1
    }
  }
}
