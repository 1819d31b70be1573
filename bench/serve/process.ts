import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { ServeOptions } from '../../src/serve.js'

export type ServedEngine = 'lanewise' | 'onnxruntime-web' | 'onnxruntime-node'

/** What a server is asked. */
export type Question = 'cpu' | 'memory'

/** Bytes of a server's process after a collection of garbage. */
export interface ServerMemory {
  readonly rss: number
  readonly heapUsed: number
  readonly external: number
}

/** A server with an engine inside. */
export class ServerProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  static async start(
    engine: ServedEngine,
    options: Pick<ServeOptions, 'models' | 'threads' | 'maxBatch' | 'maxQueue' | 'build'>,
  ): Promise<ServerProcess> {
    const program = join(import.meta.dirname, 'serve-server.mjs')
    const args = ['--expose-gc', program, JSON.stringify({ engine, ...options })]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`the server with ${engine} ended with status ${code}`)
    })
    ended.catch(() => undefined)
    const [{ url }] = (await Promise.race([once(child, 'message'), ended])) as [{ url: string }]
    return new ServerProcess(child, url)
  }

  /** Milliseconds of processor time of all its threads. */
  async cpu(): Promise<number> {
    return (await this.ask('cpu')) as number
  }

  async memory(): Promise<ServerMemory> {
    return (await this.ask('memory')) as ServerMemory
  }

  private async ask(question: Question): Promise<unknown> {
    const answer = once(this.child, 'message')
    this.child.send(question)
    return ((await answer) as [unknown])[0]
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return
    const ended = once(this.child, 'exit')
    this.child.disconnect()
    await ended
  }
}
