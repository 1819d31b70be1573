import { logicalStrides } from '../../core/layout.js'
import { emitDenseCopy } from '../../ir/strided.js'
import { sizeOf } from '../../core/shape.js'
import { Einsum, grouped, matrixForm, parseEquation, resolve, type Equation, type Labels } from './einsum.js'
import type { AttributesOfOp, Gradient, GradientEmitter } from '../../ir/gradient.js'
import { MatMulGradient } from './product-gradient.js'
import { present } from '../../core/errors.js'
import { plus, type Operand } from '../../ir/emitter.js'

type EinsumAttributes = AttributesOfOp<typeof Einsum>
type Resolved = Equation & { readonly sizes: ReadonlyMap<string, number> }

/**
 * As for matrix products where the forward pass is one and nothing is repeated; else by a walk over every combination
 * of labels.
 */
export const EinsumGradient: Gradient<EinsumAttributes> = {
  op: Einsum,
  backward(g) {
    const operands = g.inputs.map((_, i) => g.input(i))
    const written = parseEquation(g.attributes.equation)
    const parsed = resolve(
      written,
      operands.map(({ shape }) => shape),
      g.attributes.equation,
    )
    // Operands lie as the operator's layout asked, which is as they are where axes are written as dots.
    const form = matrixForm(written) && matrixForm(parsed)
    const whole = operands.every(({ shape }, i) =>
      shape.every((size, axis) => size === parsed.sizes.get(parsed.inputs[i][axis])),
    )
    if (!form || !whole) return operands.forEach((_, i) => g.wants(i) && emitContraction(g, parsed, operands, i))
    const { batch, rows, columns, summed } = form
    const size = (labels: Labels) => sizeOf(labels.map((label) => present(parsed.sizes.get(label), label)))
    const group = (operand: Operand, ...groups: Labels[]) =>
      grouped(g, operand, groups.flat(), parsed.sizes, groups.map(size))
    const seen = [
      (operand: Operand) => group(operand, batch, rows, summed),
      (operand: Operand) => group(operand, batch, summed, columns),
    ]
    const inputs = seen.map((view, i) => view(operands[i]))
    const inner = Object.create(g, {
      inputs: { value: inputs },
      input: { value: (index: number) => inputs[index] },
      gradient: { value: () => group(g.gradient(), batch, rows, columns) },
      result: { value: (index: number) => seen[index](g.result(index)) },
    }) as GradientEmitter<object>
    MatMulGradient.backward(inner)
  },
}

/**
 * dx = Σ dy · Π of the other operands, label by label: sums over one operand alone, diagonals, any number of operands,
 * repeated axes.
 */
function emitContraction(
  g: GradientEmitter<EinsumAttributes>,
  { inputs: terms, output, sizes }: Resolved,
  operands: readonly Operand[],
  index: number,
): void {
  const dx = g.result(index)
  if (dx.size === 0) return
  g.call('fill_f32', dx.at, 0, dx.size)
  const labels = [...sizes.keys()]
  const extents = [...sizes.values()]
  if (sizeOf(extents) === 0) return
  const others = operands.filter((_, i) => i !== index)
  // The kernel finds all of them from one address on.
  const gathered = g.scratch(
    Math.max(
      others.reduce((bytes, { size }) => bytes + size * 4, 0),
      4,
    ),
  )
  let first = 0
  const rows = [stridesBy(labels, terms[index], dx), stridesBy(labels, output, g.gradient())].map((strides) => [
    0,
    ...strides,
  ])
  operands.forEach((operand, i) => {
    if (i === index) return
    emitDenseCopy(g, operand, plus(gathered, first * 4))
    rows.push([first, ...stridesBy(labels, terms[i], operand)])
    first += operand.size
  })
  const table = g.table(Int32Array.from([...extents, ...rows.flat()]))
  g.call(
    'contraction_gradient_f32',
    g.gradient().at,
    dx.at,
    gathered,
    table,
    labels.length,
    others.length,
    g.scratch((labels.length + rows.length) * 4),
  )
}

/**
 * How far an operand's element moves in memory with each label: a label twice in a term walks along the diagonal, one
 * of size 1 stands.
 */
function stridesBy(labels: Labels, term: Labels, { shape, order }: Operand): number[] {
  const own = logicalStrides(shape, order)
  return labels.map((label) =>
    term.reduce((sum, other, axis) => sum + (other === label && shape[axis] !== 1 ? own[axis] : 0), 0),
  )
}
