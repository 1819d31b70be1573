import type { Steps } from '../../core/steps.js'
import type { Graph, Value } from '../../ir/graph.js'
import { Lru } from '../../ir/lru.js'
import type { Program } from '../../plan/program.js'
import { makeProgram, type Common } from './make-program.js'

/** Different sets of fetched values that are kept ready. */
const FETCH_SETS = 4

/** The programs of a session: one for each set of values that is fetched, of the latest few. */
export class Programs {
  private readonly ready = new Set<Program>()
  private readonly byNames = new Lru<Program>(FETCH_SETS, (program) => this.drop(program))

  constructor(
    private readonly graph: Graph,
    private readonly common: Common,
  ) {}

  /** Bytes of all arenas. */
  get arenaBytes(): number {
    let bytes = 0
    for (const program of this.ready) bytes += program.arenaBytes
    return bytes
  }

  /** The most that one node uses besides its values. */
  get scratchBytes(): number {
    let bytes = 0
    for (const program of this.ready) bytes = Math.max(bytes, program.scratchBytes)
    return bytes
  }

  /** The program that computes these values. */
  *computing(outputs: readonly Value[]): Steps<Program> {
    const key = JSON.stringify(outputs.map((value) => value.name))
    const known = this.byNames.get(key)
    if (known) return known
    const made = yield* makeProgram(this.graph, outputs, this.common)
    this.ready.add(made)
    // Tools may have asked for the same meanwhile.
    const other = this.byNames.get(key)
    if (other) this.drop(made)
    else this.byNames.set(key, made)
    return other ?? made
  }

  dispose(): void {
    for (const program of this.ready) this.drop(program)
  }

  private drop(program: Program): void {
    program.dispose()
    this.ready.delete(program)
  }
}
