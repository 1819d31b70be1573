import type { HostTensor } from '../host.js'
import type { ModelProto } from '../onnx/schema/onnx.js'
import { readModel, writeModel } from '../onnx/wire.js'
import { platform } from '../platform/platform.js'
import type { InferenceSession } from '../session.js'
import { Tensor, toHost } from '../tensor.js'
import { choiceFlag, numberFlag, onlyModel, type Command } from './command.js'
import { differenceOf, type Difference } from './difference.js'
import { imageFlags } from './image.js'
import { inputFlags, makeFeeds } from './inputs.js'
import { describeEngine, loadSession, sessionFlags } from './load.js'
import { externalFiles, loadPeer, type ExternalFile, type PeerName } from './peers.js'
import { median, msText, tableLines } from './table.js'

/** Where two runs of a model begin to differ. */
interface Divergence {
  readonly value: string
  readonly op: string
  readonly node: string
  readonly difference: Difference
  /** True if the node is right by itself and goes wrong only as the graph passes rewrite it. */
  readonly onlyOptimized: boolean
}

export const compare: Command = {
  name: 'compare',
  summary: 'runs a model here and in onnxruntime-web and shows where they differ; exit code 1 if they do',
  usage: 'MODEL [--input NAME=SOURCE …] [options]',
  flags: {
    ...inputFlags,
    ...imageFlags,
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
    const session = await loadSession(model, flags)
    const feeds = await makeFeeds(session, flags, 'random')
    const external = await externalFiles(model, proto)
    const peer = await loadPeer(peerName, bytes, external)

    const mine = hostResults(await session.run(feeds))
    const theirs = await peer.run(feeds)
    const outputs = session.outputNames.map((name) => ({ name, ...differenceOf(mine[name], theirs[name]) }))
    const agrees = outputs.every((output) => output.agrees)
    const times = { lanewise: [] as number[], peer: [] as number[] }
    for (let i = 0; i < repeat; i++) {
      times.lanewise.push(await timed(() => session.run(feeds)))
      times.peer.push(await timed(() => peer.run(feeds)))
    }
    const lanewiseMs = median(times.lanewise)
    const peerMs = median(times.peer)
    await peer.release()

    print(`${describeEngine(session)}; ${peer.name} ${peer.version}, one thread`)
    print()
    const columns = [{ title: 'output' }, { title: 'largest difference', right: true }, { title: 'largest value', right: true }, { title: '' }]
    tableLines(columns, outputs.map((o) => [o.name, o.largest.toExponential(2), o.scale.toExponential(2), o.reason ?? (o.agrees ? 'agrees' : 'DIFFERS')])).forEach(print)
    print()
    print(`${msText(lanewiseMs)} here, ${msText(peerMs)} in ${peer.name}: ${(peerMs / lanewiseMs).toFixed(2)} times as fast`)
    const nodes = await compareNodes(session, proto, feeds, peerName, external)
    const { divergence } = nodes
    if (divergence) {
      const { difference } = divergence
      const where = `${divergence.op} "${divergence.node}", value "${divergence.value}"`
      print(`first divergence: ${where}${divergence.onlyOptimized ? ', only as the graph passes rewrite it' : ''}: ${difference.reason ?? `${difference.largest.toExponential(2)} where the largest value is ${difference.scale.toExponential(2)}`}`)
    } else if (nodes.problem !== undefined) {
      print(`the nodes were not compared: ${nodes.problem}`)
    } else {
      print(`${nodes.compared} values inside the graph: every one agrees`)
    }
    if (!agrees) process.exitCode = 1
    result({ model, build: session.build, peer: peer.name, peerVersion: peer.version, agrees, outputs, lanewiseMs, peerMs, ratio: peerMs / lanewiseMs, valuesCompared: nodes.compared, problem: nodes.problem, firstDivergence: divergence })
    await session.release()
  },
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

function hostResults(results: Readonly<Record<string, unknown>>): Record<string, HostTensor | undefined> {
  return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, value instanceof Tensor ? toHost(value, name) : undefined]))
}

/**
 * The first value, in the order of the file, that differs: every value that both sides know is made an output of both. If all of them agree
 * and the outputs still do not, a graph pass is to blame; then values are fetched alone, which lets the passes work on what leads to them.
 */
async function compareNodes(
  session: InferenceSession,
  proto: ModelProto,
  feeds: Record<string, Tensor>,
  peerName: PeerName,
  external: readonly ExternalFile[],
): Promise<{ compared: number; divergence?: Divergence; problem?: string }> {
  const here = new Set(session.model.nodes.flatMap((node) => node.outputs.map((value) => value?.name)))
  const places = proto.graph!.node.flatMap((node) => node.output.filter((name) => here.has(name)).map((value) => ({ value, op: node.opType, node: node.name || node.output[0] })))
  const theirs: Record<string, HostTensor | undefined> = {}
  try {
    const outputs = new Set(proto.graph!.output.map(({ name }) => name))
    const added = places.filter(({ value }) => !outputs.has(value)).map(({ value }) => ({ name: value }))
    const open = writeModel({ ...proto, graph: { ...proto.graph!, output: [...proto.graph!.output, ...added] } })
    const peer = await loadPeer(peerName, open, external, { graphOptimizationLevel: 'disabled' })
    Object.assign(theirs, await peer.run(feeds))
    await peer.release()
  } catch (error) {
    return { compared: 0, problem: (error as Error).message }
  }
  const mine = hostResults(await session.run(feeds, places.map(({ value }) => value)))
  const comparable = places.filter(({ value }) => mine[value] && theirs[value])
  for (const place of comparable) {
    const difference = differenceOf(mine[place.value], theirs[place.value])
    if (!difference.agrees) return { compared: comparable.length, divergence: { ...place, difference, onlyOptimized: false } }
  }
  const alone = async (index: number): Promise<Difference> => {
    const { value } = comparable[index]
    return differenceOf(hostResults(await session.run(feeds, [value]))[value], theirs[value])
  }
  const outputs = hostResults(await session.run(feeds))
  if (session.outputNames.every((name) => differenceOf(outputs[name], theirs[name]).agrees)) return { compared: comparable.length }
  let first = 0
  let last = comparable.length - 1
  while (first < last) {
    const middle = (first + last) >> 1
    if ((await alone(middle)).agrees) first = middle + 1
    else last = middle
  }
  const difference = comparable.length > 0 ? await alone(first) : undefined
  if (!difference || difference.agrees) return { compared: comparable.length, problem: 'every value agrees when it is fetched alone' }
  return { compared: comparable.length, divergence: { ...comparable[first], difference, onlyOptimized: true } }
}
