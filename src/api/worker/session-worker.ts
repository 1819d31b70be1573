// What runs in the worker of a session: makes it, runs it, and answers.
import { makeData } from '../../core/dtype.js'
import { env } from '../../core/env.js'
import { LanewiseError } from '../../core/errors.js'
import { sizeOf } from '../../core/shape.js'
import { defineOp, type TensorType } from '../../ir/op.js'
import { registerDefinition } from '../../ir/registry.js'
import { InferenceSession } from '../session.js'
import { fromHost, type Tensor } from '../tensor.js'
import { receivedValue, sentError, sentValue, type Answer, type Request, type SentValue } from './messages.js'

/** A tensor for a result to be written to. */
function emptyTensor({ dtype, shape }: TensorType): Tensor {
  const size = sizeOf(shape)
  return fromHost({ dtype, shape, data: dtype === 'string' ? new Array<string>(size).fill('') : makeData(dtype, size) })
}

/**
 * An operator that `registerOp` made known elsewhere is code, which cannot be sent: a model with a node of it is
 * refused, whether we have one of its name or not.
 */
function keepOut({ domain, name }: { readonly domain: string; readonly name: string }): void {
  const refuse = (): never => {
    throw new LanewiseError(
      'E_UNSUPPORTED',
      `a session in a worker cannot have operators of registerOp (${name}): the worker does not know them`,
      { op: name },
    )
  }
  registerDefinition(
    defineOp({ name, domain, arity: [0, Infinity], outputs: Infinity, infer: refuse, decompose: refuse }),
  )
}

/** How the worker answers. */
type Post = (message: Answer, transfer: ArrayBuffer[]) => void

/** Takes messages in the order in which they come; runs queue in the session. */
export function sessionWorker(post: Post): (request: Request) => void {
  let session: InferenceSession | undefined
  const running = new Map<number, AbortController>()

  async function answer(request: Request): Promise<void> {
    const { id } = request
    if (request.kind === 'abort') return running.get(id)?.abort()
    const controller = new AbortController()
    running.set(id, controller)
    const { signal } = controller
    try {
      if (request.kind === 'create') {
        const { model, options, settings, ownOps, progress } = request
        env.logLevel = settings.logLevel
        env.debug = settings.debug
        Object.assign(env.wasm, settings.wasm)
        ownOps.forEach(keepOut)
        session = await InferenceSession.create(model as Uint8Array, {
          ...options,
          signal,
          ...(progress && { onProgress: (progress) => post({ progress }, []) }),
        })
        const { inputMetadata, outputMetadata, metadata, states, build, threads, oneThread, memory } = session
        const described = {
          inputMetadata,
          outputMetadata,
          metadata: new Map(metadata),
          states,
          build,
          threads,
          oneThread,
        }
        return post({ id, described, memory }, [])
      }
      if (!session) throw new Error('there is no session')
      if (request.kind === 'release') {
        await session.release()
        return post({ id, released: true }, [])
      }
      const { feeds, fetches, profile, stoppable } = request
      const given = Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, receivedValue(value)]))
      const how = { profile, ...(stoppable && { signal }) }
      const into =
        fetches && Object.fromEntries(Object.entries(fetches).map(([name, type]) => [name, type && emptyTensor(type)]))
      const made = await (into ? session.run(given, into, how) : session.run(given, how))
      const transfer = new Set<ArrayBuffer>()
      const results = Object.fromEntries(
        Object.entries(made).map(([name, value]): [string, SentValue] => [name, sentValue(name, value, transfer)]),
      )
      post({ id, results, memory: session.memory, profile: profile ? session.lastProfile : undefined }, [...transfer])
    } catch (error) {
      post({ id, error: sentError(error) }, [])
    } finally {
      running.delete(id)
    }
  }

  return (request) => void answer(request)
}
