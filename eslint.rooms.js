// Which room may look at which. Arrows run one way, so that a reader of a room has only the rooms below it to know; types count as well.
import { createNodeResolver, importX } from 'eslint-plugin-import-x'

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
  generate: ['api', 'core', 'platform', 'text'],
  serve: ['data', 'api', 'ops', 'core', 'platform', 'bindings'],
  train: ['nn', 'optim', 'data', 'text', 'generate', 'autograd', 'api', 'onnx', 'ir', 'core', 'platform'],
}

const everything = [...Object.keys(below), 'cli']

/** One zone a room: everything of src but itself and what lies below it is out of bounds, and so are the entries. */
const zones = Object.entries(below).map(([room, allowed]) => ({
  target: `./src/${room}`,
  from: './src',
  except: [...new Set([room, ...allowed])].filter((name) => everything.includes(name)).map((name) => `./${name}`),
  message: `src/${room} may look at ${allowed.filter((name) => name !== room).join(', ') || 'nothing else'} (eslint.rooms.js)`,
}))

// Kernels are reached through bindings; what both sides name are the codes.
const kernels = {
  target: './src',
  from: './assembly',
  except: ['./abi/codes.ts'],
  message: 'kernels are reached through bindings',
}
const bindings = { target: './bindings', from: './src', except: ['./core'], message: 'bindings may look at src/core' }

export default {
  files: ['src/**/*.ts', 'bindings/**/*.ts'],
  plugins: { 'import-x': importX },
  settings: {
    'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
    'import-x/resolver-next': [
      createNodeResolver({ extensions: ['.ts', '.js'], extensionAlias: { '.js': ['.ts', '.js'] } }),
    ],
  },
  rules: {
    'import-x/no-restricted-paths': ['error', { zones: [...zones, kernels, bindings], basePath: import.meta.dirname }],
  },
}
