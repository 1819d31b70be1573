// Measures beside the page: what the device can do, then the same work here and in onnxruntime-web, in turns.
import { Tensor } from '../../src/api/tensor.js'
import { registerAllOps } from '../../src/api/register-all.js'
import { exportModel, GraphBuilder, InferenceSession } from '../../src/browser.js'
import { sizeOf } from '../../src/core/shape.js'
import { Random } from '../../src/core/random.js'
import { measureDevice } from '../../src/inspect/peaks.js'
import type { MeasureAnswer, Measured, MeasureTask } from './measure-task.js'
import { randomFeeds } from './random-feeds.js'
import { timesInTurns } from './turns.js'
import digits from '../../models/mnist/small.onnx?url'
import cnn from '../../models/mnist/cnn.onnx?url'
import numbers from '../../models/house-numbers/reader-best.onnx?url'

registerAllOps()

const LEAST_ROUNDS = 5
const random = Random.at(1)

interface Work {
  readonly name: string
  readonly group: Measured['group']
  readonly flops?: number
  readonly model: () => Promise<Uint8Array>
}

function say(answer: MeasureAnswer): void {
  postMessage(answer)
}

function noise(...dims: number[]): Tensor {
  return new Tensor(
    'float32',
    Float32Array.from({ length: sizeOf(dims) }, () => random.between(-0.1, 0.1)),
    dims,
  )
}

function product(m: number, k: number, n: number): Work {
  const model = () => {
    const g = new GraphBuilder('product')
    g.output(g.op('MatMul', [g.input('a', 'float32', [m, k]), g.constant('b', noise(k, n))]), 'y')
    return Promise.resolve(exportModel(g.graph()))
  }
  return { name: `${m} × ${k} by ${k} × ${n}`, group: 'products', flops: 2 * m * k * n, model }
}

function convolution(channels: number, filters: number, side: number, kernel: number, group = 1): Work {
  const model = () => {
    const g = new GraphBuilder('convolution')
    const x = g.input('x', 'float32', [1, channels, side, side])
    const w = g.constant('w', noise(filters, channels / group, kernel, kernel))
    const pads = Array.from({ length: 4 }, () => (kernel - 1) / 2)
    g.output(g.op('Conv', [x, w], { group, pads }), 'y')
    return Promise.resolve(exportModel(g.graph()))
  }
  const kind = group > 1 ? 'depthwise ' : ''
  return {
    name: `${kind}${kernel} × ${kernel}, ${channels} to ${filters} channels, ${side} × ${side}`,
    group: 'convolutions',
    flops: (2 * filters * side * side * kernel * kernel * channels) / group,
    model,
  }
}

function file(name: string, url: string): Work {
  const model = async () => new Uint8Array(await (await fetch(url)).arrayBuffer())
  return { name, group: 'models', model }
}

const works: readonly Work[] = [
  product(128, 128, 128),
  product(512, 512, 512),
  product(1, 1024, 1024),
  convolution(64, 64, 56, 3),
  convolution(256, 256, 14, 3),
  convolution(256, 256, 28, 1),
  convolution(128, 128, 56, 3, 128),
  file('digits, 21 thousand weights', digits),
  file('digits, a million weights of 8 bits', cnn),
  file('house numbers, 0.66 million weights', numbers),
]

async function measure({ peer, budget }: MeasureTask): Promise<void> {
  const probe = await InferenceSession.create(await works[0].model())
  const { build } = probe
  await probe.release()
  say({ kind: 'device', build, rates: await measureDevice(build) })
  const engine = peer ? await import('./onnxruntime.js') : undefined
  for (const { name, group, flops, model } of works) {
    const bytes = await model()
    const session = await InferenceSession.create(bytes)
    const other = await engine?.loadPeer(bytes)
    if (other) say({ kind: 'peer', version: other.version })
    const feeds = randomFeeds(session)
    // The fastest of many runs is what other work on the machine disturbs least.
    const engines = [() => session.run(feeds), ...(other ? [() => other.run(feeds)] : [])]
    const start = performance.now()
    const times = await timesInTurns(engines, (rounds) => rounds < LEAST_ROUNDS || performance.now() - start < budget)
    const [ms, peerMs] = times.map((some) => Math.min(...some))
    say({
      kind: 'row',
      row: {
        name,
        group,
        ms,
        gflops: flops && ms > 0 ? flops / ms / 1e6 : undefined,
        peerMs,
      },
    })
    await session.release()
    await other?.release()
  }
  say({ kind: 'done' })
}

addEventListener('message', ({ data }: MessageEvent<MeasureTask>) => {
  measure(data).catch((error: Error) => say({ kind: 'failed', message: error.message }))
})
