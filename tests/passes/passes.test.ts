import { describe, expect, test } from 'vitest'
import { hostFrom } from '../../src/core/host.js'
import { exportModel, GraphBuilder, InferenceSession } from '../../src/node.js'
import type { PassName } from '../../src/passes/load/index.js'
import { modelOf, norm, ops, weights, type Build } from './one-pass.js'

describe('all together', () => {
  test('a pass that is switched off leaves the others at work', async () => {
    const build: Build = (g, x, c, p) =>
      g.op('Relu', [norm(g, g.op('Conv', [g.op('Identity', [x]), c(6, 4, 3, 3)]), p, 6)])
    const bytes = modelOf(build, ['N', 4, 5, 5])
    const left = async (off: Partial<Record<PassName, boolean>>) => {
      const session = await InferenceSession.create(bytes, { passes: off })
      const nodes = ops(await session.optimized())
      await session.release()
      return nodes
    }
    expect(await left({})).toEqual(['Conv'])
    expect(await left({ 'eliminate-identity': false })).toEqual(['Identity', 'Conv'])
    expect(await left({ 'fold-batchnorm': false })).toEqual(['Conv', 'BatchNormalization', 'Relu'])
    expect(await left({ 'fuse-activation': false })).toEqual(['Conv', 'Relu'])
  })

  test('20,000 factors behind one convolution take linear time', async () => {
    const g = new GraphBuilder('chain')
    let y = g.op('Conv', [g.input('x', 'float32', [1, 1, 3, 3]), g.constant('w', weights(1, 1, 3, 3))])
    const one = g.constant('one', hostFrom('float32', [], [1]))
    for (let i = 0; i < 20_000; i++) y = g.op('Mul', [y, one], {}, `m${i}`)
    g.output(y, 'y')
    const session = await InferenceSession.create(exportModel(g.graph()))
    expect(ops(await session.optimized())).toEqual(['Conv', 'Identity'])
    await session.release()
  })
})
