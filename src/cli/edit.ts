import { closeSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { loadGraph, type ModelGraph } from '../api/graph/model-graph.js'
import { bytesText } from '../core/table.js'
import { exportModel } from '../onnx/export-any.js'
import { numberFlag, textFlag, UsageError, type Command, type Flags, type Invocation } from './command.js'

/** What every command that writes a model knows. */
const writing: Command['flags'] = {
  output: { type: 'string', short: 'o', value: 'FILE', help: 'the file to write (needed)' },
  opset: { type: 'string', value: 'N', help: 'the operator set to write, 7 to 28' },
  external: { type: 'boolean', help: 'put large tensors into FILE.data' },
}

/** Reads the model, has it changed, and writes it. */
async function rewrite(
  { positionals, flags, print, result }: Invocation,
  change: (graph: ModelGraph) => ModelGraph,
): Promise<void> {
  const [model] = positionals
  const output = textFlag(flags, 'output')
  if (positionals.length !== 1 || !model) throw new UsageError('one model is needed')
  if (output === undefined) throw new UsageError('--output is missing')
  const graph = change(await loadGraph(model))
  const bytes = write(graph, output, flags)
  print(`${output}: ${graph.nodes.length} nodes, ${bytesText(bytes)}`)
  result({
    output,
    nodes: graph.nodes.length,
    bytes,
    inputs: graph.inputs.map(({ name }) => name),
    outputs: graph.outputs.map(({ name }) => name),
  })
}

/**
 * Files get their names when all is written: the model may be written in its own place, and a refusal must not cost it
 * its tensors.
 */
function write(graph: ModelGraph, output: string, flags: Flags): number {
  const opset = numberFlag(flags, 'opset', { whole: true })
  const [location, part] = [`${output}.data`, `${output}.part`]
  const data = flags.external ? openSync(part, 'w') : undefined
  try {
    const externalData =
      data === undefined
        ? undefined
        : { location: basename(location), write: (piece: Uint8Array) => writeFileSync(data, piece) }
    const bytes = exportModel(graph, { opset, metadata: graph.metadata, externalData })
    if (data !== undefined) renameSync(part, location)
    writeFileSync(output, bytes)
    return bytes.length
  } finally {
    if (data !== undefined) {
      closeSync(data)
      rmSync(part, { force: true })
    }
  }
}

function names(flags: Flags, name: string): string[] {
  const given = flags[name]
  return (Array.isArray(given) ? (given as string[]) : [])
    .flatMap((list) => list.split(','))
    .filter((one) => one !== '')
}

export const convert: Command = {
  name: 'convert',
  summary: 'writes a model for another operator set, or with its tensors in a file of their own',
  usage: 'MODEL --output FILE [--opset N] [--external]',
  flags: writing,
  run: (invocation) => rewrite(invocation, (graph) => graph),
}

export const extract: Command = {
  name: 'extract',
  summary: 'cuts a part out of a model: what some values need, from others on',
  usage: 'MODEL --to VALUE[,VALUE] [--from VALUE[,VALUE]] --output FILE [options]',
  flags: {
    to: { type: 'string', multiple: true, value: 'VALUES', help: 'the outputs of the part' },
    from: { type: 'string', multiple: true, value: 'VALUES', help: 'values that are fed instead of computed' },
    ...writing,
  },
  run(invocation) {
    const to = names(invocation.flags, 'to')
    if (to.length === 0) throw new UsageError('--to is missing: the values that the part has to make')
    return rewrite(invocation, (graph) => graph.extract(to, names(invocation.flags, 'from')))
  },
}

export const rename: Command = {
  name: 'rename',
  summary: 'gives values of a model, or its free sizes, other names',
  usage: 'MODEL --value OLD=NEW [--dim OLD=NEW|NUMBER] --output FILE [options]',
  flags: {
    value: { type: 'string', multiple: true, value: 'OLD=NEW', help: 'another name for a value' },
    dim: { type: 'string', multiple: true, value: 'OLD=NEW', help: 'another name, or a number, for a free size' },
    ...writing,
  },
  run(invocation) {
    const pairs = (name: string) =>
      names(invocation.flags, name).map((text) => {
        const at = text.lastIndexOf('=')
        if (at < 1 || at === text.length - 1) throw new UsageError(`--${name} takes OLD=NEW, got "${text}"`)
        return [text.slice(0, at), text.slice(at + 1)] as const
      })
    const [values, dims] = [pairs('value'), pairs('dim')]
    if (values.length + dims.length === 0) throw new UsageError('nothing to rename: --value or --dim is missing')
    return rewrite(invocation, (graph) => {
      for (const [from, to] of values) graph.rename(from, to)
      for (const [from, to] of dims) graph.renameDimension(from, /^[+-]?\d/.test(to) ? Number(to) : to)
      return graph
    })
  },
}
