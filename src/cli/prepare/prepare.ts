import { statSync } from 'node:fs'
import type { PrepareOptions } from '../../api/prepared/prepare.js'
import { writePrepared } from '../../api/prepared/write.js'
import { bytesText } from '../../core/table.js'
import { writeAtomically } from '../../platform/node-files.js'
import { choiceFlag, numberFlag, onlyModel, textFlag, UsageError, type Command } from '../command.js'
import { dimensionsFlag, inputFlags } from '../inputs.js'

export const prepare: Command = {
  name: 'prepare',
  summary: 'writes a model as it is planned and packed, for sessions that start at once',
  usage: 'MODEL -o FILE.lw [options]',
  flags: {
    output: { type: 'string', short: 'o', value: 'FILE', help: 'the file to write (needed); its name ends in .lw' },
    build: {
      type: 'string',
      value: 'simd|relaxed|all',
      help: 'the build of the kernels that runs it (default: all that this Node can run)',
    },
    dim: { ...inputFlags.dim, help: 'a size for an axis that the model leaves open, which is fixed then' },
    exact: { type: 'boolean', help: 'for sessions with accuracy: exact' },
    deterministic: {
      type: 'string',
      value: 'true|batch',
      help: 'for sessions with this value of the option deterministic',
    },
    'memory-limit': { type: 'string', value: 'BYTES', help: 'for sessions with this memoryLimit' },
    'no-passes': { type: 'boolean', help: 'leave the graph as it is: no fusion, no folding' },
  },

  async run(invocation) {
    const { flags, print, result } = invocation
    const model = onlyModel(invocation)
    const output = textFlag(flags, 'output')
    if (output === undefined) throw new UsageError('--output is missing')
    // By its name a session knows a file that it need not read whole.
    if (!output.endsWith('.lw')) throw new UsageError(`--output must end in .lw, got "${output}"`)
    const deterministic = choiceFlag(flags, 'deterministic', ['true', 'batch'])
    const options: PrepareOptions = {
      build: choiceFlag(flags, 'build', ['simd', 'relaxed', 'all']) ?? 'all',
      accuracy: flags.exact === true ? 'exact' : 'fast',
      deterministic: deterministic === 'batch' ? 'batch' : deterministic === 'true',
      memoryLimit: numberFlag(flags, 'memory-limit', { least: 1, whole: true }),
      passes: flags['no-passes'] !== true,
      freeDimensionOverrides: Object.fromEntries(dimensionsFlag(flags)),
    }
    const bytes = await writePrepared(model, options)
    writeAtomically(output, [bytes])
    print(`${output}: ${bytesText(bytes.length)} (the model has ${bytesText(statSync(model).size)})`)
    result({ output, bytes: bytes.length })
  },
}
