import { cpus } from 'node:os'
import { readModel } from '../onnx/wire.js'
import { platform } from '../platform/platform.js'
import { Tensor, toHost } from '../api/tensor.js'
import { listFlag, numberFlag, onlyModel, textFlag, type Command } from './command.js'
import { differenceOf } from './difference.js'
import { audioFlags } from './files/audio.js'
import { imageFlags } from './files/image.js'
import { inputFlags, makeFeeds } from './inputs.js'
import { describeEngine, loadSession, sessionFlags } from './load.js'
import { externalFiles, loadPeer, peerNames, type Peer } from './peers.js'
import { median, msText, tableLines } from '../core/table.js'

/** Sets of random inputs that take turns. */
const INPUTS = 3
const WARM_UP = 3

export const bench: Command = {
  name: 'bench',
  summary: 'measures a model, beside other engines if asked to, in turns in one process',
  usage: 'MODEL [--vs onnxruntime-web,onnxruntime-node] [options]',
  flags: {
    ...inputFlags,
    ...imageFlags,
    ...audioFlags,
    vs: { type: 'string', value: 'PEERS', help: 'onnxruntime-web, onnxruntime-node or both, separated by a comma' },
    repeat: { type: 'string', value: 'N', help: 'rounds; left out, as many as fit into --time, 5 at least' },
    time: { type: 'string', value: 'SECONDS', help: 'how long to measure (default 5)' },
    ...sessionFlags,
  },

  async run(invocation) {
    const { flags, print, result } = invocation
    const model = onlyModel(invocation)
    const vs = textFlag(flags, 'vs')
    const names = vs === undefined ? [] : peerNames(vs)
    const rounds = numberFlag(flags, 'repeat', { least: 1, whole: true })
    const budgetMs = (numberFlag(flags, 'time', { least: 0 }) ?? 5) * 1000
    const session = await loadSession(model, flags, { threads: 1 })
    const seed = numberFlag(flags, 'seed', { whole: true }) ?? 0
    const given = listFlag(flags, 'input').length > 0
    const feeds: Record<string, Tensor>[] = []
    for (let i = 0; i < (given ? 1 : INPUTS); i++)
      feeds.push(await makeFeeds(session, { ...flags, seed: String(seed + i) }, 'random'))
    const bytes = await platform().readModel(model)
    const external = names.length > 0 ? await externalFiles(model, readModel(bytes)) : []
    const peers: Peer[] = []
    for (const name of names) peers.push(await loadPeer(name, bytes, external))

    // An answer that is wrong has no speed.
    const expected = await session.run(feeds[0])
    // Peers cannot give what is no tensor.
    const tensors = session.outputNames.filter((name) => expected[name] instanceof Tensor)
    const agreement: boolean[] = []
    for (const peer of peers) {
      const theirs = await peer.run(feeds[0], tensors)
      agreement.push(tensors.every((name) => differenceOf(toHost(expected[name], name), theirs[name]).agrees))
    }

    const engines = [
      { name: 'lanewise', run: (i: number): Promise<unknown> => session.run(feeds[i], tensors) },
      ...peers.map((peer) => ({ name: peer.name, run: (i: number): Promise<unknown> => peer.run(feeds[i], tensors) })),
    ]
    const times = engines.map((): number[] => [])
    let spent = 0
    for (let round = -WARM_UP; rounds === undefined ? round < 5 || spent < budgetMs : round < rounds; round++) {
      for (const [k, engine] of engines.entries()) {
        const start = performance.now()
        await engine.run((round + WARM_UP) % feeds.length)
        const ms = performance.now() - start
        spent += ms
        if (round >= 0) times[k].push(ms)
      }
    }
    const mine = median(times[0])
    const rows = engines.map(({ name }, k) => ({
      name,
      version: k === 0 ? undefined : peers[k - 1].version,
      medianMs: median(times[k]),
      minMs: Math.min(...times[k]),
      ratio: k === 0 ? undefined : median(times[k]) / mine,
      agrees: k === 0 ? undefined : agreement[k - 1],
    }))
    print(
      `${describeEngine(session)}, ${cpus()[0]?.model.trim() ?? 'unknown processor'}, one thread, ${times[0].length} rounds`,
    )
    print()
    const columns = [
      { title: 'engine' },
      { title: 'median', right: true },
      { title: 'least', right: true },
      { title: 'times lanewise', right: true },
      { title: '' },
    ]
    const cells = rows.map((row) => [
      `${row.name}${row.version ? ` ${row.version}` : ''}`,
      msText(row.medianMs),
      msText(row.minMs),
      row.ratio?.toFixed(2) ?? '',
      row.agrees === undefined ? '' : row.agrees ? 'agrees' : 'DIFFERS',
    ])
    tableLines(columns, cells).forEach(print)
    result({
      model,
      build: session.build,
      node: process.versions.node,
      v8: process.versions.v8,
      cpu: cpus()[0]?.model.trim(),
      rounds: times[0].length,
      engines: rows,
    })
    if (agreement.includes(false)) process.exitCode = 1
    for (const peer of peers) await peer.release()
    await session.release()
  },
}
