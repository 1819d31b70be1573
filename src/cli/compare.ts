import { LanewiseError, present } from '../core/errors.js'
import type { ModelProto } from '../onnx/schema/onnx.js'
import { readModel, writeModel } from '../onnx/wire.js'
import { platform } from '../platform/platform.js'
import type { InferenceSession } from '../api/session.js'
import type { Tensor } from '../api/tensor.js'
import { choiceFlag, numberFlag, onlyModel, type Command } from './command.js'
import { differenceOf } from './difference.js'
import { findDivergence, hostResults, type Comparison } from './divergence.js'
import { audioFlags } from './files/audio.js'
import { imageFlags } from './files/image.js'
import { inputFlags, makeFeeds } from './inputs.js'
import { describeEngine, loadSession, sessionFlags } from './load.js'
import { externalFiles, loadPeer, type ExternalFile, type PeerName } from './peers.js'
import { median, msText, tableLines } from '../core/table.js'

export const compare: Command = {
  name: 'compare',
  summary: 'runs a model here and in onnxruntime-web and shows where they differ; exit code 1 if they do',
  usage: 'MODEL [--input NAME=SOURCE …] [options]',
  flags: {
    ...inputFlags,
    ...imageFlags,
    ...audioFlags,
    with: { type: 'string', value: 'PEER', help: 'onnxruntime-web (default) or onnxruntime-node' },
    repeat: { type: 'string', value: 'N', help: 'runs of each for the times (default 5)' },
    ...sessionFlags,
  },

  async run(invocation) {
    const { flags, print, result } = invocation
    const model = onlyModel(invocation)
    const repeat = numberFlag(flags, 'repeat', { least: 1, whole: true }) ?? 5
    const peerName = choiceFlag<PeerName>(flags, 'with', ['onnxruntime-web', 'onnxruntime-node']) ?? 'onnxruntime-web'
    const bytes = await platform().readModel(model)
    const proto = readModel(bytes)
    const session = await loadSession(model, flags, { threads: 1 })
    const feeds = await makeFeeds(session, flags, 'random')
    const external = await externalFiles(model, proto)
    const peer = await loadPeer(peerName, bytes, external)

    const mine = hostResults(await session.run(feeds))
    const skipped = session.outputNames.filter((name) => !mine[name])
    const names = session.outputNames.filter((name) => mine[name])
    if (names.length === 0)
      throw new LanewiseError('E_UNSUPPORTED', `nothing can be compared: ${skipped.join(', ')} are no tensors`)
    const theirs = await peer.run(feeds, names)
    const outputs = names.map((name) => ({ name, ...differenceOf(mine[name], theirs[name]) }))
    const agrees = outputs.every((output) => output.agrees)
    const times = { lanewise: [] as number[], peer: [] as number[] }
    for (let i = 0; i < repeat; i++) {
      times.lanewise.push(await timed(() => session.run(feeds, names)))
      times.peer.push(await timed(() => peer.run(feeds, names)))
    }
    const lanewiseMs = median(times.lanewise)
    const peerMs = median(times.peer)
    await peer.release()

    print(`${describeEngine(session)}; ${peer.name} ${peer.version}, one thread`)
    print()
    const columns = [
      { title: 'output' },
      { title: 'largest difference', right: true },
      { title: 'largest value', right: true },
      { title: '' },
    ]
    tableLines(
      columns,
      outputs.map((o) => [
        o.name,
        o.largest.toExponential(2),
        o.scale.toExponential(2),
        o.reason ?? (o.agrees ? 'agrees' : 'DIFFERS'),
      ]),
    ).forEach(print)
    if (skipped.length > 0) print(`not compared, no tensors: ${skipped.join(', ')}`)
    print()
    print(
      `${msText(lanewiseMs)} here, ${msText(peerMs)} in ${peer.name}: ${(peerMs / lanewiseMs).toFixed(2)} times as fast`,
    )
    const nodes = await compareNodes(session, proto, feeds, names, peerName, external)
    const { divergence } = nodes
    if (divergence) {
      const { difference } = divergence
      const where = `${divergence.op} "${divergence.node}", value "${divergence.value}"`
      print(
        `first divergence: ${where}${divergence.onlyOptimized ? ', only as the graph passes rewrite it' : ''}: ${difference.reason ?? `${difference.largest.toExponential(2)} where the largest value is ${difference.scale.toExponential(2)}`}`,
      )
    } else if (nodes.problem !== undefined) {
      print(`the nodes were not compared: ${nodes.problem}`)
    } else {
      print(`${nodes.compared} values inside the graph: every one agrees`)
    }
    if (!agrees) process.exitCode = 1
    result({
      model,
      build: session.build,
      peer: peer.name,
      peerVersion: peer.version,
      agrees,
      outputs,
      skipped,
      lanewiseMs,
      peerMs,
      ratio: peerMs / lanewiseMs,
      valuesCompared: nodes.compared,
      problem: nodes.problem,
      firstDivergence: divergence,
    })
    await session.release()
  },
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** Every value that both sides know is made an output of both, and compared. */
async function compareNodes(
  session: InferenceSession,
  proto: ModelProto,
  feeds: Record<string, Tensor>,
  names: readonly string[],
  peerName: PeerName,
  external: readonly ExternalFile[],
): Promise<Comparison> {
  const here = new Set(session.model.nodes.flatMap((node) => node.outputs.map((value) => value?.name)))
  const graph = present(proto.graph, 'graph')
  const named = graph.node.flatMap((node) => {
    return node.output
      .filter((name) => here.has(name))
      .map((value) => ({ value, op: node.opType, node: node.name || node.output[0] }))
  })
  try {
    const values = named.map(({ value }) => value)
    const tensors = values.length > 0 ? hostResults(await session.run(feeds, values)) : {}
    const places = named.filter(({ value }) => tensors[value])
    const outputs = new Set(graph.output.map(({ name }) => name))
    const added = places.filter(({ value }) => !outputs.has(value)).map(({ value }) => ({ name: value }))
    const open = writeModel({ ...proto, graph: { ...graph, output: [...graph.output, ...added] } })
    const peer = await loadPeer(peerName, open, external, { graphOptimizationLevel: 'disabled' })
    const theirs = await peer.run(feeds, [...new Set([...places.map(({ value }) => value), ...names])])
    await peer.release()
    return await findDivergence(session, feeds, places, theirs)
  } catch (error) {
    if (!(error instanceof LanewiseError)) throw error
    return { compared: 0, problem: error.message }
  }
}
