import { readFileSync } from 'node:fs'
import type { Plugin } from 'esbuild'
import ts from 'typescript'

/**
 * The rooms in which the value of a constant is made without effects. What registers something does so in a statement.
 */
const rooms = /[\\/]src[\\/](api|core|ir|ops|passes|plan|onnx|autograd|nn|optim|text|data|train)[\\/].*\.ts$/

/**
 * Says to bundlers of apps that what makes the values of modules has no effects, so that they leave out what an app
 * does not use: many modules lie in one file of the package, and `sideEffects` of package.json speaks of whole files.
 */
export const pureCalls: Plugin = {
  name: 'pure-calls',
  setup({ onLoad }) {
    onLoad({ filter: rooms }, ({ path }) => ({ contents: annotated(path, readFileSync(path, 'utf8')), loader: 'ts' }))
  },
}

/** The source with a mark before each call that makes the value of one of its constants. */
function annotated(path: string, source: string): string {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true)
  const edits = new Map<number, string>()
  const namespaces = new Set(file.statements.flatMap(namespaceOf))
  let wrapped = false
  for (const statement of file.statements) {
    if (!ts.isVariableStatement(statement)) continue
    for (const { initializer } of statement.declarationList.declarations) {
      if (!initializer) continue
      const { calls, whole } = whatMakes(initializer, namespaces)
      wrapped ||= whole
      const [begin, end] = [initializer.getStart(file), initializer.end]
      if (whole) edits.set(begin, '/* @__PURE__ */ made(() => (').set(end, '))')
      else for (const call of calls) edits.set(call.getStart(file), '/* @__PURE__ */ ')
    }
  }
  let result = source
  for (const [at, text] of [...edits].toSorted(([a], [b]) => b - a))
    result = result.slice(0, at) + text + result.slice(at)
  return wrapped ? `${result}\nfunction made(make) { return make() }\n` : result
}

/**
 * The calls that make a value, but for those in functions, which are called later; and whether marks at calls are not
 * enough.
 */
function whatMakes(initializer: ts.Expression, namespaces: ReadonlySet<string>): { calls: ts.Node[]; whole: boolean } {
  const calls: ts.Node[] = []
  let whole = ts.isCallExpression(initializer) && ts.isParenthesizedExpression(initializer.expression)
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) return
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) calls.push(node)
    if (counts(node, namespaces)) whole = true
    ts.forEachChild(node, visit)
  }
  visit(initializer)
  return { calls, whole }
}

/**
 * What may have effects as bundlers see it, and is no call: a property that is looked up or spread may be a function.
 * Those of modules are none.
 */
function counts(node: ts.Node, namespaces: ReadonlySet<string>): boolean {
  if (ts.isPropertyAccessExpression(node))
    return !(ts.isIdentifier(node.expression) && namespaces.has(node.expression.text))
  // esbuild writes Infinity as 1 / 0, which it does not take for a constant itself.
  if (ts.isIdentifier(node)) return node.text === 'Infinity'
  return (
    ts.isSpreadAssignment(node) ||
    ts.isSpreadElement(node) ||
    ts.isTaggedTemplateExpression(node) ||
    ts.isElementAccessExpression(node)
  )
}

/** The name in `import * as name`. */
function namespaceOf(statement: ts.Statement): string[] {
  const bindings = ts.isImportDeclaration(statement) ? statement.importClause?.namedBindings : undefined
  return bindings && ts.isNamespaceImport(bindings) ? [bindings.name.text] : []
}
