// A transform of the AssemblyScript compiler, for builds with threads. It writes the body of `dispatch`
// (assembly/lib/dispatch.ts): one case for every exported kernel that can be cut. Those that take a range
// `[begin, end)` can be; of others ranges.js says how. What the module can cut, and where in the arguments, stands in a
// section of its own ("calls"), which bindings/threads.ts reads: a new kernel with a range needs no entry anywhere.
import { Transform } from 'assemblyscript/transform'
import { ranges } from './ranges.js'

const isFunction = (statement) => statement.signature && statement.body?.statements && statement.name?.text
const letters = { usize: 'a', i32: 'i', f32: 'f' }

/** How a kernel with these parameters is cut; undefined if it cannot be. */
function cutOf(name, parameters) {
  const names = parameters.map((parameter) => parameter.name)
  const at = (wanted) => names.indexOf(wanted)
  if (at('begin') >= 0 && at('end') >= 0)
    return { begin: at('begin'), end: at('end'), scratch: at('scratch'), pitches: {} }
  if (!Object.hasOwn(ranges, name)) return undefined
  const { count, pitches } = ranges[name]
  for (const parameter of [count, ...Object.keys(pitches)])
    if (at(parameter) < 0) throw new Error(`scripts/ranges.js: ${name} has no parameter ${parameter}`)
  return { begin: -1, end: at(count), scratch: -1, pitches }
}

/** The call of a kernel, as AssemblyScript. */
function callOf(name, parameters, { begin, end, scratch, pitches }) {
  const value = (i) => `load<${parameters[i].type}>(a, ${4 * i})`
  const given = parameters.map(({ name: parameter }, i) => {
    if (i === begin) return 'begin'
    if (i === end) return begin < 0 ? 'end - begin' : 'end'
    if (i === scratch) return 'scratch'
    if (!Object.hasOwn(pitches, parameter)) return value(i)
    // Pitches may name other parameters; an address of 0 stands for nothing and stays.
    const pitch = String(pitches[parameter]).replace(/[a-z]\w*/gi, (other) =>
      value(parameters.findIndex((one) => one.name === other)),
    )
    return `(${value(i)} ? ${value(i)} + <usize>begin * (${pitch}) : 0)`
  })
  return `${name}(${given.join(', ')})`
}

export default class Dispatch extends Transform {
  afterParse(parser) {
    const own = parser.sources.filter((source) => !source.isLibrary)
    const functions = new Map(
      own.flatMap((source) =>
        source.statements
          .filter(isFunction)
          .map((statement) => [`${source.internalPath}/${statement.name.text}`, statement]),
      ),
    )
    const imports = []
    const cases = []
    const lines = []
    const seen = new Set()
    for (const source of own.filter(({ internalPath }) =>
      /^assembly\/abi\/(inference|train|quantized)$/.test(internalPath),
    ))
      for (const { members, internalPath } of source.statements)
        for (const { localName } of members ?? []) {
          const name = localName.text
          const { signature } = functions.get(`${internalPath}/${name}`) ?? {}
          if (!signature || seen.has(name)) continue
          seen.add(name)
          const parameters = signature.parameters.map((parameter) => ({
            name: parameter.name.text,
            type: parameter.type.name?.identifier.text,
          }))
          const cut = signature.returnType.name?.identifier.text === 'void' && cutOf(name, parameters)
          if (!cut) continue
          imports.push(`import { ${name} } from "../../${internalPath}";`)
          cases.push(`case ${lines.length}: ${callOf(name, parameters, cut)}; break;`)
          lines.push(
            `${name} ${parameters.map(({ type }) => letters[type]).join('')} ${cut.begin} ${cut.end} ${cut.scratch}`,
          )
        }
    this.section = lines.join('\n')
    const target = own.find(({ internalPath }) => internalPath === 'assembly/lib/dispatch')
    const written = new parser.constructor()
    const text = `${imports.join('\n')}
      export function dispatch(kernel: i32, a: usize, begin: i32, end: i32, scratch: usize): void {
        switch (kernel) { ${cases.join('\n')} default: unreachable(); } }`
    written.parseFile(text, target.normalizedPath, false)
    target.statements.splice(0, target.statements.length, ...written.sources[0].statements)
  }

  afterCompile(module) {
    module.addCustomSection('calls', new TextEncoder().encode(this.section))
  }
}
