import { readFile } from 'node:fs/promises'
import type { DType } from '../../src/core/dtype.js'
import { LanewiseError } from '../../src/core/errors.js'
import type { HostTensor } from '../../src/core/host.js'
import type { Tensors } from '../../src/api/worker/batches.js'
import type { ModelDescription, TensorDescription } from '../../src/serve/protocol.js'
import type { RequestRunner } from '../../src/serve/session.js'
import type { Ort } from '../peers/onnxruntime.js'
import { load } from '../process.js'

type OrtSession = Awaited<ReturnType<Ort['InferenceSession']['create']>>

/** onnxruntime in the place of a session: one thread, as its defaults have it otherwise. */
export class OrtRunner implements RequestRunner {
  readonly bytes = 0

  private constructor(
    private readonly ort: Ort,
    private readonly session: OrtSession,
    readonly description: ModelDescription,
  ) {}

  static async open(engine: 'onnxruntime-web' | 'onnxruntime-node', model: string): Promise<OrtRunner> {
    const ort = await load<Ort>(engine)
    ort.env.wasm.numThreads = 1
    ort.env.logLevel = 'fatal'
    const session = await ort.InferenceSession.create(await readFile(model), {
      ...(engine === 'onnxruntime-web' ? { executionProviders: ['wasm'] } : { intraOpNumThreads: 1 }),
      logSeverityLevel: 4,
      graphOptimizationLevel: 'all',
    })
    const tensors = (list: OrtSession['inputMetadata']): TensorDescription[] =>
      list.map(({ name, type, shape }) => ({ name, dtype: type as DType, shape }))
    const description = { inputs: tensors(session.inputMetadata), outputs: tensors(session.outputMetadata) }
    return new OrtRunner(ort, session, description)
  }

  async run(inputs: Tensors): Promise<Tensors> {
    const feeds = Object.fromEntries(
      Object.entries(inputs).map(([name, { dtype, data, shape }]) => [
        name,
        new this.ort.Tensor(dtype, data, [...shape]),
      ]),
    )
    try {
      const results = await this.session.run(feeds)
      return Object.fromEntries(
        Object.entries(results).map(([name, { type, dims, data }]): [string, HostTensor] => [
          name,
          { dtype: type as DType, shape: dims, data: data as Float32Array },
        ]),
      )
    } catch (cause) {
      throw new LanewiseError('E_VALUE', (cause as Error).message, { cause })
    }
  }
}
