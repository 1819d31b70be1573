import { gemm, matmul } from './matmul.reference.js'
import { f32, typed, weight, type Case } from '../case.js'

function product(name: string, a: number[], b: number[], constant = false): Case {
  return { name, op: 'MatMul', inputs: [f32(a), constant ? weight(b) : f32(b)], reference: matmul }
}

function affine(name: string, inputs: Case['inputs'], attributes: Case['attributes'] = {}): Case {
  return { name, op: 'Gemm', inputs, attributes, reference: gemm }
}

export const matmulCases: readonly Case[] = [
  product('square', [64, 64], [64, 64]),
  product('odd sizes', [7, 13], [13, 9]),
  product('constant right', [5, 30], [30, 17], true),
  product('row by constant', [1, 100], [100, 33], true),
  product('long inner axis', [3, 1000], [1000, 10], true),
  product('vector by matrix', [6], [6, 5]),
  product('matrix by vector', [5, 6], [6]),
  product('vector by vector', [6], [6]),
  product('stack by one matrix', [2, 3, 4, 5], [5, 6], true),
  product('stack by stack', [2, 3, 4, 5], [2, 3, 5, 6]),
  product('stacks broadcast', [2, 1, 4, 5], [3, 5, 6]),
  product('one matrix by stack', [4, 5], [3, 5, 6]),
  product('no rows', [0, 4], [4, 5]),
  product('no inner axis', [3, 0], [0, 5]),
  { name: 'float64', op: 'MatMul', inputs: [typed('float64', [3, 4]), typed('float64', [4, 5])], reference: matmul },
  {
    name: 'int32',
    op: 'MatMul',
    inputs: [typed('int32', [3, 4], { low: -9, high: 9 }), typed('int32', [4, 5], { low: -9, high: 9 })],
    reference: matmul,
  },
  {
    name: 'int64',
    op: 'MatMul',
    inputs: [typed('int64', [2, 3, 4], { low: -9, high: 9 }), typed('int64', [4, 5], { low: -9, high: 9 })],
    reference: matmul,
  },
  affine('plain', [f32([4, 5]), weight([5, 6])]),
  affine('transposed B with bias', [f32([3, 20]), weight([10, 20]), weight([10])], { transB: 1 }),
  affine('transposed A', [f32([5, 4]), f32([5, 6])], { transA: 1 }),
  affine('both transposed, scaled', [f32([5, 4]), f32([6, 5]), f32([4, 6])], {
    transA: 1,
    transB: 1,
    alpha: 0.5,
    beta: 2,
  }),
  affine('many rows', [f32([150, 13]), weight([13, 9]), weight([9])]),
  affine('many rows, transposed B, wide', [f32([131, 250]), weight([7, 250])], { transB: 1 }),
  affine('column addend', [f32([4, 5]), weight([5, 6]), weight([4, 1])]),
  affine('scalar addend', [f32([4, 5]), weight([5, 6]), weight([])]),
  affine('row addend of rank 2, beta', [f32([4, 5]), weight([5, 6]), weight([1, 6])], { beta: -1.5 }),
  affine('full addend', [f32([4, 5]), weight([5, 6]), f32([4, 6])]),
]
