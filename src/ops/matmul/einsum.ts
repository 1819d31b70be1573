import { byteSize } from '../../core/dtype.js'
import { LanewiseError, present } from '../../core/errors.js'
import { identityOrder, type Order } from '../../core/layout.js'
import { emitStridedCopy } from '../../ir/strided.js'
import { hostTensor, type HostTensor } from '../../core/host.js'
import { formatShape, sizeOf, stridesOf, type Shape } from '../../core/shape.js'
import { required, string } from '../../ir/attributes.js'
import { numbersOf, numericTensor } from '../shared/scalar-floats.js'
import { MatMul } from './matmul.js'
import type { Address, Emitter, KernelEmitter, Operand } from '../../ir/emitter.js'
import { defineOp, withRule } from '../../ir/op.js'
import { sameType } from '../shared/operands.js'

/** Labels of one operand: letters, and '...' for axes without a name. */
export type Labels = readonly string[]

export interface Equation {
  readonly inputs: readonly Labels[]
  readonly output: Labels
}

const ELLIPSIS = '...'

/** @throws LanewiseError `E_VALUE` if the equation is not one. */
export function parseEquation(text: string): Equation {
  const sides = text.replaceAll(/\s/g, '').split('->')
  if (sides.length > 2) throw bad(text, 'more than one "->"')
  const inputs = sides[0].split(',').map((term) => labelsOf(term, text))
  const named = inputs.flat().filter((label) => label !== ELLIPSIS)
  if (sides.length === 1) {
    // Implicit: labels that occur once, in alphabetical order.
    const once = [...new Set(named)].filter((label) => named.indexOf(label) === named.lastIndexOf(label)).sort()
    return { inputs, output: inputs.flat().includes(ELLIPSIS) ? [ELLIPSIS, ...once] : once }
  }
  const output = labelsOf(sides[1], text)
  if (new Set(output).size !== output.length) throw bad(text, 'a label of the output twice')
  const unknown = output.find((label) => label !== ELLIPSIS && !named.includes(label))
  if (unknown) throw bad(text, `"${unknown}" only in the output`)
  return { inputs, output }
}

function labelsOf(term: string, text: string): Labels {
  const labels: string[] = term.match(/\.\.\.|[A-Za-z]/g) ?? []
  if (labels.join('') !== term) throw bad(text, `"${term}"`)
  if (labels.indexOf(ELLIPSIS) !== labels.lastIndexOf(ELLIPSIS)) throw bad(text, 'two ellipses in one term')
  return labels
}

function bad(text: string, what: string): LanewiseError {
  return new LanewiseError('E_VALUE', `"${text}" is not an equation of sums: ${what}`)
}

/**
 * The equation with a name for every axis an ellipsis stands for (numbers, counted from the last), and the size of
 * every label.
 */
export function resolve(
  equation: Equation,
  shapes: readonly Shape[],
  text: string,
): Equation & { readonly sizes: ReadonlyMap<string, number> } {
  if (equation.inputs.length !== shapes.length)
    throw bad(text, `${equation.inputs.length} terms for ${shapes.length} inputs`)
  let widest = 0
  const expand = (labels: Labels, axes: number) =>
    labels.flatMap((label) =>
      label === ELLIPSIS ? Array.from({ length: axes }, (_, i) => String(axes - 1 - i)) : [label],
    )
  const inputs = equation.inputs.map((labels, i) => {
    const hidden = shapes[i].length - labels.filter((label) => label !== ELLIPSIS).length
    if (hidden < 0 || (hidden > 0 && !labels.includes(ELLIPSIS))) {
      throw new LanewiseError(
        'E_SHAPE',
        `the term "${labels.join('')}" of "${text}" does not fit an input of shape ${formatShape(shapes[i])}`,
      )
    }
    widest = Math.max(widest, hidden)
    return expand(labels, hidden)
  })
  const sizes = new Map<string, number>()
  inputs.forEach((labels, i) => {
    labels.forEach((label, axis) => {
      const size = shapes[i][axis]
      const known = sizes.get(label)
      if (known === undefined || known === 1) sizes.set(label, size)
      else if (size !== 1 && size !== known) {
        throw new LanewiseError('E_SHAPE', `"${label}" of "${text}" is ${known} and ${size}`, {
          expected: String(known),
          actual: String(size),
        })
      }
    })
  })
  return { inputs, output: expand(equation.output, widest), sizes }
}

/**
 * An equation of two operands as a batch of matrix products: which labels are batch, rows, columns and the axis summed
 * over.
 */
export interface MatrixForm {
  readonly batch: Labels
  readonly rows: Labels
  readonly columns: Labels
  readonly summed: Labels
}

/**
 * undefined if the equation is something else: another number of operands, a diagonal, or a sum over one operand alone.
 */
export function matrixForm({ inputs, output }: Equation): MatrixForm | undefined {
  if (
    inputs.length !== 2 ||
    inputs.some((labels) => new Set(labels).size !== labels.length || labels.includes(ELLIPSIS))
  )
    return undefined
  const [a, b] = inputs
  const both = a.filter((label) => b.includes(label))
  const rows = a.filter((label) => !b.includes(label))
  const columns = b.filter((label) => !a.includes(label))
  if (![...rows, ...columns].every((label) => output.includes(label))) return undefined
  // In the order in which the output wants them, so that it need not be rearranged.
  const sorted = (labels: Labels) => [...labels].sort((x, y) => output.indexOf(x) - output.indexOf(y))
  return {
    batch: sorted(both.filter((label) => output.includes(label))),
    rows: sorted(rows),
    columns: sorted(columns),
    summed: both.filter((label) => !output.includes(label)),
  }
}

function orderOf(labels: Labels, wanted: Labels): Order {
  return wanted.map((label) => labels.indexOf(label))
}

/**
 * An operand, lying in the order of `labels`, seen as one axis per group; axes of size 1 that stand for more are
 * repeated.
 */
export function grouped(
  e: KernelEmitter,
  operand: Operand,
  labels: Labels,
  sizes: ReadonlyMap<string, number>,
  shape: readonly number[],
): Operand {
  const strides = stridesOf(operand.physical)
  const full = labels.map((label) => present(sizes.get(label), label))
  const whole = full.every((size, i) => size === operand.physical[i])
  let repeated: Address | undefined
  if (!whole) {
    repeated = e.scratch(sizeOf(full) * byteSize(operand.dtype))
    const to = stridesOf(full)
    const axes = full.map((size, i) => ({ size, from: operand.physical[i] === 1 ? 0 : strides[i], to: to[i] }))
    emitStridedCopy(e, operand.dtype, { axes, from: 0, to: 0 }, operand.at, repeated)
  }
  // Raw elements of a constant are as they are in the model.
  const constant = whole && operand.order.every((axis, i) => axis === i) ? operand.constant : undefined
  return Object.create(operand, {
    shape: { value: shape },
    order: { value: identityOrder(shape.length) },
    physical: { value: shape },
    size: { value: sizeOf(shape) },
    constant: { value: constant },
    at: { get: () => repeated ?? operand.at },
  }) as Operand
}

export const Einsum = defineOp({
  name: 'Einsum',
  arity: [1, Infinity],
  attributes: { equation: required(string()) },
  infer({ attributes: { equation }, inputs }) {
    const { output, sizes } = resolve(
      parseEquation(equation),
      inputs.map((input) => input.shape),
      equation,
    )
    return [{ dtype: sameType(inputs), shape: output.map((label) => present(sizes.get(label), label)) }]
  },
  kernel: (types, { equation }) =>
    types.every((type) => type === 'float32') && matrixForm(parseEquation(equation)) !== undefined,
  layout({ attributes: { equation }, inputs, outputs }) {
    const parsed = parseEquation(equation)
    const form = matrixForm(parsed)
    if (!form) return { inputs: inputs.map(() => undefined), outputs: outputs.map(() => undefined) }
    const { batch, rows, columns, summed } = form
    const [a, b] = parsed.inputs
    return {
      inputs: [orderOf(a, [...batch, ...rows, ...summed]), orderOf(b, [...batch, ...summed, ...columns])],
      outputs: [orderOf(parsed.output, [...batch, ...rows, ...columns])],
    }
  },
  emit(e) {
    const { equation } = e.attributes
    const operands = [e.input(0), e.input(1)]
    const parsed = resolve(
      parseEquation(equation),
      operands.map(({ shape }) => shape),
      equation,
    )
    const { batch, rows, columns, summed } = present(matrixForm(parsed), 'matrix form')
    const size = (labels: Labels) => sizeOf(labels.map((label) => present(parsed.sizes.get(label), label)))
    const group = (operand: Operand, ...groups: Labels[]) =>
      grouped(e, operand, groups.flat(), parsed.sizes, groups.map(size))
    const inputs = [group(operands[0], batch, rows, summed), group(operands[1], batch, summed, columns)]
    const inner = Object.create(e, {
      inputs: { value: inputs },
      input: { value: (index: number) => inputs[index] },
    }) as Emitter<object>
    withRule(MatMul, 'emit').emit(inner)
  },
  compute({ attributes: { equation }, inputs, outputs: [y] }) {
    return [
      contract(
        resolve(
          parseEquation(equation),
          inputs.map((input) => input.shape),
          equation,
        ),
        inputs,
        y.shape,
      ),
    ]
  },
})

/** The sum over every combination of labels, in plain TypeScript. */
function contract(
  { inputs: terms, output, sizes }: ReturnType<typeof resolve>,
  inputs: readonly HostTensor[],
  shape: Shape,
): HostTensor {
  const { dtype } = inputs[0]
  const labels = [...output, ...[...sizes.keys()].filter((label) => !output.includes(label))]
  const extents = labels.map((label) => present(sizes.get(label), label))
  const strides = inputs.map((input, i) => {
    const own = stridesOf(input.shape)
    // A label twice in one term walks along the diagonal.
    return labels.map((label) =>
      terms[i].reduce((sum, other, axis) => sum + (other === label && input.shape[axis] !== 1 ? own[axis] : 0), 0),
    )
  })
  const count = sizeOf(shape)
  const inner = sizeOf(extents.slice(output.length))
  const big = dtype === 'int64' || dtype === 'uint64'
  const data = inputs.map((input) => (big ? input.data : numbersOf(input)) as { [i: number]: number })
  const result = big ? new BigInt64Array(count) : new Float64Array(count)
  const index = new Array<number>(labels.length).fill(0)
  const at = new Array<number>(inputs.length).fill(0)
  for (let o = 0; o < count; o++) {
    let sum: number | bigint = big ? 0n : 0
    for (let i = 0; i < inner; i++) {
      let term: number | bigint = data[0][at[0]]
      for (let k = 1; k < data.length; k++) term = term * data[k][at[k]]
      sum = (sum as number) + term
      for (let axis = labels.length - 1; axis >= 0; axis--) {
        for (let k = 0; k < at.length; k++) at[k] += strides[k][axis]
        if (++index[axis] < extents[axis]) break
        for (let k = 0; k < at.length; k++) at[k] -= strides[k][axis] * extents[axis]
        index[axis] = 0
      }
    }
    result[o] = sum
  }
  if (!big) return numericTensor(dtype, shape, result as Float64Array)
  return hostTensor(dtype, shape, dtype === 'int64' ? (result as BigInt64Array) : new BigUint64Array(result.buffer))
}
