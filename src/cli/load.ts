import { existsSync } from 'node:fs'
import type { Build } from '../../bindings/module.js'
import { InferenceSession } from '../api/session.js'
import type { SessionOptions } from '../api/session-options.js'
import { choiceFlag, type Flag, type Flags } from './command.js'

export const sessionFlags: Readonly<Record<string, Flag>> = {
  build: {
    type: 'string',
    value: 'simd|relaxed',
    help: 'which build of the kernels (default: the best this Node runs)',
  },
  'no-passes': { type: 'boolean', help: 'leave the graph as it is: no fusion, no folding' },
}

/** The value of `--build`. */
export function buildFlag(flags: Flags): Build | 'auto' | undefined {
  return choiceFlag<Build | 'auto'>(flags, 'build', ['auto', 'simd', 'relaxed'])
}

/** Loads a model by the flags of a command. */
export function loadSession(model: string, flags: Flags, options: SessionOptions = {}): Promise<InferenceSession> {
  return InferenceSession.create(model, {
    build: buildFlag(flags),
    passes: flags['no-passes'] !== true,
    ...options,
  })
}

/** What runs: for the head of a report. */
export function describeEngine(session: InferenceSession): string {
  const { build, threads } = session
  const several = threads > 1 ? `, ${threads} threads` : ''
  return `lanewise ${build}${several}, Node ${process.versions.node} (V8 ${process.versions.v8})`
}

/** The file of a model that is given by its path, or by its name in models/: `house-numbers/reader`. */
export function namedModel(name: string): string {
  const known = `models/${name}.onnx`
  return !existsSync(name) && existsSync(known) ? known : name
}
