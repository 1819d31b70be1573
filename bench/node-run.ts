// The bench inside Node: bundled by main.ts and run by the Node that was asked for.
import { writeFileSync } from 'node:fs'
import * as lanewise from '../src/node.js'
import { measureWork, type WorkResult } from './measure.js'
import { Peaks } from '../src/inspect/peaks.js'
import { jaxJs, type Jax } from './peers/jax.js'
import { lanewisePeer } from './peers/lanewise.js'
import { onnxruntimeNode, onnxruntimeWeb, type Ort } from './peers/onnxruntime.js'
import type { Peer, PeerName } from './peers/peer.js'
import { tfjs, type Tf, type TfWasm } from './peers/tfjs.js'
import { begin, load, versionOf } from './process.js'
import { peersOf } from './peers-of.js'
import { processor } from './processor.js'
import { worksOf } from './suites/index.js'

const makers: Record<PeerName, () => Promise<Peer>> = {
  'onnxruntime-web': async () => onnxruntimeWeb(await load<Ort>('onnxruntime-web'), options.threads),
  'onnxruntime-node': async () => onnxruntimeNode(await load<Ort>('onnxruntime-node'), options.threads),
  'one thread': async () => lanewisePeer(lanewise, options.build, 1, 'one thread'),
  float32: async () => lanewisePeer(lanewise, options.build, 1, 'float32'),
  'tfjs-wasm': async () =>
    tfjs(await load<Tf>('@tensorflow/tfjs-core'), await load<TfWasm>('@tensorflow/tfjs-backend-wasm')),
  'jax-js': async () => jaxJs(await load<Jax>('@jax-js/jax'), versionOf('@jax-js/jax')),
}

const { options, resultFile } = begin()
const peaks = await Peaks.create(options.build)
const peers = [lanewisePeer(lanewise, options.build, options.threads)]
for (const name of peersOf(options)) peers.push(await makers[name]())

const results: WorkResult[] = []
for await (const work of worksOf(options)) {
  process.stderr.write(`${work.name} … `)
  const result = await measureWork(work, peers, peaks, { quick: options.quick, kernels: options.suite === 'kernels' })
  const ours = result.times.lanewise
  process.stderr.write(
    ours
      ? `${ours.median.toPrecision(3)} ms${result.disagreements.length ? ', DISAGREES' : ''}\n`
      : `not run: ${result.failed}\n`,
  )
  results.push(result)
}
const environment = {
  engine: `Node ${process.versions.node} (V8 ${process.versions.v8.split('-')[0]})`,
  clock: options.clock,
  key: `node${process.versions.node.split('.')[0]}`,
  build: peaks.build,
  threads: options.threads,
  cpu: processor(),
  versions: Object.fromEntries(peers.map((peer) => [peer.name, peer.version])),
  ...peaks.best(),
}
writeFileSync(resultFile, JSON.stringify({ environment, results }))
// tfjs and onnxruntime-web may hold the process open.
process.exit()
