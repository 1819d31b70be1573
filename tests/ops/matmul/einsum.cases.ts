import { einsum } from './einsum.reference.js'
import { f32, gives, typed, weight, type Case } from '../case.js'

const row = (name: string, equation: string, inputs: Case['inputs'], more: Partial<Case> = {}): Case => ({
  name,
  op: 'Einsum',
  inputs,
  attributes: { equation },
  reference: einsum,
  ...more,
})

export const einsumCases: readonly Case[] = [
  row('matrix product', 'ij,jk->ik', [f32([5, 7]), f32([7, 6])]),
  row('scores of attention', 'bhid,bhjd->bhij', [f32([2, 3, 5, 4]), f32([2, 3, 6, 4])]),
  row('values of attention', 'bhij,bjhd->bihd', [f32([2, 3, 5, 6]), f32([2, 6, 3, 4])]),
  row('projection with spaces', 'b s i , h i d -> b h s d', [f32([2, 5, 4]), weight([3, 4, 6])]),
  row('two summed axes', 'ijk,kjl->il', [f32([3, 4, 5]), weight([5, 4, 2])]),
  row('outer product', 'i,j->ji', [f32([5]), f32([3])]),
  row('dot product', 'i,i->', [f32([9]), f32([9])]),
  row('elementwise', 'ij,ij->ij', [f32([3, 5]), f32([3, 5])]),
  row('one operand, sum', 'ijk->ki', [f32([3, 4, 5])]),
  row('trace', 'ii->', [f32([4, 4])]),
  row('diagonal', 'iji->ij', [f32([3, 2, 3])]),
  row('sum over one operand alone', 'ij,k->i', [f32([3, 4]), f32([2])]),
  row('three operands', 'ab,bc,cd->ad', [f32([2, 3]), f32([3, 4]), f32([4, 2])]),
  row('sizes of 1 stand for more', 'bij,bjk->bik', [f32([1, 3, 4]), f32([2, 1, 5])]),
  row('empty sum', 'ij,jk->ik', [f32([2, 0]), f32([0, 3])], { withoutOrt: 'it does not take empty tensors' }),
  row('float64', 'ij,jk->ik', [typed('float64', [3, 4]), typed('float64', [4, 2])]),
  row('int32', 'ij,jk->ki', [
    typed('int32', [3, 4], { low: -9, high: 9 }),
    typed('int32', [4, 2], { low: -9, high: 9 }),
  ]),
  row('int64', 'ij->j', [typed('int64', [3, 4], { low: -9, high: 9 })]),
  row('ellipsis', '...ij,...jk->...ik', [f32([2, 1, 2], { values: [1, 2, 3, 4] }), f32([2, 1], { values: [2, 3] })], {
    reference: gives({ shape: [2, 1, 1], data: [8, 18] }),
    withoutOrt: 'it wants as many axes for every ellipsis',
  }),
  row('implicit output', 'ba,b', [f32([2, 2], { values: [1, 2, 3, 4] }), f32([2], { values: [1, 10] })], {
    reference: gives({ shape: [2], data: [31, 42] }),
  }),
]
