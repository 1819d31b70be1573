import type { DeclaredType, Node } from '../ir/graph.js'
import { readModel } from '../onnx/wire.js'
import type { TensorType } from '../ir/op.js'
import { hyperparameters, isSupported, loadForReport, modelReport } from '../inspect/model-report.js'
import { platform } from '../platform/platform.js'
import { formatShape } from '../core/shape.js'
import { onlyModel, type Command } from './command.js'
import { checkDimensions, dimensionsFlag, inputFlags } from './inputs.js'
import { loadSession, sessionFlags } from './load.js'
import { bytesText, short, tableLines, type Column } from '../core/table.js'

export const inspect: Command = {
  name: 'inspect',
  summary: 'lists inputs, outputs, nodes with their shapes and costs, and what is not supported',
  usage: 'MODEL [--dim NAME=SIZE …] [options]',
  flags: { dim: inputFlags.dim, ...sessionFlags },

  async run(invocation) {
    const { flags, print, result } = invocation
    const model = onlyModel(invocation)
    const sizes = dimensionsFlag(flags)
    const proto = readModel(await platform().readModel(model))
    const { session, unsupported } = await loadForReport(proto, () => loadSession(model, flags, { lenient: true }))
    checkDimensions(session, sizes)
    const graph = session.model
    const { rows, types, totals, problems, opsets, producer } = await modelReport(session, proto, unsupported, sizes)

    print(
      `${model}: ${Object.entries(opsets)
        .map(([domain, version]) => `${domain} ${version}`)
        .join(', ')}${producer ? `, made by ${producer}` : ''}`,
    )
    for (const [title, values] of [
      ['inputs', graph.inputs],
      ['outputs', graph.outputs],
    ] as const) {
      print()
      print(title)
      for (const value of values)
        print(`  ${value.name}  ${declaredText(value.declared)}${concreteText(types.get(value), value.declared)}`)
    }
    print()
    const columns: readonly Column[] = [
      { title: 'operator' },
      { title: 'name', most: 40 },
      { title: 'output' },
      { title: 'hyperparameters', most: 60, cut: 'end' },
      { title: 'parameters', right: true },
      { title: 'multiply-adds', right: true },
    ]
    const cells = rows.map((row) => [
      `${'  '.repeat(row.depth)}${row.node.op.name}${isSupported(row.node) ? '' : ' (!)'}`,
      row.node.name,
      row.outputs.map((type) => (type ? `${type.dtype}${formatShape(type.shape)}` : '?')).join(' '),
      attributesText(row.node),
      row.parameters ? short(row.parameters) : '',
      row.macs ? short(row.macs) : '',
    ])
    tableLines(columns, cells).forEach(print)
    print()
    print(`nodes           ${totals.nodes}`)
    print(`parameters      ${totals.parameters} (${short(totals.parameters)})`)
    print(`multiply-adds   ${totals.macs} (${short(totals.macs)})`)
    print(
      `memory          ${bytesText(totals.peakBytes)}: weights ${bytesText(totals.weightBytes)}, arena ${bytesText(totals.arenaBytes)}${totals.complete ? '' : ' (as far as it can be planned without data)'}`,
    )
    for (const problem of problems) print(`note            ${problem}`)
    if (unsupported.size === 0) print('every operator is supported')
    else {
      print('operators that are not supported (!)')
      for (const { op, nodes, reason } of unsupported.values())
        print(
          `  ${op}: ${reason ?? ''}${reason ? '; ' : ''}${nodes.length} node${nodes.length === 1 ? '' : 's'} (${nodes.slice(0, 5).join(', ')}${nodes.length > 5 ? ', …' : ''})`,
        )
    }
    result({
      model,
      producer,
      opsets,
      inputs: session.inputMetadata.map((input, i) => ({ ...input, resolved: types.get(graph.inputs[i])?.shape })),
      outputs: session.outputMetadata.map((output, i) => ({ ...output, resolved: types.get(graph.outputs[i])?.shape })),
      nodes: rows.map(({ node, depth, outputs, parameters, macs, flops }) => ({
        op: node.op.name,
        domain: node.op.domain || 'ai.onnx',
        name: node.name,
        depth,
        inputs: node.inputs.map((value) => value?.name ?? ''),
        outputs: node.outputs.map((value, i) => ({
          name: value?.name ?? '',
          type: outputs[i]?.dtype,
          shape: outputs[i]?.shape,
        })),
        hyperparameters: Object.fromEntries(hyperparameters(node)),
        parameters,
        macs,
        flops,
        supported: isSupported(node),
      })),
      totals,
      unsupported: [...unsupported.values()],
      problems,
    })
    await session.release()
  },
}

function attributesText(node: Node): string {
  return hyperparameters(node)
    .map(([name, value]) => `${name}=${Array.isArray(value) ? value.join('×') : String(value)}`)
    .join(' ')
}

function declaredText(declared: DeclaredType | undefined): string {
  if (!declared) return '?'
  const type = `${declared.dtype ?? '?'}${declared.shape ? formatShape(declared.shape) : ''}`
  return declared.kind === 'tensor' ? type : `${declared.kind}(${type})`
}

function concreteText(type: TensorType | undefined, declared: DeclaredType | undefined): string {
  return !type || declared?.shape?.every((axis) => typeof axis === 'number') ? '' : ` → ${formatShape(type.shape)}`
}
