// The bench inside a page: bundled and driven by chromium.ts, which hands in the peers.
import { registerAllOps } from '../src/api/register-all.js'
import * as lanewise from '../src/browser.js'
import { measureWork, type WorkResult } from './measure.js'
import type { Options } from './options.js'
import { Peaks, type PeakRates } from '../src/inspect/peaks.js'
import { lanewisePeer } from './peers/lanewise.js'
import { onnxruntimeWeb, type Ort } from './peers/onnxruntime.js'
import { tfjs, type Tf, type TfWasm } from './peers/tfjs.js'
import type { Environment } from './report.js'
import { peersOf } from './peers-of.js'
import { parseWork } from './work.js'

export interface PagePeers {
  readonly ort: Ort
  readonly tf: Tf
  readonly tfWasm: TfWasm & { setWasmPaths(prefix: string): void }
}

/** What the page offers to the process that drives it. */
export interface PageBench {
  environment(): Pick<Environment, 'build' | 'versions' | keyof PeakRates>
  /** Measures the work that the server has ready. */
  measure(): Promise<WorkResult>
}

export async function start({ ort, tf, tfWasm }: PagePeers, options: Options): Promise<PageBench> {
  registerAllOps()
  ort.env.wasm.wasmPaths = '/ort/'
  tfWasm.setWasmPaths('/tfjs/')
  const peaks = await Peaks.create(options.build)
  const peers = [lanewisePeer(lanewise, options.build, options.threads)]
  for (const name of peersOf(options)) {
    if (name === 'one thread' || name === 'float32') peers.push(lanewisePeer(lanewise, options.build, 1, name))
    if (name === 'onnxruntime-web') peers.push(onnxruntimeWeb(ort, options.threads))
    if (name === 'tfjs-wasm') peers.push(await tfjs(tf, tfWasm))
  }
  return {
    environment: () => ({
      build: peaks.build,
      versions: Object.fromEntries(peers.map((peer) => [peer.name, peer.version])),
      ...peaks.best(),
    }),
    async measure() {
      const work = parseWork(await (await fetch('/work')).arrayBuffer())
      return measureWork(work, peers, peaks, { quick: options.quick, kernels: options.suite === 'kernels' })
    },
  }
}
