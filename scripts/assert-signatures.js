// A transform of the AssemblyScript compiler, for debug builds: every exported kernel asserts what its signature says.
// An address is 0 or lies in the heap, so a size in its place is caught; a size is not negative, so an address above 2
// GiB or a difference is; a range runs forwards. What a signature cannot say (tables of windows, products and
// recurrences) kernels assert themselves.
import { Transform } from 'assemblyscript/transform'

/** Parameters of type i32 that count something. */
const SIZES =
  /^(n|m|k|rows|cols|columns|channels|groups|spatial|axis|inner|outer|count|taps|rank|run|width|height|outSize|outWidth|outHeight|size|pixels|images|batch|bytes|pairs|steps|hidden|depth|length|slab|classes|heads|kh|kw|oh|ow)$/

/** What has to hold of a kernel with these parameters, as AssemblyScript. */
function preconditions(parameters) {
  const lines = []
  const ofType = (type) => parameters.filter((parameter) => parameter.type === type).map(({ name }) => name)
  for (const name of ofType('usize'))
    lines.push(
      `assert(${name} == 0 || (${name} >= __heap_base && ${name} <= <usize>memory.size() << 16), "${name} is no address");`,
    )
  const numbers = ofType('i32')
  for (const name of numbers) if (SIZES.test(name)) lines.push(`assert(${name} >= 0, "${name} is negative");`)
  if (numbers.includes('begin') && numbers.includes('end'))
    lines.push('assert(0 <= begin && begin <= end, "the range [begin, end) runs backwards");')
  return lines
}

const isFunction = (statement) => statement.signature && statement.body?.statements && statement.name?.text

export default class AssertSignatures extends Transform {
  afterParse(parser) {
    const own = parser.sources.filter((source) => !source.isLibrary)
    const exported = new Set(
      own
        .filter(({ internalPath }) => internalPath.startsWith('assembly/abi/'))
        .flatMap(({ statements }) => statements.flatMap(({ members }) => members ?? []))
        .map(({ localName }) => localName?.text),
    )
    for (const source of own) {
      for (const statement of source.statements) {
        if (!isFunction(statement) || !exported.has(statement.name.text)) continue
        const parameters = statement.signature.parameters.map(({ name, type }) => ({
          name: name.text,
          type: type.name?.identifier.text,
        }))
        // In a source of the same name and at the same line, which is what an assertion that fails says.
        const before = '\n'.repeat(source.lineAt(statement.range.start) - 1)
        const snippets = new parser.constructor()
        const text = `${before}function f(): void { ${preconditions(parameters).join(' ')} }`
        snippets.parseFile(text, source.normalizedPath, false)
        statement.body.statements.unshift(...snippets.sources[0].statements[0].body.statements)
      }
    }
  }
}
