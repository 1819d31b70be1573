import { makeData, type DType } from '../core/dtype.js'
import { log, type LogLevel } from '../core/env.js'
import { LanewiseError } from '../core/errors.js'
import { isHostTensor, type HostTensor, type HostValue } from '../core/host.js'
import { formatShape } from '../core/shape.js'
import { formatDeclared, type Value } from '../ir/graph.js'
import type { Inferred } from '../ir/infer.js'
import type { TensorType } from '../ir/op.js'
import type { Program } from '../plan/program.js'

/**
 * What follows from the types that the model declares.
 *
 * @returns whether the outputs have as many axes as are declared, where those of inputs are left open: the model runs
 *   if not.
 * @throws LanewiseError whatever an operator or the planner says if the inputs have fixed shapes with which the model
 *   cannot run, `E_GRAPH` if a declared element type is not the one that is made, or a declared shape is not where
 *   inputs have fixed ones.
 */
export function checkTypes(program: Program, hasStates: boolean, level: LogLevel | undefined): boolean {
  const { inputs, outputs } = program.graph
  const types = new Map<Value, TensorType>()
  const open: [Value, DType][] = []
  const settled = new Map<Value, TensorType>()
  const scalars: [Value, DType][] = []
  for (const value of inputs) {
    const { kind, dtype, shape } = value.declared ?? {}
    if (kind !== 'tensor' || !dtype || !shape) {
      if (kind === 'tensor' && dtype) open.push([value, dtype])
      continue
    }
    const type = { dtype, shape: shape.map((axis) => (typeof axis === 'number' ? axis : 1)) }
    types.set(value, type)
    // No axes may mean that the file does not know them.
    if (shape.length === 0) scalars.push([value, dtype])
    else if (shape.every((axis) => typeof axis === 'number')) settled.set(value, type)
  }
  const fixed = settled.size === inputs.length
  const found = open.length > 0 ? inferForSomeRank(program, types, open) : program.infer(types)
  let agree = true
  for (const value of outputs) {
    const { declared } = value
    const actual = value.constant ?? found.get(value)?.type
    if (!actual) continue
    checkResult(value, actual.dtype)
    if (open.length > 0 || !declared?.shape?.length) continue
    const same =
      declared.shape.length === actual.shape.length &&
      (!fixed || declared.shape.every((axis, i) => typeof axis !== 'number' || axis === actual.shape[i]))
    if (same) continue
    const expected = formatDeclared(declared)
    const made = formatShape(actual.shape)
    const message = `the output "${value.name}" is declared as ${expected}, but ${made} is made`
    if (fixed) throw new LanewiseError('E_GRAPH', message, { tensor: value.name, expected, actual: made })
    log('warning', message, level)
    agree = false
  }
  if (hasStates) return agree
  const tryOut = (given: ReadonlyMap<Value, TensorType>) => {
    if (given.size === inputs.length) program.prepare(withoutElements(given))
    if (given.size > 0) program.rehearse(given)
  }
  tryOut(settled)
  if (scalars.length > 0) tryScalars(tryOut, settled, scalars)
  return agree
}

function withoutElements(types: ReadonlyMap<Value, TensorType>): Map<Value, HostTensor> {
  return new Map(Array.from(types, ([value, { dtype, shape }]) => [value, { dtype, shape, data: makeData(dtype, 0) }]))
}

/** Axes that are tried for an input that is declared without any. */
const MOST_AXES = 5

/**
 * Inputs that are declared without axes are numbers, of which there may be one in a list as well, where the file knows
 * the axes of another input; otherwise it may know nothing of shapes, and only what types decide is decided.
 *
 * @throws LanewiseError what a node refuses whatever axes they have.
 */
function tryScalars(
  tryOut: (given: ReadonlyMap<Value, TensorType>) => void,
  settled: ReadonlyMap<Value, TensorType>,
  scalars: readonly (readonly [Value, DType])[],
): void {
  let first: LanewiseError | undefined
  for (let rank = 0; rank <= MOST_AXES; rank++) {
    const shape = Array<number>(rank).fill(1)
    try {
      tryOut(new Map([...settled, ...scalars.map(([value, dtype]): [Value, TensorType] => [value, { dtype, shape }])]))
      return
    } catch (error) {
      if (!(error instanceof LanewiseError)) throw error
      first ??= error
      if (error.code !== first.code || error.node !== first.node) return
      if (settled.size > 0) continue
      const byType = error.code === 'E_UNSUPPORTED' || error.code === 'E_TENSOR'
      if (!byType || error.message !== first.message) return
    }
  }
  if (first) throw first
}

/** Where the rank of inputs is not declared, element types follow nevertheless: from any that the operators take. */
function inferForSomeRank(
  program: Program,
  types: ReadonlyMap<Value, TensorType>,
  open: readonly [Value, DType][],
): ReadonlyMap<Value, Inferred> {
  let most: ReadonlyMap<Value, Inferred> = new Map<Value, Inferred>()
  for (let rank = 4; rank >= 0; rank--) {
    const shape = Array<number>(rank).fill(1)
    const guess = open.map(([value, dtype]): [Value, TensorType] => [value, { dtype, shape }])
    const found = program.infer(new Map([...types, ...guess]))
    if (found.size > most.size) most = found
  }
  return most
}

/** @throws LanewiseError `E_GRAPH` if an output is not of the type that the model declares. */
export function checkResult({ name, declared }: Value, made: HostValue | DType): void {
  const [kind, dtype] =
    typeof made === 'string' ? ['tensor', made] : isHostTensor(made) ? ['tensor', made.dtype] : [made.kind]
  if (declared?.kind !== 'tensor' && declared?.kind !== 'sequence') return
  if (declared.kind === kind && (kind !== 'tensor' || (declared.dtype ?? dtype) === dtype)) return
  const expected = declared.kind === 'tensor' ? (declared.dtype ?? 'tensor') : declared.kind
  const actual = dtype ?? kind
  throw new LanewiseError('E_GRAPH', `the output "${name}" is declared as ${expected}, but ${actual} is made`, {
    tensor: name,
    expected,
    actual,
  })
}

/** Whether a file says what one of its outputs is; no axes may mean that it does not know them. */
export function isToldInFull({ declared }: Value): boolean {
  if (declared?.kind !== 'tensor') return declared !== undefined
  return !!declared.dtype && !!declared.shape?.length && !declared.shape.includes(null)
}
