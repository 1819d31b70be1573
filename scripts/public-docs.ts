// Fails if something that the package exports has no documentation: `npm run lint` runs it. Entries are those of package.json.
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import ts from 'typescript'

/** An export without a documentation comment. */
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
      if (symbol.getDocumentationComment(checker).length > 0) continue
      const [declaration] = symbol.declarations ?? []
      const file = declaration?.getSourceFile()
      const line = file && declaration ? file.getLineAndCharacterOfPosition(declaration.getStart()).line + 1 : 0
      found.push({ entry, name, place: file ? `${relative(root, file.fileName)}:${line}` : '' })
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
