import { expect, test } from 'vitest'
import { GraphBuilder, loadGraph, exportModel } from '../../src/node.js'
import { nearNames } from '../../src/core/near-names.js'

test('names that may be meant: by few characters, parts, and without regard to case', () => {
  const names = ['features', 'featured', 'logits', 'Relu_12', 'onnx::GlobalAveragePool_1547', '']
  expect(nearNames('feature', names)).toEqual(['featured', 'features'])
  expect(nearNames('GlobalAveragePool', names)).toEqual(['onnx::GlobalAveragePool_1547'])
  expect(nearNames('relu_21', names)).toEqual(['Relu_12'])
  expect(nearNames('x', names)).toEqual([])
  expect(nearNames('', names)).toEqual([])
})

test('a value that a graph does not have is refused with those near it', async () => {
  const g = new GraphBuilder('g')
  g.output(g.op('Relu', [g.input('picture', 'float32', ['N', 3])]), 'features')
  const graph = await loadGraph(exportModel(g))
  expect(() => graph.extract(['feature'])).toThrow('there is no value "feature" in the graph: near are "features"')
  expect(() => graph.extract(['nothing'])).toThrow(/there is no value "nothing" in the graph$/)
})
