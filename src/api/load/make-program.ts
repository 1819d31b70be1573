import type { Context } from '../../../bindings/context.js'
import { LanewiseError } from '../../core/errors.js'
import type { HostTensor } from '../../core/host.js'
import { waitFor, type Steps } from '../../core/steps.js'
import { bodiesOf, type Graph, type Value } from '../../ir/graph.js'
import { eliminateDead } from '../../passes/load/eliminate-dead.js'
import { optimize, passEnabled, passNames } from '../../passes/optimize.js'
import type { PlanOptions } from '../../plan/plan-state.js'
import { loadVariations } from '../../plan/plans.js'
import { Program } from '../../plan/program.js'
import type { States } from '../../plan/states.js'
import { WeightStore, type ConstantBytes } from '../../plan/weights.js'
import { MEMORY_LIMIT, type SessionOptions } from '../session-options.js'

/** What the programs of a session have in common. */
export interface Common {
  readonly context: Context
  readonly options: SessionOptions
  readonly constants: ConstantBytes
  readonly weights: WeightStore
  readonly kept: States
  /** A number for each call of a random operator. */
  readonly seeds: () => number
  /** Whether passes have rewritten the graph already: that of a prepared model. */
  readonly optimized: boolean
}

/** The program that computes `outputs`: the graph rewritten by the passes that the options leave on. */
export function* makeProgram(graph: Graph, outputs: readonly Value[], common: Common): Steps<Program> {
  const { context, options, constants, weights, kept, seeds } = common
  const passes = options.graphOptimizationLevel === 'disabled' ? false : (options.passes ?? true)
  if (typeof passes === 'object') checkNames(Object.keys(passes))
  const planOptions: PlanOptions = {
    build: context.build,
    fast: options.accuracy !== 'exact',
    perExample: options.deterministic === 'batch',
    shapedPass: (name) => passEnabled(passes, name),
    arenaLimit: options.memoryLimit ?? MEMORY_LIMIT,
    seed: seeds,
  }
  const evaluate = function* (part: Graph): Steps<ReadonlyMap<Value, HostTensor>> {
    const store = new WeightStore(context, constants)
    const once = new Program(part, context, store, planOptions)
    try {
      return (yield* once.run(new Map(), { signal: options.signal })) as Map<Value, HostTensor>
    } finally {
      once.dispose()
      store.dispose()
    }
  }
  const optimized = common.optimized
    ? eliminateDead.run({ ...graph, outputs })
    : yield* optimize(graph, outputs, passes, { evaluate, fast: planOptions.fast })
  const open = optimized.inputs.some(({ declared }) => !declared?.shape?.every((size) => typeof size === 'number'))
  // What a loop carries may grow, and nothing can be loaded while it runs.
  const repeats = optimized.nodes.some((node) => bodiesOf(node).length > 0)
  if (open || repeats) yield* waitFor('', loadVariations, () => undefined)
  return new Program(optimized, context, weights, planOptions, kept)
}

function checkNames(given: readonly string[]): void {
  const known = passNames()
  const name = given.find((one) => !known.includes(one))
  if (name === undefined) return
  throw new LanewiseError('E_VALUE', `passes: there is no pass "${name}"; there are ${known.join(', ')}`, {
    actual: name,
  })
}
