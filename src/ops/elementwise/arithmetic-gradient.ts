import * as code from '../../../assembly/abi/codes.js'
import { Add, Div, emitBinary, Max, Mean, Min, Mod, Mul, Pow, PRelu, Sub, Sum } from './arithmetic.js'
import type { Gradient, GradientEmitter } from '../../ir/gradient.js'
import { emitSumTo, spread, throughBroadcast } from '../shared/gradient-sum.js'
import type { Operand } from '../../ir/emitter.js'
import type { OpDefinition } from '../../ir/op.js'

type Broadcasting = OpDefinition<{ axis: number | undefined }>

/** dy itself, or its sum over what was broadcast. */
function passOrSum(g: GradientEmitter<unknown>, index: number, dy: Operand): void {
  if (!g.wants(index)) return
  if (g.input(index).size === dy.size) return g.pass(index)
  const result = g.result(index)
  if (dy.size === 0) g.call('fill_f32', result.at, 0, result.size)
  else emitSumTo(g, dy, result)
}

export const AddGradient: Gradient<object> = {
  op: Add,
  backward(g) {
    passOrSum(g, 0, g.gradient())
    passOrSum(g, 1, g.gradient())
  },
}

export const SumGradient: Gradient<object> = {
  op: Sum,
  backward(g) {
    for (let i = 0; i < g.inputs.length; i++) passOrSum(g, i, g.gradient())
  },
}

export const MeanGradient: Gradient<object> = {
  op: Mean,
  backward(g) {
    const dy = g.gradient()
    g.inputs.forEach((_, i) => {
      if (g.wants(i))
        throughBroadcast(g, i, dy, (to) =>
          g.call('unary_f32', code.UNARY_AFFINE, dy.at, to, dy.size, 1 / g.inputs.length, 0),
        )
    })
  },
}

export const SubGradient: Gradient<object> = {
  op: Sub,
  backward(g) {
    const dy = g.gradient()
    passOrSum(g, 0, dy)
    if (g.wants(1)) throughBroadcast(g, 1, dy, (to) => g.call('unary_f32', code.UNARY_NEG, dy.at, to, dy.size, 0, 0))
  },
}

/** y = a − b·n with a whole n: dy by a, −n·dy = (y − a)/b·dy by b. */
export const ModGradient: Gradient<object> = {
  op: Mod,
  backward(g) {
    const dy = g.gradient()
    const [a, b, y] = [g.input(0), g.input(1), g.output(0)]
    passOrSum(g, 0, dy)
    if (!g.wants(1)) return
    throughBroadcast(g, 1, dy, (at) => {
      const to = { ...placeOf(dy), at }
      emitBinary(g, code.BINARY_SUB, y, a, to)
      emitBinary(g, code.BINARY_DIV, to, b, to)
      emitBinary(g, code.BINARY_MUL, to, dy, to)
    })
  },
}

export const MulGradient: Gradient<object> = {
  op: Mul,
  backward(g) {
    const dy = g.gradient()
    for (const [mine, other] of [
      [0, 1],
      [1, 0],
    ]) {
      if (g.wants(mine))
        throughBroadcast(g, mine, dy, (to) =>
          emitBinary(g, code.BINARY_MUL, dy, g.input(other), { ...placeOf(dy), at: to }),
        )
    }
  },
}

/** dy/b, and −dy·y/b. */
export const DivGradient: Gradient<object> = {
  op: Div,
  backward(g) {
    const dy = g.gradient()
    const b = g.input(1)
    if (g.wants(0))
      throughBroadcast(g, 0, dy, (to) => emitBinary(g, code.BINARY_DIV, dy, b, { ...placeOf(dy), at: to }))
    if (!g.wants(1)) return
    throughBroadcast(g, 1, dy, (to) => {
      const at = { ...placeOf(dy), at: to }
      emitBinary(g, code.BINARY_DIV, dy, b, at)
      emitBinary(g, code.BINARY_MUL, at, g.output(0), at)
      g.call('unary_f32', code.UNARY_NEG, to, to, dy.size, 0, 0)
    })
  },
}

function byKernel(op: Broadcasting, which: number): Gradient<object> {
  return {
    op,
    backward(g) {
      const dy = g.gradient()
      const y = g.output(0)
      const [a, b] = [spread(g, g.input(0), y), spread(g, g.input(1), y)]
      if (g.wants(0))
        throughBroadcast(g, 0, y, (to) => g.call('binary_gradient_f32', which, a, b, y.at, dy.at, to, 0, y.size))
      if (g.wants(1))
        throughBroadcast(g, 1, y, (to) => g.call('binary_gradient_f32', which, a, b, y.at, dy.at, 0, to, y.size))
    },
  }
}

export const PowGradient = /* @__PURE__ */ byKernel(Pow, code.BINARY_POW)
export const PReluGradient = /* @__PURE__ */ byKernel(PRelu, code.BINARY_PRELU)

/** Each element of the gradient goes to the operand that gave it; equal ones share it. */
function picking(op: OpDefinition<object>, which: number): Gradient<object> {
  return {
    op,
    backward(g) {
      const dy = g.gradient()
      if (g.inputs.length === 1) return g.pass(0)
      const y = g.output(0)
      if (g.inputs.length === 2) {
        const [a, b] = [spread(g, g.input(0), y), spread(g, g.input(1), y)]
        if (g.wants(0))
          throughBroadcast(g, 0, y, (to) => g.call('binary_gradient_f32', which, a, b, y.at, dy.at, to, 0, y.size))
        if (g.wants(1))
          throughBroadcast(g, 1, y, (to) => g.call('binary_gradient_f32', which, a, b, y.at, dy.at, 0, to, y.size))
        return
      }
      // Equal operands share, as the elements of a ReduceMax do.
      const count = g.scratch(y.size * 4)
      const [ones, taken] = [g.scratch(y.size * 4), g.scratch(y.size * 4)]
      g.call('fill_f32', count, 0, y.size)
      g.call('fill_f32', ones, 1, y.size)
      const operands = g.inputs.map((_, i) => spread(g, g.input(i), y))
      for (const at of operands) {
        g.call('equal_gradient_f32', at, y.at, ones, taken, y.size)
        g.call('binary_f32', code.BINARY_ADD, count, 1, taken, 1, count, y.size)
      }
      g.call('binary_f32', code.BINARY_DIV, dy.at, 1, count, 1, count, y.size)
      operands.forEach((at, i) => {
        if (g.wants(i)) throughBroadcast(g, i, y, (to) => g.call('equal_gradient_f32', at, y.at, count, to, y.size))
      })
    },
  }
}

export const MaxGradient = /* @__PURE__ */ picking(Max, code.BINARY_MAX)
export const MinGradient = /* @__PURE__ */ picking(Min, code.BINARY_MIN)

function placeOf({ dtype, shape, order, physical, size }: Operand): Omit<Operand, 'at' | 'constant'> {
  return { dtype, shape, order, physical, size }
}
