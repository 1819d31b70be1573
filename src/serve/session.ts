import { InferenceSession } from '../api/session.js'
import type { SessionOptions } from '../api/session-options.js'
import { fromHost, type Tensor } from '../api/tensor.js'
import { hostOf, isTensorLike } from '../api/value.js'
import { isDType } from '../core/dtype.js'
import { isTrap, LanewiseError } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import type { Tensors } from '../api/worker/batches.js'
import { datatypeOf } from './datatypes.js'
import type { ModelDescription, TensorDescription } from './protocol.js'

/** Options of a session that can be sent to a thread. */
export type SharedOptions = Pick<SessionOptions, 'build' | 'deterministic' | 'memoryLimit'>

/** What a thread of a server runs requests by. */
export interface RequestRunner {
  readonly description: ModelDescription
  /** Bytes of WebAssembly memory. */
  readonly bytes: number
  /** @throws LanewiseError for what is the request's fault. */
  run(inputs: Tensors, outputs?: readonly string[]): Promise<Tensors>
}

/**
 * A session over plain tensors, which is made again after a trap. It has one thread, since there are as many of them as
 * there are cores.
 */
export class PlainSession implements RequestRunner {
  private constructor(
    private readonly model: string,
    private readonly options: SharedOptions,
    private readonly externalData: SessionOptions['externalData'],
    private session: InferenceSession,
    readonly description: ModelDescription,
  ) {}

  /**
   * @param externalData - the files of the model's tensors, if they are not beside it.
   * @throws LanewiseError as {@link InferenceSession.create}; `E_UNSUPPORTED` for inputs and outputs that are no
   *   tensors of the protocol's types.
   */
  static async open(
    model: string,
    options: SharedOptions,
    externalData?: SessionOptions['externalData'],
  ): Promise<PlainSession> {
    const session = await InferenceSession.create(model, { ...options, externalData, threads: 1 })
    return new PlainSession(model, options, externalData, session, describeModel(session))
  }

  /** Bytes of WebAssembly memory. */
  get bytes(): number {
    return this.session.memory.peak
  }

  /** @throws LanewiseError what the run throws; after a trap the session is a new one. */
  async run(inputs: Tensors, outputs?: readonly string[], signal?: AbortSignal): Promise<Tensors> {
    const feeds = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, fromHost(tensor)]))
    try {
      const results = await this.session.run(feeds, outputs, { signal })
      return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, plain(name, value)]))
    } catch (error) {
      if (error instanceof LanewiseError && isTrap(error.cause)) await this.renew()
      throw error
    }
  }

  private async renew(): Promise<void> {
    const broken = this.session
    const { externalData } = this
    this.session = await InferenceSession.create(this.model, { ...this.options, externalData, threads: 1 })
    await broken.release()
  }

  release(): Promise<void> {
    return this.session.release()
  }
}

function plain(name: string, value: Tensor): HostTensor {
  if (isTensorLike(value)) return hostOf(value, name)
  throw new LanewiseError('E_UNSUPPORTED', `the output "${name}" is no tensor`, { tensor: name })
}

/** What a model takes and gives. @throws LanewiseError `E_UNSUPPORTED` for what is no tensor. */
export function describeModel({ inputMetadata, outputMetadata }: InferenceSession): ModelDescription {
  const tensors = (list: typeof inputMetadata): TensorDescription[] =>
    list.map((value) => {
      const { name } = value
      const dtype = value.isTensor && isDType(value.type) ? value.type : undefined
      if (!value.isTensor || dtype === undefined || datatypeOf(dtype) === undefined)
        throw new LanewiseError(
          'E_UNSUPPORTED',
          value.isTensor
            ? `"${name}" is of ${value.type}, for which the protocol has no name`
            : `"${name}" is no tensor, or the model does not say what it is`,
          { tensor: name },
        )
      return { name, dtype, shape: value.shape }
    })
  return { inputs: tensors(inputMetadata), outputs: tensors(outputMetadata) }
}
