// A batch that is divided between the workers of a session.
import { isDType, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import type { HostTensor } from '../../core/host.js'
import type { ValueMetadata } from '../value.js'
import type { SentValue } from './messages.js'
import { joined, rowsOf, separated, takesBatches, type BatchRunner, type Tensors } from './batches.js'

/** Whether a session's runs may be divided, and dividing them. */
export class Divided {
  private takes: Promise<boolean> | undefined
  private readonly runner: BatchRunner | undefined

  /**
   * @param parts - into how many a batch is cut: always as many, so that its bits do not depend on who is idle.
   * @param run - one part, in one worker; without names for all outputs.
   */
  constructor(
    inputs: readonly ValueMetadata[],
    outputs: readonly ValueMetadata[],
    private readonly parts: number,
    private readonly run: (inputs: Tensors, names?: readonly string[], signal?: AbortSignal) => Promise<Tensors>,
  ) {
    const [given, made] = [inputs, outputs].map(tensorsOf)
    if (given && made) this.runner = { description: { inputs: given, outputs: made }, run: (tensors) => run(tensors) }
  }

  /** Copies of the rows of a batch, for each worker its own; undefined if nothing is to be divided. */
  partsOf(inputs: Readonly<Record<string, SentValue>>, names: readonly string[] | undefined): Tensors[] | undefined {
    const { inputs: given, outputs } = this.runner?.description ?? {}
    const values = Object.values(inputs)
    if (this.parts < 2 || values.length !== given?.length || !values.every(isRows)) return undefined
    if (names?.some((name) => !outputs?.some((output) => output.name === name))) return undefined
    const rows = rowsOf(inputs as Tensors) ?? 0
    const parts = Math.min(this.parts, rows)
    const firstOf = (part: number) => Math.floor((part * rows) / parts)
    if (parts < 2) return undefined
    return separated(
      inputs as Tensors,
      Array.from({ length: parts }, (_, part) => firstOf(part + 1) - firstOf(part)),
    )
  }

  /**
   * The results of a batch whose parts run beside each other; undefined if the model takes no batches, or refuses a
   * part: what is wrong the whole says.
   *
   * @throws LanewiseError `E_STATE` as a run, and what is no error of the model or its inputs.
   */
  async results(
    parts: readonly Tensors[],
    names?: readonly string[],
    signal?: AbortSignal,
  ): Promise<Tensors | undefined> {
    const { runner } = this
    if (!runner || !(await (this.takes ??= takesBatches(runner)))) return undefined
    try {
      return joined(await Promise.all(parts.map((part) => this.run(part, names, signal))))
    } catch (error) {
      if (error instanceof LanewiseError && error.code !== 'E_STATE') return undefined
      throw error
    }
  }
}

function isRows(value: SentValue): value is HostTensor {
  const { shape } = (value ?? {}) as Partial<HostTensor>
  return shape !== undefined && shape.length > 0
}

/** Undefined if there is one that is no tensor, or of no type that is known. */
function tensorsOf(list: readonly ValueMetadata[]): BatchRunner['description']['inputs'] | undefined {
  const tensors: { name: string; dtype: DType; shape: readonly (number | string)[] }[] = []
  for (const value of list) {
    if (!value.isTensor || !isDType(value.type)) return undefined
    tensors.push({ name: value.name, dtype: value.type, shape: value.shape })
  }
  return tensors
}
