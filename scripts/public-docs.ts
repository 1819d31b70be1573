// Fails if something that the package exports, or a member of it, has no documentation: `npm run lint` runs it. Entries
// are those of package.json.
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import ts from 'typescript'

/** Interfaces that are tables from names to types: a comment above them says what their rows are. */
const tables = ['TensorDataTypeMap', 'TensorElementTypeMap', 'ProviderOptionMap']

function isRow(declaration: ts.Node): boolean {
  for (let node = declaration.parent; node; node = node.parent)
    if (ts.isInterfaceDeclaration(node)) return tables.includes(node.name.text)
  return false
}

/** An export, or a member of one, without a documentation comment. */
export interface Undocumented {
  readonly entry: string
  readonly name: string
  readonly place: string
}

/** What the entries export without a word about it. Names that are exported by several are told once. */
export function undocumented(root: string, entries: readonly string[]): Undocumented[] {
  const config = ts.readConfigFile(`${root}/tsconfig.json`, (path) => ts.sys.readFile(path))
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root)
  const program = ts.createProgram(
    entries.map((entry) => `${root}/${entry}`),
    { ...options, noEmit: true },
  )
  const checker = program.getTypeChecker()
  const found: Undocumented[] = []
  const seen = new Set<ts.Symbol>()
  const declared = new Set<ts.Declaration>()
  const note = (entry: string, symbol: ts.Symbol, name: string): void => {
    // What overrides or implements a documented declaration is documented there.
    if (symbol.getDocumentationComment(checker).length > 0) return
    if (symbol.getJsDocTags(checker).some((tag) => ['throws', 'returns', 'internal'].includes(tag.name))) return
    const [declaration] = symbol.declarations ?? []
    const file = declaration?.getSourceFile()
    const line = file && declaration ? file.getLineAndCharacterOfPosition(declaration.getStart()).line + 1 : 0
    found.push({ entry, name, place: file ? `${relative(root, file.fileName)}:${line}` : '' })
  }
  /**
   * Properties and methods that a user sees, of a class (both sides), an interface or an alias of an object type, as
   * declared in our sources.
   */
  const membersOf = (symbol: ts.Symbol): ts.Symbol[] => {
    const types: ts.Type[] = []
    if (symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface | ts.SymbolFlags.TypeAlias))
      types.push(checker.getDeclaredTypeOfSymbol(symbol))
    if (symbol.flags & ts.SymbolFlags.Class) types.push(checker.getTypeOfSymbol(symbol))
    return types
      .flatMap((type) => (type.isUnionOrIntersection() ? type.types : [type]))
      .flatMap((type) =>
        type.getProperties().filter((member) => {
          const [declaration] = member.declarations ?? []
          if (!declaration || declaration.getSourceFile().fileName.includes('/node_modules/')) return false
          // Names with __@ are symbols, as of iterators and disposal, which mean what the language says; those with #
          // are private.
          if (isRow(declaration)) return false
          // Every class has a name; ours are declared where a minifier would change them.
          if (member.name === 'name' && ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Static) return false
          if (member.name.startsWith('__@') || member.flags & ts.SymbolFlags.Prototype) return false
          return (
            !(ts.getCombinedModifierFlags(declaration) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) &&
            !member.name.startsWith('#')
          )
        }),
      )
  }
  const visit = (entry: string, container: ts.Symbol, prefix: string): void => {
    for (const exported of checker.getExportsOfModule(container)) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
      if (seen.has(symbol)) continue
      seen.add(symbol)
      const name = `${prefix}${exported.name}`
      // A namespace (F, init) is documented where it is exported, and so is each thing in it.
      if (symbol.flags & ts.SymbolFlags.ValueModule && !symbol.valueDeclaration?.parent) {
        visit(entry, symbol, `${name}.`)
        continue
      }
      // The numbers of kernels (codes) are explained in groups where they stand.
      const ownFile = symbol.declarations?.[0]?.getSourceFile().fileName ?? ''
      if (ownFile.endsWith('assembly/abi/codes.ts')) continue
      note(entry, symbol, name)
      for (const member of membersOf(symbol)) {
        // A member of a generic type is a symbol of its own wherever that is inherited or filled in.
        const [declaration] = member.declarations ?? []
        if (!declaration || declared.has(declaration)) continue
        declared.add(declaration)
        note(entry, member, `${name}.${member.name}`)
      }
    }
  }
  for (const entry of entries) {
    const source = program.getSourceFile(`${root}/${entry}`)
    const module = source && checker.getSymbolAtLocation(source)
    if (!module) throw new Error(`${entry} is no module`)
    visit(entry, module, '')
  }
  return found
}

/** The sources of what package.json exports. */
function entriesOf(root: string): string[] {
  const { exports } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as {
    exports: Record<string, string | { readonly types?: string }>
  }
  const types = Object.values(exports).flatMap((target) =>
    typeof target === 'object' && target.types ? [target.types] : [],
  )
  const sources = types.map((path) => path.replace(/^.*\/types\/(?:src\/)?/, 'src/').replace(/\.d\.[mc]?ts$/, '.ts'))
  return [...new Set(sources)].filter((path) => ts.sys.fileExists(`${root}/${path}`))
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')
  const missing = undocumented(root, entriesOf(root))
  for (const { name, place } of missing) console.error(`${place}: ${name} is exported without documentation`)
  if (missing.length > 0) process.exitCode = 1
}
