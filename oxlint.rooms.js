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
  data: ['api', 'ops', 'core', 'platform', 'text'],
  generate: ['api', 'ir', 'core', 'platform', 'text'],
  serve: ['data', 'api', 'ops', 'core', 'platform', 'bindings'],
  inspect: ['api', 'onnx', 'plan', 'ir', 'core', 'platform', 'bindings'],
  view: ['inspect', 'api', 'core'],
  quantize: ['nn', 'api', 'onnx', 'passes', 'ops', 'ir', 'core'],
  train: ['nn', 'optim', 'data', 'text', 'generate', 'autograd', 'api', 'onnx', 'ir', 'core', 'platform'],
}

/** What a file of the repository belongs to: a room of src, its entries (''), bindings, kernels; undefined for everything else. */
function placeOf(path) {
  const [top, room, rest] = path.split(sep)
  if (top === 'src') return rest === undefined ? '' : room
  return top === 'bindings' || top === 'assembly' ? top : undefined
}

/** Why a file may not import another, if it may not. */
function refusal(from, to) {
  const [here, there] = [placeOf(from), placeOf(to)]
  if (here === undefined || there === undefined || here === there) return undefined
  if (there === 'assembly') {
    // What both sides name are the codes.
    const codes = join('assembly', 'abi', 'codes')
    return to.replace(/\.\w+$/, '') === codes ? undefined : 'kernels are reached through bindings'
  }
  if (here === 'bindings') return there === 'core' ? undefined : 'bindings may look at src/core'
  const allowed = below[here]
  if (!allowed || allowed.includes(there)) return undefined
  return `src/${here} may look at ${allowed.join(', ') || 'nothing else'} (oxlint.rooms.js)`
}

const arrows = {
  create(context) {
    const file = relative(context.cwd, context.filename)
    const check = ({ source }) => {
      // A path that is put together names no file.
      if (typeof source?.value !== 'string' || !source.value.startsWith('.')) return
      const message = refusal(file, join(dirname(file), source.value))
      if (message !== undefined) context.report({ node: source, message })
    }
    return {
      ImportDeclaration: check,
      ImportExpression: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      TSImportType: check,
    }
  },
}

export default { meta: { name: 'rooms' }, rules: { arrows } }
