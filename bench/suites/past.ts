// A model of text whose past the caller feeds: keys and values grow by a row with every token, so that no two runs have
// the same shapes.
import { hostTensor } from '../../src/core/host.js'
import { randomTensor, seeded } from '../../tests/support/random.js'
import { model, node } from '../graph.js'
import type { Work } from '../work.js'

interface Sizes {
  readonly width: number
  readonly heads: number
  readonly head: number
  readonly hidden: number
  readonly words: number
}

const small: Sizes = { width: 64, heads: 4, head: 16, hidden: 128, words: 96 }
const large: Sizes = { width: 256, heads: 4, head: 64, hidden: 512, words: 96 }

/** Layers as exporters write them out, without operators for attention or normalisation. */
function layered(sizes: Sizes, layers: number, first: number, tokens: number, firstMet?: number): Work {
  const { width, heads, head, hidden, words } = sizes
  const random = seeded(41)
  const weights = new Map([
    ['table', randomTensor(random, 'float32', [words, width], -1, 1)],
    ['two', hostTensor('float32', [], Float32Array.of(2))],
    ['epsilon', hostTensor('float32', [], Float32Array.of(1e-5))],
    ['scale', hostTensor('float32', [], Float32Array.of(1 / Math.sqrt(head)))],
    ['split', hostTensor('int64', [4], BigInt64Array.of(0n, 0n, BigInt(heads), BigInt(head)))],
    ['merge', hostTensor('int64', [3], BigInt64Array.of(0n, 0n, BigInt(width)))],
    ['last', hostTensor('int64', [1], BigInt64Array.of(-1n))],
  ])
  const nodes = [node('Gather', ['table', 'token'], ['x0'])]
  const weight = (name: string, shape: number[]): string => {
    const limit = 1 / Math.sqrt(shape[0])
    weights.set(name, randomTensor(random, 'float32', shape, -limit, limit))
    return name
  }
  const normed = (x: string, to: string): string => {
    nodes.push(
      node('Pow', [x, 'two'], [`${to}_square`]),
      node('ReduceMean', [`${to}_square`, 'last'], [`${to}_mean`]),
      node('Add', [`${to}_mean`, 'epsilon'], [`${to}_sum`]),
      node('Sqrt', [`${to}_sum`], [`${to}_root`]),
      node('Div', [x, `${to}_root`], [`${to}_unit`]),
      node('Mul', [`${to}_unit`, weight(`${to}_weight`, [width])], [to]),
    )
    return to
  }
  const inputs: Record<string, readonly (number | string)[]> = { token: [1, 1] }
  const outputs: string[] = []
  let x = 'x0'
  for (let i = 0; i < layers; i++) {
    const p = `l${i}_`
    const n = normed(x, `${p}n`)
    for (const what of ['q', 'k', 'v']) {
      nodes.push(
        node('MatMul', [n, weight(`${p}w${what}`, [width, width])], [`${p}${what}_flat`]),
        node('Reshape', [`${p}${what}_flat`, 'split'], [`${p}${what}_split`]),
        node('Transpose', [`${p}${what}_split`], [`${p}${what}`], { perm: [0n, 2n, 1n, 3n] }),
      )
      if (what === 'q') continue
      inputs[`${p}past_${what}`] = [1, heads, 'past', head]
      outputs.push(`${p}present_${what}`)
      nodes.push(node('Concat', [`${p}past_${what}`, `${p}${what}`], [`${p}present_${what}`], { axis: 2n }))
    }
    nodes.push(
      node('Transpose', [`${p}present_k`], [`${p}kt`], { perm: [0n, 1n, 3n, 2n] }),
      node('MatMul', [`${p}q`, `${p}kt`], [`${p}scores`]),
      node('Mul', [`${p}scores`, 'scale'], [`${p}scaled`]),
      node('Softmax', [`${p}scaled`], [`${p}weights`], { axis: -1n }),
      node('MatMul', [`${p}weights`, `${p}present_v`], [`${p}mixed`]),
      node('Transpose', [`${p}mixed`], [`${p}turned`], { perm: [0n, 2n, 1n, 3n] }),
      node('Reshape', [`${p}turned`, 'merge'], [`${p}merged`]),
      node('MatMul', [`${p}merged`, weight(`${p}wo`, [width, width])], [`${p}out`]),
      node('Add', [x, `${p}out`], [`${p}x`]),
    )
    const m = normed(`${p}x`, `${p}m`)
    nodes.push(
      node('MatMul', [m, weight(`${p}w1`, [width, hidden])], [`${p}gate`]),
      node('Sigmoid', [`${p}gate`], [`${p}sigmoid`]),
      node('Mul', [`${p}gate`, `${p}sigmoid`], [`${p}silu`]),
      node('MatMul', [m, weight(`${p}w3`, [width, hidden])], [`${p}up`]),
      node('Mul', [`${p}silu`, `${p}up`], [`${p}hidden`]),
      node('MatMul', [`${p}hidden`, weight(`${p}w2`, [hidden, width])], [`${p}down`]),
      node('Add', [`${p}x`, `${p}down`], [`l${i}_y`]),
    )
    x = `l${i}_y`
  }
  nodes.push(node('MatMul', [normed(x, 'final'), weight('head', [width, words])], ['logits']))
  return {
    suite: 'sequence',
    group: 'growing past',
    name: `${layers} layers${sizes === small ? '' : ` of ${width}`}, past of ${first} to ${first + tokens - 1}${firstMet === undefined ? '' : ', each met for the first time'}`,
    firstMet,
    model: model({
      inputs,
      outputs: ['logits', ...outputs],
      weights,
      nodes,
      opset: 18,
      inputTypes: { token: 'int64' },
    }),
    feeds: Array.from({ length: tokens }, (_, t) => {
      const feeds = new Map([['token', hostTensor('int64', [1, 1], BigInt64Array.of(BigInt((t * 7) % words)))]])
      for (const name of Object.keys(inputs))
        if (name !== 'token') feeds.set(name, randomTensor(random, 'float32', [1, heads, first + t, head], -1, 1))
      return feeds
    }),
  }
}

/** Of lengths that have not been met before, so many are run before the clock starts. */
const UNTIMED = 8

/** Lengths that come in turn, more of them than plans are kept; and lengths that a session has not met before. */
export function* pastWorks(): Generator<() => Work> {
  yield () => layered(small, 2, 16, 64)
  yield () => layered(small, 6, 16, 64)
  yield () => layered(large, 6, 16, 64)
  yield () => layered(small, 2, 16, 120, UNTIMED)
  yield () => layered(small, 6, 16, 120, UNTIMED)
  yield () => layered(large, 6, 16, 120, UNTIMED)
}
