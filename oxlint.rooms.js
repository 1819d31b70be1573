// Which room may look at which. Arrows run one way, so that a reader of a room has only the rooms below it to know; types count as well.
import { dirname, join, relative, sep } from 'node:path'

const below = {
  core: [],
  ir: ['core', 'bindings'],
  ops: ['ir', 'core', 'bindings'],
  passes: ['ops', 'ir', 'core'],
  plan: ['passes', 'ops', 'ir', 'core', 'bindings'],
  onnx: ['ir', 'core'],
  platform: ['onnx', 'core', 'bindings'],
  api: ['onnx', 'plan', 'passes', 'ops', 'ir', 'core', 'bindings', 'platform'],
  autograd: ['api', 'plan', 'ops', 'ir', 'core', 'bindings', 'platform'],
  nn: ['autograd', 'api', 'onnx', 'plan', 'ops', 'ir', 'core'],
  optim: ['autograd', 'api', 'plan', 'core'],
  text: ['core'],
  data: ['api', 'ops', 'ir', 'core', 'platform', 'text'],
  generate: ['api', 'ir', 'core', 'platform', 'text'],
  serve: ['data', 'api', 'ops', 'core', 'platform', 'bindings'],
  inspect: ['api', 'onnx', 'plan', 'ir', 'core', 'platform', 'bindings'],
  view: ['inspect', 'api', 'core'],
  quantize: ['nn', 'api', 'onnx', 'passes', 'ops', 'ir', 'core'],
  train: ['nn', 'optim', 'data', 'text', 'generate', 'autograd', 'api', 'onnx', 'ir', 'core', 'platform'],
}
// The command is above everything.
const above = ['cli']

/** Families of operators: each may look at those before it. */
const operators = [
  ['shared', 'elementwise', 'reduce', 'pool', 'control', 'random', 'signal', 'text', 'matmul', 'norm', 'loss', 'ml'],
  ['attention', 'movement', 'quantize', 'conv', 'image', 'rnn'],
].flat()

/** Families of kernels, likewise; abi is above them. */
const kernels = [
  ['lib', 'generated', 'elementwise', 'reduce', 'random', 'movement', 'matmul', 'pool', 'norm', 'loss', 'ml', 'image'],
  ['quantize', 'attention', 'conv', 'rnn'],
].flat()

/** What both sides of the kernels name. */
const codes = 'assembly/abi/codes'

/** Bundles that a room starts or loads as a whole, by where the build puts them; of kernels, everybody. */
const bundles = {
  api: ['dist/ops/all-node.js'],
  cli: ['dist/profile-page.js'],
  platform: ['dist/session-worker.js', 'dist/session-worker-node.js'],
  serve: ['dist/serve/thread.js'],
}

/** The folders of a path below src, bindings or assembly; undefined for a file of anything else. */
function roomsOf(path) {
  const [top, ...rooms] = path.split(sep).slice(0, -1)
  return ['src', 'bindings', 'assembly'].includes(top) ? [top, ...rooms] : undefined
}

/** What is wrong with where a file lies: a room or a family has its place in the tables before anything lies in it. */
export function misplaced(path) {
  const [top, room, family] = roomsOf(path) ?? []
  const name = [top, room].join('/')
  if (top === 'src' && room && !below[room] && !above.includes(room))
    return `${name} may look at nothing: not in oxlint.rooms.js`
  if (top === 'src' && room === 'ops' && family && !operators.includes(family)) {
    return `${name}/${family} may look at nothing: not in oxlint.rooms.js`
  }
  if (top === 'assembly' && room !== 'abi' && !kernels.includes(room))
    return `${name} may look at nothing: not in oxlint.rooms.js`
  return undefined
}

/** Why a family may not look at another one, if it may not. Files that lie beside the families may look at all, and none at them. */
function betweenFamilies(order, here, there) {
  if (here === undefined || here === there) return undefined
  const before = order.slice(0, Math.max(0, order.indexOf(here)))
  if (before.includes(there)) return undefined
  return `${here} may look at ${before.join(', ') || 'no other family'} (oxlint.rooms.js)`
}

/** Why a file may not import another, if it may not; both are paths from the root. */
export function refusal(from, to) {
  const [source, target] = [roomsOf(from), roomsOf(to)]
  if (source === undefined) return undefined
  const [top, here, family] = source
  if (target === undefined) {
    // What the build puts there.
    if (to.startsWith(join('dist', 'wasm') + sep) || bundles[here]?.includes(to.split(sep).join('/'))) return undefined
    return `${top} may look at src, bindings and the codes of assembly; at no other bundle than oxlint.rooms.js says`
  }
  const isCode = to.replace(/\.\w+$/, '') === join(...codes.split('/'))
  if (top === 'assembly') {
    if (target[0] !== 'assembly') return 'kernels may look at kernels'
    return isCode || here === 'abi' ? undefined : betweenFamilies(kernels, here, target[1])
  }
  if (target[0] === 'assembly') return isCode ? undefined : 'kernels are reached through bindings'
  const there = target[0] === 'bindings' ? 'bindings' : target[1]
  if (top === 'bindings') return ['core', 'bindings'].includes(there) ? undefined : 'bindings may look at src/core'
  if (here === there) return here === 'ops' ? betweenFamilies(operators, family, target[2]) : undefined
  const allowed = below[here]
  if (!allowed || allowed.includes(there)) return undefined
  return `src/${here} may look at ${allowed.join(', ') || 'nothing else'} (oxlint.rooms.js)`
}

/** The text of a string or of a template without expressions, else undefined. */
function textOf(node) {
  if (node?.type === 'TemplateLiteral') return node.expressions.length === 0 ? node.quasis[0].value.cooked : undefined
  return typeof node?.value === 'string' ? node.value : undefined
}

/** What an expression says once the compiler has read the types in it. */
function withoutTypes(node) {
  return /^(TS(As|Satisfies|NonNull)Expression|TSTypeAssertion|ParenthesizedExpression)$/.test(node?.type)
    ? withoutTypes(node.expression)
    : node
}

/** Text that names a file beside this one, wherever it stands: require, new URL and import.meta.resolve take such. */
const FILE = /^\.\.?\/.*\.([cm]?[jt]sx?|wasm)$/

const arrows = {
  create(context) {
    const file = relative(context.cwd, context.filename)
    const checkPath = (node, path) => {
      const message = refusal(file, join(dirname(file), path))
      if (message !== undefined) context.report({ node, message })
    }
    const check = ({ source }) => {
      if (!source) return
      const said = withoutTypes(source)
      const path = textOf(said)
      const report = (message) => context.report({ node: source, message })
      if (path === undefined) {
        // A variable or a call holds what a user has named; anything put together would hide a file of ours.
        if (!['Identifier', 'MemberExpression', 'CallExpression'].includes(said.type))
          report('an import names the file that it may look at in full')
      } else if (/^lanewise(\/|$)/.test(path)) {
        report('src may look at its own files, by their paths')
      } else if (path.startsWith('.') && !FILE.test(path)) {
        checkPath(source, path)
      }
    }
    const checkText = (node) => {
      const path = textOf(node)
      if (path !== undefined && FILE.test(path)) checkPath(node, path)
    }
    return {
      // A new room is in the table before anything is in the room.
      Program(node) {
        const message = misplaced(file)
        if (message !== undefined) context.report({ node, message })
      },
      ImportDeclaration: check,
      ImportExpression: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      TSImportType: check,
      Literal: checkText,
      TemplateLiteral: checkText,
    }
  },
}

export default { meta: { name: 'rooms' }, rules: { arrows } }
