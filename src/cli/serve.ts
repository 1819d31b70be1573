import { isLoopback } from '../serve/app.js'
import { SERVE_BOUNDS } from '../serve/options.js'
import { serve as startServer } from '../serve/server.js'
import { listFlag, numberFlag, textFlag, UsageError, type Command, type Flags } from './command.js'
import { buildFlag, sessionFlags } from './load.js'
import { untilSignal } from './signal.js'

const MIB = 2 ** 20

export const serve: Command = {
  name: 'serve',
  summary: 'serves models over HTTP (Open Inference Protocol v2)',
  usage: 'MODEL … [--models DIR] [options]',
  flags: {
    models: { type: 'string', value: 'DIR', help: 'serve every .onnx file of a folder, those that come later as well' },
    port: { type: 'string', value: 'N', help: 'default 8080; 0: any that is free' },
    host: { type: 'string', value: 'ADDRESS', help: 'the address to listen at (default 127.0.0.1: this machine only)' },
    'allow-host': {
      type: 'string',
      multiple: true,
      value: 'NAME',
      help: 'a name by which clients may call it (header Host)',
    },
    threads: { type: 'string', value: 'N', help: 'threads of each model (default: the number of cores)' },
    'max-batch': { type: 'string', value: 'ROWS', help: 'the most rows that are run as one (default 32)' },
    'max-delay': { type: 'string', value: 'MS', help: 'how long a request may wait for others (default 0)' },
    queue: { type: 'string', value: 'N', help: 'the most requests that wait, past it 503 (default 256)' },
    timeout: { type: 'string', value: 'MS', help: 'the longest that a request may take (default 30000)' },
    'body-limit': { type: 'string', value: 'MIB', help: 'the largest request (default 64)' },
    'memory-limit': { type: 'string', value: 'MIB', help: 'memory of one session (default 1024)' },
    poll: { type: 'string', value: 'MS', help: 'how often files are looked at for changes (default 1000; 0: never)' },
    deterministic: { type: 'boolean', help: 'the same bits whatever stands beside a request in its batch' },
    build: sessionFlags.build,
  },

  async run({ positionals, flags, print, result }) {
    if (positionals.length === 0 && flags.models === undefined)
      throw new UsageError('a model or --models DIR is missing')
    const host = textFlag(flags, 'host')
    const allowed = listFlag(flags, 'allow-host')
    const server = await startServer({
      models: positionals,
      folder: textFlag(flags, 'models'),
      host,
      allowedHosts: allowed.length > 0 ? allowed : undefined,
      port: numberFlag(flags, 'port', SERVE_BOUNDS.port),
      threads: numberFlag(flags, 'threads', SERVE_BOUNDS.threads),
      maxBatch: numberFlag(flags, 'max-batch', SERVE_BOUNDS.maxBatch),
      maxDelay: numberFlag(flags, 'max-delay', SERVE_BOUNDS.maxDelay),
      maxQueue: numberFlag(flags, 'queue', SERVE_BOUNDS.maxQueue),
      timeout: numberFlag(flags, 'timeout', SERVE_BOUNDS.timeout),
      bodyLimit: bytesFlag(flags, 'body-limit', { above: 0, most: 2047 }),
      memoryLimit: bytesFlag(flags, 'memory-limit', { least: 1, most: 4096 }),
      poll: numberFlag(flags, 'poll', SERVE_BOUNDS.poll),
      deterministic: flags.deterministic === true,
      build: buildFlag(flags),
    })
    for (const { name, batches } of server.models) print(`${name}${batches ? ', in batches' : ''}`)
    print(`serving at ${server.url}`)
    print(
      host === undefined || isLoopback(host)
        ? 'This machine only. There is no authentication: whoever reaches the port may use it.'
        : 'Warning: reachable from other machines, and there is no authentication. Put a proxy before it.',
    )
    result({ url: server.url, models: server.models })
    await untilSignal()
    print('finishing what was taken')
    await server.close()
  },
}

function bytesFlag(flags: Flags, name: string, bounds: Parameters<typeof numberFlag>[2]): number | undefined {
  const value = numberFlag(flags, name, bounds)
  return value === undefined ? undefined : Math.max(1, Math.round(value * MIB))
}
